#pragma once

#include <dlfcn.h>

#include <cstdint>

/// How a test steers the simulated CUDA runtime. Found at run time, so that one test binary runs on the simulation, on
/// the real library and on a real device.
namespace cuda_sim {

/// When work that was put on a stream is done.
enum class order : int {
    prompt,    ///< by a worker per stream, as soon as it may
    random,    ///< by the workers, after random delays (seeded): streams interleave in every way
    late,      ///< not before somebody waits or asks for it, and then no more of it than that needs
    reversed,  ///< as late, but before anything that is waited for, all work of other streams that may run does, latest
               ///< issue first
};

struct setup {
    int devices = 2;
    std::uint64_t memory = std::uint64_t{256} << 20;  ///< bytes of each device
    order run = order::prompt;
    std::uint64_t seed = 1;
    bool pools = true;                ///< cudaDevAttrMemoryPoolsSupported
    bool peers = true;                ///< whether cudaDeviceCanAccessPeer says yes
    bool driver = true;               ///< false: every call answers cudaErrorInsufficientDriver
    double gigabytes_per_second = 0;  ///< of each direction of each device's link; 0: as fast as memcpy. Only with
                                      ///< prompt.
};

/// Something that a program "frees" by a call which an injected or a sticky error made fail counts as given up: it is
/// no leak and no longer alive. cudaGetLastError, cudaPeekAtLastError, cudaGetErrorName and cudaGetErrorString only
/// report: they cannot be failed and are not among the calls "of all together".
struct control {
    /// As in a new process: all memory, streams, events and errors are forgotten (leaks are not reported), counts are
    /// 0, no injection.
    void (*reset)(const setup&);
    /// The n-th API call from now on (1: the next), by any thread, fails with `code` (a cudaError_t); if that is a
    /// sticky code, all later ones too. 0: off.
    void (*fail_call)(std::uint64_t n, int code);
    /// The same for the n-th call of one function: "cudaMalloc".
    void (*fail_call_of)(const char* function, std::uint64_t n, int code);
    /// The n-th piece of asynchronous work (copy, fill) that runs from now on fails: with a sticky code, which later
    /// calls report.
    void (*fail_work)(std::uint64_t n, int code);
    /// Calls of a function since the last reset or clear_counts; null: of all together.
    std::uint64_t (*calls)(const char* function);
    /// Sets those to 0, and "peak pinned bytes" to what is pinned now.
    void (*clear_counts)();
    /// What is alive: "device" and "pinned" memory blocks, "streams", "events"; "device bytes", "pinned bytes", "peak
    /// pinned bytes".
    std::uint64_t (*alive)(const char* what);
    /// One line for each misuse since the last reset, "" when there was none. Valid until the next call of this
    /// function.
    const char* (*misuse)();
    /// One line for each thing alive that a well-behaved process would have freed; "" when there is none. Valid until
    /// the next call.
    const char* (*leaks)();
    /// The calls so far, one a line, with arguments and result, when the environment has CUDA_SIM_LOG; "" otherwise.
    const char* (*log)();
    /// Reads or writes device memory behind the program's back (for a test's own expectations); false where nothing is
    /// allocated.
    bool (*peek)(const void* device_pointer, void* to, std::uint64_t bytes);
    bool (*poke)(void* device_pointer, const void* from, std::uint64_t bytes);
    /// Puts work of about this many microseconds (that then fills `bytes` bytes at `device_pointer` with `value`) on a
    /// stream: stands for a kernel.
    int (*launch_fill)(void* device_pointer, int value, std::uint64_t bytes, std::uint64_t microseconds, void* stream);
};

inline const control* find() {
    using getter = const control* (*)();
    const auto get = reinterpret_cast<getter>(::dlsym(RTLD_DEFAULT, "cudaSimulation"));
    return get != nullptr ? get() : nullptr;
}

}  // namespace cuda_sim
