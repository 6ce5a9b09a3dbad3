// Structs of tensors and a kernel; what saves and loads them is in main.cpp.
#include <tarc/cuda.hpp>

#include "model.hpp"

namespace {

__global__ void multiply(float* x, std::int64_t n, float by) {
    const std::int64_t i = blockIdx.x * std::int64_t{blockDim.x} + threadIdx.x;
    if (i < n) x[i] *= by;
}

cudaError_t scale(tarc::tensor<float>& t, float by) {
    const std::size_t bytes = static_cast<std::size_t>(t.numel()) * sizeof(float);
    float* device = nullptr;
    cudaError_t e = cudaMalloc(reinterpret_cast<void**>(&device), bytes);
    if (e != cudaSuccess) return e;
    e = cudaMemcpy(device, t.span().data(), bytes, cudaMemcpyHostToDevice);
    if (e == cudaSuccess) {
        multiply<<<static_cast<unsigned>(t.numel() / 256 + 1), 256>>>(device, t.numel(), by);
        e = cudaGetLastError();
    }
    if (e == cudaSuccess) e = cudaMemcpy(t.span().data(), device, bytes, cudaMemcpyDeviceToHost);
    cudaFree(device);
    return e;
}

}  // namespace

const char* scale(linear& model, float by) {
    cudaError_t e = scale(model.weight, by);
    if (e == cudaSuccess) e = scale(model.bias, by);
    return e == cudaSuccess ? nullptr : cudaGetErrorString(e);
}
