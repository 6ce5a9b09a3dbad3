#include "program.hpp"

using namespace misuse;

namespace {

void forgotten_device(bool wrong) {
    char* a = device_memory();
    if (!wrong) cudaFree(a);
}

void forgotten_managed(bool wrong) {
    void* a = nullptr;
    cudaMallocManaged(&a, bytes, cudaMemAttachGlobal);
    if (!wrong) cudaFree(a);
}

void forgotten_pinned(bool wrong) {
    char* a = pinned_memory();
    if (!wrong) cudaFreeHost(a);
}

void forgotten_registered(bool wrong) {
    static char memory[bytes];
    cudaHostRegister(memory, bytes, cudaHostRegisterDefault);
    if (!wrong) cudaHostUnregister(memory);
}

void forgotten_stream(bool wrong) {
    const cudaStream_t stream = new_stream();
    if (!wrong) cudaStreamDestroy(stream);
}

void forgotten_event(bool wrong) {
    const cudaEvent_t event = new_event();
    if (!wrong) cudaEventDestroy(event);
}

const listed all{{
    {"forgotten_device", forgotten_device, "4096 bytes of device memory on device 0 were never freed: cudaMalloc"},
    {"forgotten_managed", forgotten_managed,
     "4096 bytes of managed memory on device 0 were never freed: cudaMallocManaged"},
    {"forgotten_pinned", forgotten_pinned, "4096 bytes of pinned memory were never freed: cudaHostAlloc"},
    {"forgotten_registered", forgotten_registered,
     "4096 bytes of registered host memory were never unregistered: cudaHostRegister"},
    {"forgotten_stream", forgotten_stream, "a stream of device 0 was never destroyed: cudaStreamCreateWithFlags"},
    {"forgotten_event", forgotten_event, "an event of device 0 was never destroyed: cudaEventCreateWithFlags"},
}};

}  // namespace
