#include <cstdio>

#include "program.hpp"

using namespace misuse;

namespace {

void pooled_unordered(bool wrong) {
    const cudaStream_t one = new_stream(), two = new_stream();
    void* a = nullptr;
    cudaMallocAsync(&a, bytes, one);
    if (!wrong) order(one, two);
    cudaMemsetAsync(a, 0, bytes, two);
    order(two, one);
    cudaFreeAsync(a, one);
    cudaStreamDestroy(one);
    cudaStreamDestroy(two);
}

void pooled_freed_under_work(bool wrong) {
    const cudaStream_t one = new_stream(), two = new_stream();
    void* a = nullptr;
    cudaMallocAsync(&a, bytes, one);
    order(one, two);
    cudaMemsetAsync(a, 0, bytes, two);
    if (!wrong) order(two, one);
    cudaFreeAsync(a, one);
    cudaStreamSynchronize(one);
    cudaStreamSynchronize(two);
    cudaStreamDestroy(one);
    cudaStreamDestroy(two);
}

void pooled_used_after_free(bool wrong) {
    const cudaStream_t stream = new_stream();
    void* a = nullptr;
    cudaMallocAsync(&a, bytes, stream);
    if (!wrong) cudaMemsetAsync(a, 0, bytes, stream);
    cudaFreeAsync(a, stream);
    if (wrong) cudaMemsetAsync(a, 0, bytes, stream);
    cudaStreamDestroy(stream);
}

void event_of_other_device(bool wrong) {
    const cudaEvent_t event = new_event();
    if (wrong) cudaSetDevice(1);
    const cudaStream_t stream = new_stream();
    cudaEventRecord(event, stream);
    cudaStreamDestroy(stream);
    cudaEventDestroy(event);
}

void stream_used_after_destroy(bool wrong) {
    char* a = device_memory();
    const cudaStream_t stream = new_stream();
    if (!wrong) cudaMemsetAsync(a, 0, bytes, stream);
    cudaStreamDestroy(stream);
    if (wrong) cudaMemsetAsync(a, 0, bytes, stream);
    cudaFree(a);
}

void event_used_after_destroy(bool wrong) {
    const cudaEvent_t event = new_event();
    if (!wrong) cudaEventSynchronize(event);
    cudaEventDestroy(event);
    if (wrong) cudaEventSynchronize(event);
}

void race_on_device_memory(bool wrong) {
    char* a = device_memory();
    const cudaStream_t one = new_stream(), two = new_stream();
    cudaMemsetAsync(a, 1, bytes, one);
    if (!wrong) order(one, two);
    cudaMemsetAsync(a + 100, 2, 100, two);
    cudaStreamDestroy(one);
    cudaStreamDestroy(two);
    cudaFree(a);
}

void race_on_pinned_memory(bool wrong) {
    char* a = device_memory();
    char* b = device_memory();
    char* host = pinned_memory();
    const cudaStream_t one = new_stream(), two = new_stream();
    cudaMemcpyAsync(a, host, bytes, cudaMemcpyHostToDevice, one);
    if (!wrong) order(one, two);
    cudaMemcpyAsync(host, b, 1, cudaMemcpyDeviceToHost, two);
    cudaDeviceSynchronize();
    cudaStreamDestroy(one);
    cudaStreamDestroy(two);
    cudaFreeHost(host);
    cudaFree(a);
    cudaFree(b);
}

void race_with_default_stream(bool wrong) {
    char* a = device_memory();
    cudaStream_t other = nullptr;
    cudaStreamCreateWithFlags(&other, wrong ? cudaStreamNonBlocking : cudaStreamDefault);
    cudaMemset(a, 1, bytes);  // does not wait for the device
    cudaMemsetAsync(a, 2, bytes, other);
    cudaStreamDestroy(other);
    cudaFree(a);
}

void call_in_host_function(bool wrong) {
    const cudaStream_t stream = new_stream();
    static bool calls;
    calls = wrong;
    const auto function = [](void*) {
        int device = 0;
        if (calls) cudaGetDevice(&device);
    };
    cudaLaunchHostFunc(stream, function, nullptr);
    cudaStreamSynchronize(stream);
    cudaStreamDestroy(stream);
}

// Not seen as such, but by wrong bytes: "b" arrives twice.
void slot_reused_too_early(bool wrong) {
    char* a = device_memory();
    char* slot = pinned_memory();
    const cudaStream_t stream = new_stream();
    const cudaEvent_t copied = new_event();
    cudaMemcpyAsync(a, slot, 1, cudaMemcpyHostToDevice, stream);
    cudaEventRecord(copied, stream);
    if (!wrong) cudaEventSynchronize(copied);
    slot[0] = 'b';
    cudaMemcpyAsync(a + 1, slot, 1, cudaMemcpyHostToDevice, stream);
    char seen[3] = "";
    cudaMemcpyAsync(seen, a, 2, cudaMemcpyDeviceToHost, stream);
    std::puts(seen);
    cudaStreamDestroy(stream);
    cudaEventDestroy(copied);
    cudaFreeHost(slot);
    cudaFree(a);
}

const listed all{{
    {"pooled_unordered", pooled_unordered, "which is not ordered after its allocation"},
    {"pooled_freed_under_work", pooled_freed_under_work, "while unordered work uses it"},
    {"pooled_used_after_free", pooled_used_after_free, "its destination is memory that was freed"},
    {"event_of_other_device", event_of_other_device, "the event is of device 0, the stream of device 1"},
    {"stream_used_after_destroy", stream_used_after_destroy, "the stream was destroyed or never made"},
    {"event_used_after_destroy", event_used_after_destroy, "the event was destroyed or never made"},
    {"race_on_device_memory", race_on_device_memory,
     "race between streams: it writes on stream 1 what cudaMemsetAsync"},
    {"race_on_pinned_memory", race_on_pinned_memory,
     "race between streams: it writes on stream 1 what cudaMemcpyAsync"},
    {"race_with_default_stream", race_with_default_stream, "race between streams"},
    {"call_in_host_function", call_in_host_function, "a host function of a stream must not call CUDA"},
    {"slot_reused_too_early", slot_reused_too_early, "bb", shown_by::output, "late"},
}};

}  // namespace
