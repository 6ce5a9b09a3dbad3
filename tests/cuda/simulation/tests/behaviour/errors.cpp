#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "simulated.hpp"

using namespace simulated;

TEST_CASE("the last error is of each thread, and taken once") {
    const fresh world;
    FAILS(cudaGetLastError(), cudaSuccess);
    FAILS(cudaSetDevice(2), cudaErrorInvalidDevice);
    OK(cudaSetDevice(0));  // a success takes nothing back
    std::thread([] { FAILS(cudaGetLastError(), cudaSuccess); }).join();
    FAILS(cudaPeekAtLastError(), cudaErrorInvalidDevice);
    FAILS(cudaGetLastError(), cudaErrorInvalidDevice);
    FAILS(cudaGetLastError(), cudaSuccess);
    CHECK_EQ(std::string(cudaGetErrorName(cudaErrorInvalidDevice)), "cudaErrorInvalidDevice");
    CHECK_EQ(std::string(cudaGetErrorString(cudaErrorMemoryAllocation)), "out of memory");
    CHECK_EQ(std::string(cudaGetErrorName(static_cast<cudaError_t>(12345))), "unrecognized error code");
}

TEST_CASE("the current device is of each thread") {
    const fresh world({.devices = 3});
    int device = 7;
    OK(cudaGetDeviceCount(&device));
    CHECK_EQ(device, 3);
    OK(cudaSetDevice(2));
    std::thread([] {
        int other = 7;
        OK(cudaGetDevice(&other));
        CHECK_EQ(other, 0);
    }).join();
    OK(cudaGetDevice(&device));
    CHECK_EQ(device, 2);
    FAILS(cudaSetDevice(-1), cudaErrorInvalidDevice);
    // A stream keeps its device, whichever is current.
    const cudaStream_t stream = new_stream();
    char* a = device_memory(1);
    OK(cudaSetDevice(0));
    OK(cudaMemsetAsync(a, 'q', 1, stream));
    OK(cudaStreamSynchronize(stream));
    CHECK_EQ(peek(a, 1), "q");
    OK(cudaFree(a));
    OK(cudaStreamDestroy(stream));
}

TEST_CASE("no driver") {
    const fresh world({.driver = false});
    int value = 7;
    void* a = nullptr;
    FAILS(cudaGetDeviceCount(&value), cudaErrorInsufficientDriver);
    CHECK_EQ(value, 7);
    FAILS(cudaFree(nullptr), cudaErrorInsufficientDriver);
    FAILS(cudaMalloc(&a, 1), cudaErrorInsufficientDriver);
    FAILS(cudaMemcpy(&value, &value, 4, cudaMemcpyDefault), cudaErrorInsufficientDriver);
    FAILS(cudaGetLastError(), cudaErrorInsufficientDriver);
    FAILS(cudaGetLastError(), cudaErrorInsufficientDriver);
    OK(cudaDriverGetVersion(&value));
    CHECK_EQ(value, 0);
    OK(cudaRuntimeGetVersion(&value));
    CHECK_EQ(value, CUDART_VERSION);
}

TEST_CASE("no device") {
    const fresh world({.devices = 0});
    int value = 7;
    void* a = nullptr;
    FAILS(cudaGetDeviceCount(&value), cudaErrorNoDevice);
    FAILS(cudaMalloc(&a, 1), cudaErrorNoDevice);
    FAILS(cudaHostAlloc(&a, 1, 0), cudaErrorNoDevice);
}

TEST_CASE("peers") {
    for (const bool peers : {true, false}) {
        CAPTURE(peers);
        const fresh world({.peers = peers});
        int can = 7;
        OK(cudaDeviceCanAccessPeer(&can, 0, 1));
        CHECK_EQ(can, peers ? 1 : 0);
        OK(cudaDeviceCanAccessPeer(&can, 1, 1));
        CHECK_EQ(can, 0);
        FAILS(cudaDeviceCanAccessPeer(&can, 0, 2), cudaErrorInvalidDevice);
        FAILS(cudaDeviceEnablePeerAccess(1, 0), peers ? cudaSuccess : cudaErrorPeerAccessUnsupported);
        if (peers) FAILS(cudaDeviceEnablePeerAccess(1, 0), cudaErrorPeerAccessAlreadyEnabled);
        char* a = device_memory(1);
        OK(cudaMemset(a, 'p', 1));
        OK(cudaSetDevice(1));
        char* b = device_memory(1);
        OK(cudaMemcpyPeer(b, 1, a, 0, 1));  // needs no access between the two
        CHECK_EQ(peek(b, 1), "p");
        OK(cudaFree(a));
        OK(cudaFree(b));
        OK(cudaSetDevice(0));
    }
}

TEST_CASE("the n-th call fails and has no effect") {
    const fresh world;
    void *a = nullptr, *b = nullptr;
    sim().fail_call(2, cudaErrorMemoryAllocation);
    OK(cudaMalloc(&a, 10));
    FAILS(cudaMalloc(&b, 10), cudaErrorMemoryAllocation);
    CHECK_EQ(b, nullptr);
    FAILS(cudaGetLastError(), cudaErrorMemoryAllocation);
    sim().fail_call_of("cudaFree", 1, cudaErrorUnknown);
    OK(cudaMalloc(&b, 10));
    CHECK_EQ(sim().alive("device"), 2);
    FAILS(cudaFree(a), cudaErrorUnknown);
    CHECK_EQ(sim().alive("device"), 1);  // the program did what it could
    CHECK_EQ(peek(a, 1), "\xCD");
    OK(cudaFree(b));
    sim().fail_call(1, cudaErrorUnknown);
    sim().fail_call(0, cudaErrorUnknown);
    OK(cudaFree(nullptr));
}

TEST_CASE("every freeing call that is made to fail is no leak") {
    const fresh world;
    char* a = device_memory(1);
    void* pooled = nullptr;
    OK(cudaMallocAsync(&pooled, 1, nullptr));
    char* pinned = pinned_memory(1);
    static char registered[64];
    OK(cudaHostRegister(registered, 64, cudaHostRegisterDefault));
    const cudaStream_t stream = new_stream();
    const cudaEvent_t event = new_event();
    const auto fail = [] { sim().fail_call(1, cudaErrorUnknown); };
    fail();
    FAILS(cudaFree(a), cudaErrorUnknown);
    fail();
    FAILS(cudaFreeAsync(pooled, nullptr), cudaErrorUnknown);
    fail();
    FAILS(cudaFreeHost(pinned), cudaErrorUnknown);
    fail();
    FAILS(cudaHostUnregister(registered), cudaErrorUnknown);
    fail();
    FAILS(cudaStreamDestroy(stream), cudaErrorUnknown);
    fail();
    FAILS(cudaEventDestroy(event), cudaErrorUnknown);
    CHECK_EQ(std::string(sim().leaks()), "");
    OK(cudaHostRegister(registered, 32, cudaHostRegisterDefault));  // the memory may be used for something new
    OK(cudaHostUnregister(registered));
}

TEST_CASE("a sticky error stays, and frees count as done") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        const fresh world(in(run));
        char* a = device_memory(1);
        const cudaStream_t stream = new_stream();
        sim().fail_work(2, cudaErrorIllegalAddress);
        OK(cudaMemsetAsync(a, 'a', 1, stream));
        OK(cudaMemsetAsync(a, 'b', 1, stream));
        (void)cudaMemsetAsync(a, 'c', 1, stream);  // dropped, or refused already
        FAILS(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
        CHECK_EQ(peek(a, 1), "a");
        FAILS(cudaGetLastError(), cudaErrorIllegalAddress);
        FAILS(cudaGetLastError(), cudaErrorIllegalAddress);
        void* b = nullptr;
        FAILS(cudaMalloc(&b, 1), cudaErrorIllegalAddress);
        OK(cudaSetDevice(1));
        FAILS(cudaFree(a), cudaErrorIllegalAddress);
        FAILS(cudaStreamDestroy(stream), cudaErrorIllegalAddress);
    }
}

namespace {

/// A round trip that gives up at the first error and then frees what it has, as a careful program does.
cudaError_t careful_round_trip(char* to) {
    void *memory = nullptr, *pinned = nullptr;
    cudaStream_t stream = nullptr;
    cudaError_t failed = cudaSuccess;
    const auto good = [&](cudaError_t result) {
        failed = result;
        return result == cudaSuccess;
    };
    if (good(cudaMalloc(&memory, 3)) && good(cudaMallocHost(&pinned, 3)) && good(cudaStreamCreate(&stream))) {
        std::memcpy(pinned, "abc", 3);
        (void)(good(cudaMemcpyAsync(memory, pinned, 3, cudaMemcpyHostToDevice, stream)) &&
               good(cudaMemcpyAsync(to, memory, 3, cudaMemcpyDeviceToHost, stream)));
    }
    const auto also = [&](cudaError_t result) {
        if (failed == cudaSuccess) failed = result;
    };
    if (stream != nullptr) {
        if (cudaStreamSynchronize(stream) != cudaSuccess) also(cudaDeviceSynchronize());
        also(cudaStreamDestroy(stream));
    }
    if (pinned != nullptr) also(cudaFreeHost(pinned));
    if (memory != nullptr) also(cudaFree(memory));
    return failed;
}

}  // namespace

TEST_CASE("every call of a program fails in turn, every piece of work too") {
    for (const order run : orders) {
        CAPTURE(static_cast<int>(run));
        char to[4] = "";
        std::uint64_t count = 0;
        {
            const fresh world(in(run));
            OK(careful_round_trip(to));
            CHECK_EQ(std::string(to), "abc");
            count = sim().calls(nullptr);
        }
        CHECK_EQ(count, 9);
        for (std::uint64_t n = 1; n <= count; ++n) {
            CAPTURE(n);
            for (const cudaError_t code : {cudaErrorUnknown, cudaErrorIllegalAddress}) {
                const fresh world(in(run));
                sim().fail_call(n, code);
                const bool forgiven = n == 6 && code == cudaErrorUnknown;  // it waits a second time
                FAILS(careful_round_trip(to), forgiven ? cudaSuccess : code);
            }
        }
        for (std::uint64_t n = 1; n <= 2; ++n) {
            const fresh world(in(run));
            sim().fail_work(n, cudaErrorIllegalAddress);
            FAILS(careful_round_trip(to), cudaErrorIllegalAddress);
        }
    }
}

TEST_CASE("an injected sticky code is sticky") {
    const fresh world;
    char* a = device_memory(1);
    sim().fail_call(1, cudaErrorLaunchFailure);
    FAILS(cudaMemset(a, 0, 1), cudaErrorLaunchFailure);
    FAILS(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    FAILS(cudaFree(a), cudaErrorLaunchFailure);
}

TEST_CASE("calls are counted") {
    const fresh world;
    const std::uint64_t before = sim().calls(nullptr);
    OK(cudaFree(nullptr));
    OK(cudaFree(nullptr));
    (void)cudaGetLastError();
    CHECK_EQ(sim().calls("cudaFree"), 2);
    CHECK_EQ(sim().calls("cudaGetLastError"), 1);
    CHECK_EQ(sim().calls("cudaMalloc"), 0);
    CHECK_EQ(sim().calls(nullptr), before + 2);
    sim().clear_counts();
    CHECK_EQ(sim().calls("cudaFree"), 0);
}

TEST_CASE("wrong arguments") {
    const fresh world;
    cudaStream_t stream = nullptr;
    cudaEvent_t event = nullptr;
    void* a = nullptr;
    FAILS(cudaGetDeviceCount(nullptr), cudaErrorInvalidValue);
    FAILS(cudaMalloc(nullptr, 1), cudaErrorInvalidValue);
    FAILS(cudaStreamCreateWithFlags(&stream, 99), cudaErrorInvalidValue);
    FAILS(cudaEventCreateWithFlags(&event, 99), cudaErrorInvalidValue);
    FAILS(cudaHostAlloc(&a, 1, 99), cudaErrorInvalidValue);
    FAILS(cudaStreamDestroy(nullptr), cudaErrorInvalidResourceHandle);
    FAILS(cudaMemcpy(&a, &a, 1, static_cast<cudaMemcpyKind>(7)), cudaErrorInvalidMemcpyDirection);
}
