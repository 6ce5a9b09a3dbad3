#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

/// A wrong program for each mistake that the simulation must see, and the right one in the same function. No result is
/// checked in them: wrong programs do not.
namespace misuse {

enum class shown_by {
    report,  ///< a line at exit that has the words
    output,  ///< what the program prints: the simulation lets it go wrong
    signal,  ///< the end of the process
};

struct program {
    std::string name;
    void (*run)(bool wrong);
    std::string words;
    shown_by how = shown_by::report;
    std::string order = "";  ///< of work, if it matters
};

inline std::vector<program>& programs() {
    static std::vector<program> all;
    return all;
}

struct listed {
    listed(std::vector<program> more) {
        for (program& each : more) programs().push_back(std::move(each));
    }
};

inline constexpr std::size_t bytes = 4096;

inline char* device_memory(std::size_t size = bytes) {
    void* made = nullptr;
    cudaMalloc(&made, size);
    return static_cast<char*>(made);
}

inline char* pinned_memory() {
    void* made = nullptr;
    cudaHostAlloc(&made, bytes, cudaHostAllocDefault);
    std::memset(made, 'a', bytes);
    return static_cast<char*>(made);
}

inline cudaStream_t new_stream() {
    cudaStream_t made = nullptr;
    cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    return made;
}

inline cudaEvent_t new_event() {
    cudaEvent_t made = nullptr;
    cudaEventCreateWithFlags(&made, cudaEventDisableTiming);
    return made;
}

/// Makes later work of one stream wait for earlier work of the other.
inline void order(cudaStream_t first, cudaStream_t second) {
    const cudaEvent_t event = new_event();
    cudaEventRecord(event, first);
    cudaStreamWaitEvent(second, event, 0);
    cudaEventDestroy(event);
}

}  // namespace misuse
