#pragma once

#include <cuda_runtime_api.h>

/// The calls that take a stream, so that those with the per-thread default stream are the same ones.
namespace cuda_sim {

cudaError_t synchronize(cudaStream_t handle);
cudaError_t query(cudaStream_t handle);
cudaError_t wait_for(cudaStream_t handle, cudaEvent_t event, unsigned int flags);
cudaError_t record(cudaEvent_t event, cudaStream_t handle);
cudaError_t host_function(cudaStream_t handle, cudaHostFn_t function, void* data);

}  // namespace cuda_sim
