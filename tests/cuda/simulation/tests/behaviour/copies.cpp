#include <string>

#include "simulated.hpp"

using namespace simulated;

TEST_CASE("bytes go to a device and back in every order") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        char* a = device_memory(1000);
        char* b = device_memory(1000);
        char* host = pinned_memory(1000);
        const cudaStream_t stream = new_stream();
        std::string from(1000, 'x'), to(1000, ' ');
        OK(cudaMemcpyAsync(a, from.data(), 1000, cudaMemcpyHostToDevice, stream));
        from.assign(1000, 'y');  // a pageable source is taken at the call
        OK(cudaMemcpyAsync(b, a, 1000, cudaMemcpyDeviceToDevice, stream));
        OK(cudaMemcpyAsync(host, b, 1000, cudaMemcpyDeviceToHost, stream));
        OK(cudaMemcpyAsync(to.data(), a, 1000, cudaMemcpyDefault, stream));  // waits: pageable
        CHECK_EQ(to, std::string(1000, 'x'));
        CHECK_EQ(std::string(host, 1000), to);
        OK(cudaStreamDestroy(stream));
        OK(cudaFree(a));
        OK(cudaFree(b));
        OK(cudaFreeHost(host));
    }
}

TEST_CASE("a pinned source is read when the copy runs") {
    const fresh world(in(order::late));
    char* a = device_memory(4);
    char* host = pinned_memory(4);
    const cudaStream_t stream = new_stream();
    std::memcpy(host, "old", 4);
    OK(cudaMemcpyAsync(a, host, 4, cudaMemcpyHostToDevice, stream));
    std::memcpy(host, "new", 4);  // wrong, and the simulation shows it
    CHECK_EQ(peek(a, 4), "\xCD\xCD\xCD\xCD");
    OK(cudaStreamSynchronize(stream));
    CHECK_EQ(peek(a, 3), "new");
    OK(cudaStreamDestroy(stream));
    OK(cudaFree(a));
    OK(cudaFreeHost(host));
}
