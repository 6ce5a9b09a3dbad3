#include <tarc/cuda.hpp>
#include <tarc/tarc.hpp>

#include <cstdio>

#include "model.hpp"

int main() {
    checkpoint c;
    c.epoch = 3;
    c.fc.weight = tarc::tensor<float>::full({2, 3}, 0.5f);
    c.fc.bias = tarc::tensor<float>::full({2}, 1.f);
    tarc::save(c, "nvcc.pt");
    checkpoint back = tarc::load<checkpoint>("nvcc.pt");
    const bool renamed = tarc::open("nvcc.pt").tensor({"fc", "b"}).numel() == 2;

    const char* why = scale(back.fc, 4.f);
    std::printf("kernel: %s\n", why == nullptr ? "ran" : why);
    const bool right = back.fc.weight(1, 2) == (why == nullptr ? 2.f : 0.5f);
    std::printf("nvcc: %s\n", right && renamed && back.epoch == 3 ? "the same came back" : "something else came back");
    return right && renamed && back.epoch == 3 ? 0 : 1;
}
