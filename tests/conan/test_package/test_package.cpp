#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>

struct checkpoint {
    std::int64_t epoch = 0;
    tarc::tensor<float> weight;
};

int main() {
    checkpoint saved;
    saved.epoch = 3;
    saved.weight = tarc::tensor<float>::full({2, 2}, 0.5f);
    tarc::save(saved, "test_package.pt");
    const auto loaded = tarc::load<checkpoint>("test_package.pt");
    const bool same = loaded.epoch == 3 && loaded.weight.numel() == 4 && loaded.weight(1, 1) == 0.5f;
    std::puts(same ? "test_package: the same came back" : "test_package: something else came back");
    return same ? 0 : 1;
}
