#include <chrono>
#include <thread>
#include <vector>

#include "simulated.hpp"

using namespace simulated;

namespace {

double seconds_of(const auto& what) {
    const auto start = std::chrono::steady_clock::now();
    what();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("copies take the time of the link, and directions and devices have their own") {
    const fresh world({.memory = 16 << 20, .gigabytes_per_second = 0.1});
    constexpr std::size_t part = std::size_t{1} << 19, parts = 16;  // 84 ms
    std::vector<char*> memory, host;
    std::vector<cudaStream_t> streams;
    for (int device = 0; device < 2; ++device) {
        OK(cudaSetDevice(device));
        for (int i = 0; i < 2; ++i) {
            memory.push_back(device_memory(part));
            host.push_back(pinned_memory(part));
            std::memset(host.back(), 1, part);
            streams.push_back(new_stream());
        }
    }
    OK(cudaSetDevice(0));
    const auto finish = [&] {
        for (const cudaStream_t stream : streams) OK(cudaStreamSynchronize(stream));
    };
    finish();
    const double nominal = static_cast<double>(part * parts) / 0.1e9;
    const double two_streams = seconds_of([&] {  // on one link
        for (std::size_t i = 0; i < parts; ++i) {
            OK(cudaMemcpyAsync(memory[i % 2], host[i % 2], part, cudaMemcpyHostToDevice, streams[i % 2]));
        }
        finish();
    });
    CHECK_GE(two_streams, nominal * 0.98);
    CHECK_LE(two_streams, nominal * 1.5);
    const double apart = seconds_of([&] {  // device 0 in, device 0 out, device 1 in
        for (std::size_t i = 0; i < parts; ++i) {
            OK(cudaMemcpyAsync(memory[0], host[0], part, cudaMemcpyHostToDevice, streams[0]));
            OK(cudaMemcpyAsync(host[1], memory[1], part, cudaMemcpyDeviceToHost, streams[1]));
            OK(cudaMemcpyAsync(memory[2], host[2], part, cudaMemcpyHostToDevice, streams[2]));
        }
        finish();
    });
    CHECK_GE(apart, nominal * 0.98);
    CHECK_LE(apart, nominal * 1.9);
    for (char* each : memory) OK(cudaFree(each));
    for (char* each : host) OK(cudaFreeHost(each));
    for (const cudaStream_t each : streams) OK(cudaStreamDestroy(each));
}

TEST_CASE("many threads use the runtime at once") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        std::vector<std::thread> threads;
        for (int n = 0; n < 4; ++n) {
            threads.emplace_back([n] {
                OK(cudaSetDevice(n % 2));
                for (int round = 0; round < 20; ++round) {
                    char* a = device_memory(1000);
                    char* host = pinned_memory(1000);
                    const cudaStream_t stream = new_stream();
                    const cudaEvent_t event = new_event();
                    const std::string text(1000, static_cast<char>('a' + n));
                    std::memcpy(host, text.data(), text.size());
                    OK(cudaMemcpyAsync(a, host, 1000, cudaMemcpyDefault, stream));
                    OK(cudaEventRecord(event, stream));
                    OK(cudaEventSynchronize(event));
                    std::memset(host, 0, 1000);
                    OK(cudaMemcpyAsync(host, a, 1000, cudaMemcpyDefault, stream));
                    while (cudaStreamQuery(stream) == cudaErrorNotReady) std::this_thread::yield();
                    CHECK_EQ(std::string(host, 1000), text);
                    OK(cudaEventDestroy(event));
                    OK(cudaStreamDestroy(stream));
                    OK(cudaFreeHost(host));
                    OK(cudaFree(a));
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
    }
}
