#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "cuda/simulation/control.hpp"

namespace simulated {

using cuda_sim::order;
using cuda_sim::setup;

inline constexpr order orders[] = {order::prompt, order::random, order::late, order::reversed};

inline const cuda_sim::control& sim() {
    static const cuda_sim::control* found = cuda_sim::find();
    REQUIRE(found != nullptr);
    return *found;
}

/// A new process, so to speak; at the end nothing was misused and nothing is left, unless the test takes that away.
class fresh {
public:
    explicit fresh(const setup& with = {}) { sim().reset(with); }
    fresh(const fresh&) = delete;
    fresh& operator=(const fresh&) = delete;
    ~fresh() {
        CHECK_EQ(std::string(sim().misuse()), "");
        CHECK_EQ(std::string(sim().leaks()), "");
        sim().reset({});
    }
};

inline setup in(order run) { return {.run = run}; }

#define OK(call) REQUIRE_EQ(static_cast<int>(call), 0)
#define FAILS(call, code) CHECK_EQ(static_cast<int>(call), static_cast<int>(code))

inline char* device_memory(std::size_t bytes) {
    void* made = nullptr;
    OK(cudaMalloc(&made, bytes));
    return static_cast<char*>(made);
}

inline char* pinned_memory(std::size_t bytes) {
    void* made = nullptr;
    OK(cudaHostAlloc(&made, bytes, cudaHostAllocDefault));
    return static_cast<char*>(made);
}

inline cudaStream_t new_stream(unsigned flags = cudaStreamNonBlocking) {
    cudaStream_t made = nullptr;
    OK(cudaStreamCreateWithFlags(&made, flags));
    return made;
}

inline cudaEvent_t new_event() {
    cudaEvent_t made = nullptr;
    OK(cudaEventCreateWithFlags(&made, cudaEventDisableTiming));
    return made;
}

/// What device memory holds now, behind the runtime's back.
inline std::string peek(const void* at, std::size_t bytes) {
    std::string text(bytes, '?');
    REQUIRE(sim().peek(at, text.data(), bytes));
    return text;
}

}  // namespace simulated
