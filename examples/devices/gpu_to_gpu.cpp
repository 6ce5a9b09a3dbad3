// Save on a GPU, load on that GPU. In PyTorch: torch.load(path), then model.to("cuda").
#include "model.hpp"

int main() {
    return run([] {
        const net model = trained_on(tarc::device::cuda(0));
        tarc::save(model, "gpu.pt");

        const net loaded = tarc::load<net>("gpu.pt");  // as saved: each storage to the device of its tag
        show("loaded", loaded);

        net in_place = trained_on(tarc::device::cuda(0));  // or into memory that is there, and that others may refer to
        tarc::load_into(in_place, "gpu.pt", {.in_place = true});
        show("in place", in_place);
    });
}
