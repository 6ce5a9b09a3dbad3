#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

/// The calls that take a stream or mean the default one, so that those with the per-thread default stream are the same
/// ones.
namespace cuda_sim {

cudaError_t copy_now(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t handle);
cudaError_t copy_on(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t handle);
/// `name`: cudaMemset or cudaMemsetAsync, which are the same but for the stream.
cudaError_t fill_on(const char* name, void* at, int value, std::size_t bytes, cudaStream_t handle);
/// Stands for a kernel.
cudaError_t compute_on(void* at, int value, std::size_t bytes, std::uint64_t microseconds, cudaStream_t handle);

}  // namespace cuda_sim
