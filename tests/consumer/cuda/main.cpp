// Without a driver, without a device and with one: the program starts, says what there is, and works on the host.
#include <tarc/cuda.hpp>
#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

struct run {
    std::int64_t epoch = 0;
    tarc::tensor<float> weight;
};

int main() {
    const tarc::device first = tarc::device::cuda(0);
    const tarc::backend* cuda = tarc::find_backend(first.type);
    if (cuda == nullptr) return 2;  // the header alone registers one
    const std::string why = cuda->unavailable(first);
    std::printf("%s: %s\n", first.location().c_str(), why.empty() ? "can be used" : why.c_str());
    int devices = 0;
    const cudaError_t answer = cudaGetDeviceCount(&devices);
    std::printf("cudart: %d devices (%s)\n", devices, cudaGetErrorString(answer));

    run r;
    r.epoch = 7;
    r.weight = tarc::tensor<float>::full({2, 3}, 1.5f);
    tarc::save(r, "consumer.pt");
    const run back = tarc::load<run>("consumer.pt", "cpu");
    return back.epoch == 7 && back.weight(1, 2) == 1.5f ? 0 : 1;
}
