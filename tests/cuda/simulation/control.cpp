#include "control.hpp"

#include <cstring>

#include "api_copies.hpp"
#include "world.hpp"

namespace cuda_sim {
namespace {

countdown nth(std::uint64_t n, int code) { return {.left = n, .code = static_cast<cudaError_t>(code)}; }

/// Keeps a text until the next one.
const char* kept(std::string text) {
    thread_local std::string last;
    last = std::move(text);
    return last.c_str();
}

/// Where the simulation has these bytes of device memory.
char* contents(const world& all, const void* pointer, std::uint64_t bytes) {
    const block_pointer found = all.store->find(pointer);
    if (!found || !found->on_device() || found->freed) return nullptr;
    const std::uint64_t offset = reinterpret_cast<std::uintptr_t>(pointer) - found->begin;
    return bytes <= found->bytes - offset ? found->contents + offset : nullptr;
}

void reset(const setup& next) {
    world& all = world::the();
    guard lock(all.mutex);
    all.reset(lock, next);
}

void fail_call(std::uint64_t n, int code) {
    world& all = world::the();
    const guard lock(all.mutex);
    all.fail_call = nth(n, code);
}

void fail_call_of(const char* function, std::uint64_t n, int code) {
    world& all = world::the();
    const guard lock(all.mutex);
    all.fail_call_of[function] = nth(n, code);
}

void fail_work(std::uint64_t n, int code) {
    world& all = world::the();
    const guard lock(all.mutex);
    all.fail_work = nth(n, code);
}

std::uint64_t calls(const char* function) {
    world& all = world::the();
    const guard lock(all.mutex);
    if (function == nullptr) return all.calls;
    const auto found = all.calls_of.find(function);
    return found != all.calls_of.end() ? found->second : 0;
}

void clear_counts() {
    world& all = world::the();
    const guard lock(all.mutex);
    all.calls = 0;
    all.calls_of.clear();
    all.store->peak_pinned = all.store->pinned_bytes();
}

std::uint64_t alive(const char* what) {
    world& all = world::the();
    const guard lock(all.mutex);
    return all.alive(what);
}

const char* misuse() {
    world& all = world::the();
    const guard lock(all.mutex);
    return kept(all.misuse());
}

const char* leaks() {
    world& all = world::the();
    const guard lock(all.mutex);
    return kept(all.leaks());
}

const char* log() {
    world& all = world::the();
    const guard lock(all.mutex);
    return kept(all.log);
}

bool peek(const void* device_pointer, void* to, std::uint64_t bytes) {
    world& all = world::the();
    const guard lock(all.mutex);
    const char* from = contents(all, device_pointer, bytes);
    if (from != nullptr) std::memcpy(to, from, bytes);
    return from != nullptr;
}

bool poke(void* device_pointer, const void* from, std::uint64_t bytes) {
    world& all = world::the();
    const guard lock(all.mutex);
    char* to = contents(all, device_pointer, bytes);
    if (to != nullptr) std::memcpy(to, from, bytes);
    return to != nullptr;
}

int launch_fill(void* device_pointer, int value, std::uint64_t bytes, std::uint64_t microseconds, void* stream) {
    return compute_on(device_pointer, value, bytes, microseconds, static_cast<cudaStream_t>(stream));
}

constexpr control table{reset,  fail_call, fail_call_of, fail_work, calls, clear_counts, alive,
                        misuse, leaks,     log,          peek,      poke,  launch_fill};

}  // namespace
}  // namespace cuda_sim

extern "C" const cuda_sim::control* cudaSimulation() { return &cuda_sim::table; }
