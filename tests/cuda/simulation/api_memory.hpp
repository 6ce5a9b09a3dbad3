#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

/// The calls that take a stream, so that those with the per-thread default stream are the same ones.
namespace cuda_sim {

cudaError_t allocate_on(void** pointer, std::size_t bytes, cudaStream_t handle);
cudaError_t free_on(void* pointer, cudaStream_t handle);

}  // namespace cuda_sim
