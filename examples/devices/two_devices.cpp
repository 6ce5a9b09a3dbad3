// One model over two devices: a policy sees each storage before anything is allocated, and says where it goes.
#include "model.hpp"

struct by_layer {
    tarc::placement operator()(const tarc::storage_info& s) const {
        return s.fields.front().starts_with("fc1.") ? tarc::device::cuda(0) : tarc::device::cuda(1);
    }
};
static_assert(tarc::map_location_policy<by_layer>);

int main() {
    return run([] {
        tarc::save(trained_on(tarc::device::cpu()), "model.pt");

        const net split = tarc::load<net>("model.pt", by_layer{});
        show("by layer", split);

        tarc::save(split, "split.pt");  // the tags say where each part was, so it comes back like that
        show("as saved", tarc::load<net>("split.pt"));

        const net filled =
            tarc::load<net>("model.pt", tarc::fit{{"cuda:0", 3000}, "cuda:1"});  // 3000 bytes of it at most
        show("by size", filled);
    });
}
