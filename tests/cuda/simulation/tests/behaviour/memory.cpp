#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "simulated.hpp"

using namespace simulated;

TEST_CASE("device memory is marked, aligned to 256 and no more, and counted") {
    const fresh world({.memory = 1 << 20});
    std::size_t free = 0, total = 0;
    std::vector<char*> blocks;
    for (const std::size_t bytes : {1U, 255U, 256U, 257U, 5000U}) {
        blocks.push_back(device_memory(bytes));
        CHECK_EQ(reinterpret_cast<std::uintptr_t>(blocks.back()) % 512, 256);
        CHECK_EQ(peek(blocks.back(), bytes), std::string(bytes, '\xCD'));
    }
    OK(cudaMemGetInfo(&free, &total));
    CHECK_EQ(total, 1 << 20);
    CHECK_EQ(total - free, 256 + 256 + 256 + 512 + 5120);
    CHECK_EQ(sim().alive("device"), 5);
    CHECK_EQ(sim().alive("device bytes"), 1 + 255 + 256 + 257 + 5000);
    for (char* block : blocks) OK(cudaFree(block));
    OK(cudaMemGetInfo(&free, &total));
    CHECK_EQ(free, total);
    char there = 0;
    CHECK_FALSE(sim().peek(blocks[0], &there, 1));
}

TEST_CASE("a device is as big as it says, for ever") {
    const fresh world({.memory = 1 << 20});
    void* more = nullptr;
    for (int round = 0; round < 50; ++round) {
        char* all = device_memory((1 << 20) - 256);
        char* rest = device_memory(256);
        FAILS(cudaMalloc(&more, 1), cudaErrorMemoryAllocation);
        FAILS(cudaGetLastError(), cudaErrorMemoryAllocation);
        OK(cudaSetDevice(1));
        OK(cudaFree(device_memory(1 << 20)));  // another device has its own
        OK(cudaSetDevice(0));
        OK(cudaFree(all));
        OK(cudaFree(rest));
    }
    FAILS(cudaMalloc(&more, std::size_t{1} << 60), cudaErrorMemoryAllocation);
    OK(cudaMalloc(&more, 0));
    CHECK_EQ(more, nullptr);
    OK(cudaFree(nullptr));
}

TEST_CASE("the system cannot read into device memory") {
    const fresh world;
    char* a = device_memory(16);
    const int file = ::open("/proc/self/exe", O_RDONLY);
    CHECK_EQ(::pread(file, a, 16, 0), -1);
    CHECK_EQ(errno, EFAULT);
    ::close(file);
    OK(cudaFree(a));
}

TEST_CASE("managed memory is for both sides") {
    const fresh world;
    void* made = nullptr;
    OK(cudaMallocManaged(&made, 4, cudaMemAttachGlobal));
    auto* a = static_cast<char*>(made);
    std::memcpy(a, "abc", 4);
    char to[4] = "";
    OK(cudaMemcpy(to, a, 4, cudaMemcpyDefault));
    CHECK_EQ(std::string(to), "abc");
    OK(cudaMemset(a, 'z', 3));
    OK(cudaDeviceSynchronize());
    CHECK_EQ(std::string(a), "zzz");
    OK(cudaFree(a));
}

TEST_CASE("what is known about a pointer") {
    const fresh world;
    OK(cudaSetDevice(1));
    char* device = device_memory(10);
    char* pinned = pinned_memory(10);
    static char registered[8192];
    OK(cudaHostRegister(registered, sizeof registered, cudaHostRegisterDefault));
    void* managed = nullptr;
    OK(cudaMallocManaged(&managed, 10, cudaMemAttachGlobal));
    int plain = 0;
    OK(cudaSetDevice(0));
    const auto of = [](const void* pointer) {
        cudaPointerAttributes known{};
        OK(cudaPointerGetAttributes(&known, pointer));
        return known;
    };
    CHECK_EQ(of(device + 9).type, cudaMemoryTypeDevice);
    CHECK_EQ(of(device + 9).device, 1);
    CHECK_EQ(of(device + 9).devicePointer, device + 9);
    CHECK_EQ(of(device + 9).hostPointer, nullptr);
    CHECK_EQ(of(pinned).type, cudaMemoryTypeHost);
    CHECK_EQ(of(pinned).hostPointer, pinned);
    CHECK_EQ(of(registered + 5).type, cudaMemoryTypeHost);
    CHECK_EQ(of(managed).type, cudaMemoryTypeManaged);
    CHECK_EQ(of(managed).hostPointer, managed);
    CHECK_EQ(of(&plain).type, cudaMemoryTypeUnregistered);
    CHECK_EQ(of(&plain).device, cudaInvalidDeviceId);
    OK(cudaFree(device));
    OK(cudaFree(managed));
    OK(cudaFreeHost(pinned));
    OK(cudaHostUnregister(registered));
    CHECK_EQ(of(registered).type, cudaMemoryTypeUnregistered);
}

TEST_CASE("pinned memory is counted, and marked when it is freed") {
    const fresh world;
    char* a = pinned_memory(100);
    static char b[200];
    OK(cudaHostRegister(b, 200, cudaHostRegisterDefault));
    FAILS(cudaHostRegister(b, 200, cudaHostRegisterDefault), cudaErrorHostMemoryAlreadyRegistered);
    FAILS(cudaHostRegister(b + 100, 50, cudaHostRegisterDefault), cudaErrorHostMemoryAlreadyRegistered);
    FAILS(cudaHostRegister(a, 10, cudaHostRegisterDefault), cudaErrorHostMemoryAlreadyRegistered);
    FAILS(cudaHostRegister(nullptr, 10, cudaHostRegisterDefault), cudaErrorInvalidValue);
    CHECK_EQ(sim().alive("pinned"), 2);
    CHECK_EQ(sim().alive("pinned bytes"), 300);
    OK(cudaHostUnregister(b));
    FAILS(cudaHostUnregister(b), cudaErrorHostMemoryNotRegistered);
    FAILS(cudaHostUnregister(b + 100), cudaErrorHostMemoryNotRegistered);
    OK(cudaFreeHost(a));
    CHECK_EQ(std::string(a, 100), std::string(100, '\xDB'));
    CHECK_EQ(sim().alive("pinned bytes"), 0);
    CHECK_EQ(sim().alive("peak pinned bytes"), 300);
    sim().clear_counts();
    CHECK_EQ(sim().alive("peak pinned bytes"), 0);
    for (int i = 0; i < 40; ++i) OK(cudaFreeHost(pinned_memory(std::size_t{8} << 20)));  // kept within bounds
    OK(cudaGetLastError() == cudaErrorHostMemoryNotRegistered ? cudaSuccess : cudaErrorUnknown);
}

TEST_CASE("late work sees what became of pinned memory") {
    const fresh world(in(order::late));
    char* a = device_memory(4);
    char* host = pinned_memory(4);
    const cudaStream_t stream = new_stream();
    OK(cudaMemcpyAsync(a, host, 4, cudaMemcpyHostToDevice, stream));
    OK(cudaFreeHost(host));
    OK(cudaStreamSynchronize(stream));
    CHECK_EQ(peek(a, 4), "\xDB\xDB\xDB\xDB");
    CHECK_NE(std::string(sim().misuse()), "");
    sim().reset({});
}

TEST_CASE("memory in the order of streams") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world({.memory = 1 << 20, .run = run});
        const cudaStream_t stream = new_stream();
        char to[4] = "";
        for (int i = 0; i < 5; ++i) {  // each time all of it: the pending free makes room
            void* a = nullptr;
            OK(cudaMallocAsync(&a, 1 << 20, stream));
            OK(cudaMemsetAsync(a, 'k', 3, stream));
            OK(cudaMemcpyAsync(to, a, 3, cudaMemcpyDeviceToHost, stream));
            CHECK_EQ(std::string(to), "kkk");
            OK(cudaFreeAsync(a, stream));
        }
        void* a = nullptr;
        OK(cudaMallocAsync(&a, 10, stream));
        OK(cudaFree(a));  // allowed, and waits
        OK(cudaStreamDestroy(stream));
    }
    const fresh world({.pools = false});
    int pools = 7;
    void* a = nullptr;
    OK(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, 0));
    CHECK_EQ(pools, 0);
    FAILS(cudaMallocAsync(&a, 1, nullptr), cudaErrorNotSupported);
}

TEST_CASE("a reset device has nothing") {
    const fresh world;
    (void)device_memory(10);
    (void)pinned_memory(10);
    (void)new_stream();
    (void)new_event();
    OK(cudaDeviceReset());
    CHECK_EQ(sim().alive("device") + sim().alive("pinned") + sim().alive("streams") + sim().alive("events"), 0);
}

TEST_CASE("tests see and change device memory, within its blocks") {
    const fresh world;
    char* a = device_memory(10);
    CHECK(sim().poke(a + 2, "xyz", 3));
    CHECK_EQ(peek(a + 2, 3), "xyz");
    char there[20];
    CHECK_FALSE(sim().peek(a, there, 11));
    CHECK_FALSE(sim().poke(there, "a", 1));
    OK(cudaFree(a));
}
