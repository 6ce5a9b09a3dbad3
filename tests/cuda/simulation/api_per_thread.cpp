// The names that a program compiled for per-thread default streams calls. The header renames the functions, so that
// these definitions are those of cudaMemcpy_ptds, cudaMemcpyAsync_ptsz and so on.
#define CUDA_API_PER_THREAD_DEFAULT_STREAM 1
#include <cuda_runtime_api.h>

#include "api_copies.hpp"
#include "api_memory.hpp"
#include "api_streams.hpp"

namespace {

cudaStream_t own(cudaStream_t handle) { return handle == nullptr ? cudaStreamPerThread : handle; }

}  // namespace

extern "C" {

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    return cuda_sim::copy_now(to, from, bytes, kind, cudaStreamPerThread);
}
cudaError_t cudaMemset(void* at, int value, std::size_t bytes) {
    return cuda_sim::fill_on("cudaMemset", at, value, bytes, cudaStreamPerThread);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t on) {
    return cuda_sim::copy_on(to, from, bytes, kind, own(on));
}
cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t on) {
    return cuda_sim::fill_on("cudaMemsetAsync", at, value, bytes, own(on));
}
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t on) {
    return cuda_sim::allocate_on(pointer, bytes, own(on));
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t on) { return cuda_sim::free_on(pointer, own(on)); }
cudaError_t cudaStreamSynchronize(cudaStream_t of) { return cuda_sim::synchronize(own(of)); }
cudaError_t cudaStreamQuery(cudaStream_t of) { return cuda_sim::query(own(of)); }
cudaError_t cudaStreamWaitEvent(cudaStream_t of, cudaEvent_t event, unsigned int flags) {
    return cuda_sim::wait_for(own(of), event, flags);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t on) { return cuda_sim::record(event, own(on)); }
cudaError_t cudaLaunchHostFunc(cudaStream_t on, cudaHostFn_t function, void* data) {
    return cuda_sim::host_function(own(on), function, data);
}
}
