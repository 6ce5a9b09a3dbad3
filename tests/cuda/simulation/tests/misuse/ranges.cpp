#include "program.hpp"

using namespace misuse;

namespace {

void past_the_end(bool wrong) {
    char* a = device_memory();
    const std::vector<char> from(bytes + 1);
    cudaMemcpy(a, from.data(), wrong ? bytes + 1 : bytes, cudaMemcpyHostToDevice);
    cudaFree(a);
}

void past_the_end_of_pinned(bool wrong) {
    char* a = device_memory(2 * bytes);
    char* host = pinned_memory();
    cudaMemcpy(a, host, wrong ? bytes + 1 : bytes, cudaMemcpyHostToDevice);
    cudaFree(a);
    cudaFreeHost(host);
}

void between_blocks(bool wrong) {
    char* a = device_memory();
    if (wrong) cudaMemset(a + bytes, 0, 1);
    cudaFree(a);
}

void used_after_free(bool wrong) {
    char* a = device_memory();
    char to[4] = {};
    cudaMemset(a, 0, bytes);
    if (!wrong) cudaMemcpy(to, a, sizeof to, cudaMemcpyDeviceToHost);
    cudaFree(a);
    if (wrong) cudaMemcpy(to, a, sizeof to, cudaMemcpyDeviceToHost);
}

void pinned_used_after_free(bool wrong) {
    char* a = device_memory();
    char* host = pinned_memory();
    if (!wrong) cudaMemcpy(a, host, bytes, cudaMemcpyHostToDevice);
    cudaFreeHost(host);
    if (wrong) cudaMemcpy(a, host, bytes, cudaMemcpyHostToDevice);
    cudaFree(a);
}

void pinned_written_after_free(bool wrong) {
    char* host = pinned_memory();
    if (!wrong) host[5] = 'b';
    cudaFreeHost(host);
    if (wrong) host[5] = 'b';
}

void host_pointer_as_device(bool wrong) {
    char* a = device_memory();
    std::vector<char> host(bytes);
    cudaMemcpy(wrong ? host.data() : a, host.data(), bytes, cudaMemcpyHostToDevice);
    cudaFree(a);
}

void host_pointer_filled(bool wrong) {
    char* a = device_memory();
    std::vector<char> host(bytes);
    cudaMemset(wrong ? host.data() : a, 0, bytes);
    cudaFree(a);
}

void wrong_device_named(bool wrong) {
    char* a = device_memory();
    char* b = device_memory();
    cudaMemcpyPeer(b, wrong ? 1 : 0, a, 0, bytes);
    cudaFree(a);
    cudaFree(b);
}

void dereferenced_on_host(bool wrong) {
    char* a = device_memory();
    char here = 0;
    if (wrong) {
        here = *static_cast<volatile char*>(a);
    } else {
        cudaMemcpy(&here, a, 1, cudaMemcpyDeviceToHost);
    }
    cudaFree(a);
}

const listed all{{
    {"past_the_end", past_the_end, "its destination runs past the end of its block: 4097 bytes from byte 0 of 4096"},
    {"past_the_end_of_pinned", past_the_end_of_pinned, "its source runs past the end of its block"},
    {"between_blocks", between_blocks, "its destination points into no block of device memory"},
    {"used_after_free", used_after_free, "its source is memory that was freed"},
    {"pinned_used_after_free", pinned_used_after_free, "its source is memory that was freed"},
    {"pinned_written_after_free", pinned_written_after_free, "its pinned memory was written to after it was freed"},
    {"host_pointer_as_device", host_pointer_as_device, "the pointers are not of the memory that the kind of copy says"},
    {"host_pointer_filled", host_pointer_filled, "its destination is pageable host memory"},
    {"wrong_device_named", wrong_device_named, "the memory is not on the device that the call says"},
    {"dereferenced_on_host", dereferenced_on_host, "", shown_by::signal},
}};

}  // namespace
