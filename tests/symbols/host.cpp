// Saves and loads with a device in every place where one can be named, and includes no CUDA header.
#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>

struct checkpoint {
    std::int64_t epoch = 0;
    tarc::tensor<float> weight;
};

int main() {
    checkpoint c;
    c.epoch = 3;
    c.weight = tarc::tensor<float>::full({2}, 1.f);
    tarc::save(c, "host.pt", {.location = "cuda:0"});
    try {
        c = tarc::load<checkpoint>("host.pt", tarc::device::cuda(1));
        return 1;
    } catch (const tarc::error& e) {
        std::printf("%s\n", e.what());
    }
    c = tarc::load<checkpoint>("host.pt", tarc::remap{{"cuda:*", "cpu"}});
    return c.epoch == 3 && c.weight(1) == 1.f ? 0 : 1;
}
