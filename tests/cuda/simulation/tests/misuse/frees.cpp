#include "program.hpp"

using namespace misuse;

namespace {

void freed_twice(bool wrong) {
    char* a = device_memory();
    cudaFree(a);
    if (wrong) cudaFree(a);
}

void pinned_freed_twice(bool wrong) {
    char* a = pinned_memory();
    cudaFreeHost(a);
    if (wrong) cudaFreeHost(a);
}

void foreign_freed(bool wrong) {
    static char memory[bytes];
    char* a = device_memory();
    if (wrong) cudaFree(memory);
    cudaFree(a);
}

void foreign_host_freed(bool wrong) {
    static char memory[bytes];
    char* a = pinned_memory();
    if (wrong) cudaFreeHost(memory);
    cudaFreeHost(a);
}

void freed_as_other_kind(bool wrong) {
    char* a = pinned_memory();
    if (wrong) cudaFree(a);
    cudaFreeHost(a);
}

void interior_freed(bool wrong) {
    char* a = device_memory();
    if (wrong) cudaFree(a + 256);
    cudaFree(a);
}

void unpooled_freed_on_stream(bool wrong) {
    const cudaStream_t stream = new_stream();
    char* a = device_memory();
    if (wrong) cudaFreeAsync(a, stream);
    cudaFree(a);
    cudaStreamDestroy(stream);
}

void freed_under_other_device(bool wrong) {
    char* a = device_memory();
    cudaSetDevice(1);
    const cudaStream_t stream = new_stream();
    char* b = device_memory();
    cudaMemcpyPeerAsync(b, 1, a, 0, bytes, stream);
    if (!wrong) cudaStreamSynchronize(stream);
    cudaFree(a);
    cudaFree(b);
    cudaStreamDestroy(stream);
}

void pinned_freed_under_copy(bool wrong) {
    char* a = device_memory();
    char* host = pinned_memory();
    const cudaStream_t stream = new_stream();
    cudaMemcpyAsync(a, host, bytes, cudaMemcpyHostToDevice, stream);
    if (!wrong) cudaStreamSynchronize(stream);
    cudaFreeHost(host);
    cudaStreamDestroy(stream);
    cudaFree(a);
}

void unregistered_under_copy(bool wrong) {
    char* a = device_memory();
    std::vector<char> host(bytes);
    cudaHostRegister(host.data(), bytes, cudaHostRegisterDefault);
    const cudaStream_t stream = new_stream();
    cudaMemcpyAsync(host.data(), a, bytes, cudaMemcpyDeviceToHost, stream);
    if (!wrong) cudaStreamSynchronize(stream);
    cudaHostUnregister(host.data());
    cudaStreamDestroy(stream);
    cudaFree(a);
}

void device_memory_registered(bool wrong) {
    static char memory[bytes];
    char* a = device_memory();
    char* const pinned = wrong ? a : memory;
    cudaHostRegister(pinned, bytes, cudaHostRegisterDefault);
    if (!wrong) cudaHostUnregister(pinned);
    cudaFree(a);
}

const listed all{{
    {"freed_twice", freed_twice, "memory is freed a second time"},
    {"pinned_freed_twice", pinned_freed_twice, "memory is freed a second time"},
    {"foreign_freed", foreign_freed, "the pointer is not of an allocation of this kind"},
    {"foreign_host_freed", foreign_host_freed, "the pointer is not of an allocation of this kind"},
    {"freed_as_other_kind", freed_as_other_kind, "the pointer is of another kind of memory"},
    {"interior_freed", interior_freed, "the pointer is into the middle of a block"},
    {"unpooled_freed_on_stream", unpooled_freed_on_stream, "the memory is not of cudaMallocAsync"},
    {"freed_under_other_device", freed_under_other_device, "memory is freed while work of another device uses it"},
    {"pinned_freed_under_copy", pinned_freed_under_copy, "pinned memory freed while a copy from it was pending"},
    {"unregistered_under_copy", unregistered_under_copy, "pinned memory unregistered while a copy to it was pending"},
    {"device_memory_registered", device_memory_registered, "device memory cannot be registered"},
}};

}  // namespace
