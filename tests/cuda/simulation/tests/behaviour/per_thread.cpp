// Compiled as a program whose default stream is each thread's own: these are other functions of the library.
#define CUDA_API_PER_THREAD_DEFAULT_STREAM 1
#include "simulated.hpp"

using namespace simulated;

TEST_CASE("with per-thread default streams, stream 0 is the thread's") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        char* memory = device_memory(4);
        char* host = pinned_memory(4);
        const cudaEvent_t event = new_event();
        void* pooled = nullptr;
        OK(cudaMemsetAsync(memory, 'a', 2, nullptr));
        OK(cudaMemset(memory + 2, 'b', 2));
        OK(cudaMemcpyAsync(host, memory, 4, cudaMemcpyDefault, nullptr));
        OK(cudaEventRecord(event, nullptr));
        OK(cudaStreamWaitEvent(nullptr, event, 0));
        OK(cudaStreamSynchronize(nullptr));
        CHECK_EQ(std::string(host, 4), "aabb");
        OK(cudaStreamQuery(nullptr));
        OK(cudaMallocAsync(&pooled, 4, nullptr));
        OK(cudaMemcpy(pooled, host, 4, cudaMemcpyDefault));
        OK(cudaLaunchHostFunc(nullptr, [](void*) {}, nullptr));
        OK(cudaFreeAsync(pooled, nullptr));
        OK(cudaEventDestroy(event));
        OK(cudaFree(memory));
        OK(cudaFreeHost(host));
    }
}
