#include "world.hpp"

#include <atomic>
#include <cstdlib>
#include <sstream>

namespace cuda_sim {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

template <class Value>
void read(const char* name, Value& into) {
    std::istringstream text(environment(name));
    Value value{};
    if (text >> value) into = value;
}

order order_named(const std::string& name) {
    if (name == "random") return order::random;
    if (name == "late") return order::late;
    if (name == "reversed") return order::reversed;
    return order::prompt;
}

setup from_environment() {
    setup made;
    read("CUDA_SIM_DEVICES", made.devices);
    read("CUDA_SIM_MEMORY", made.memory);
    read("CUDA_SIM_SEED", made.seed);
    read("CUDA_SIM_POOLS", made.pools);
    read("CUDA_SIM_PEERS", made.peers);
    read("CUDA_SIM_DRIVER", made.driver);
    read("CUDA_SIM_GBPS", made.gigabytes_per_second);
    made.run = order_named(environment("CUDA_SIM_ORDER"));
    return made;
}

/// "n:code"
countdown countdown_from(const char* name) {
    std::istringstream text(environment(name));
    countdown made;
    int code = 0;
    char colon = 0;
    if (text >> made.left >> colon >> code && colon == ':') made.code = static_cast<cudaError_t>(code);
    return made.code != cudaSuccess ? made : countdown{};
}

}  // namespace

bool is_sticky(cudaError_t code) {
    switch (code) {
        case cudaErrorContained:
        case cudaErrorIllegalAddress:
        case cudaErrorLaunchTimeout:
        case cudaErrorHardwareStackError:
        case cudaErrorIllegalInstruction:
        case cudaErrorMisalignedAddress:
        case cudaErrorInvalidAddressSpace:
        case cudaErrorInvalidPc:
        case cudaErrorLaunchFailure:
        case cudaErrorExternalDevice: return true;
        default: return false;
    }
}

world::world() {
    guard lock(mutex);
    reset(lock, from_environment());
    fail_call = countdown_from("CUDA_SIM_FAIL");
    fail_work = countdown_from("CUDA_SIM_FAIL_WORK");
    logging = !environment("CUDA_SIM_LOG").empty();
}

world& world::the() {
    static world& one = *new world;
    return one;
}

thread_state& world::mine() {
    static std::atomic<std::uint64_t> threads{0};
    thread_local thread_state state{.thread = ++threads};
    return state;
}

void world::reset(guard& lock, const setup& next) {
    stop_workers(lock);
    ++generation;
    settings = next;
    sticky = cudaSuccess;
    calls = 0;
    calls_of.clear();
    fail_call = fail_work = {};
    fail_call_of.clear();
    log.clear();
    misuse_.clear();
    for (const auto& each : streams) each->queue.clear();  // their work refers to streams: a cycle
    streams.clear();
    stream_handles.clear();
    event_handles.clear();
    default_streams_.clear();
    next_stream_ = 0;
    host = {};
    peers.clear();
    retired_.clear();
    links_.assign(static_cast<std::size_t>(next.devices) * 2, {});
    store = std::make_unique<memory>(next.devices, next.memory, next.gigabytes_per_second > 0);
}

void world::touches(const block_pointer& in, std::uintptr_t begin, std::uint64_t bytes, touch kind, const stream& by,
                    std::uint64_t tick) {
    const thread_state& me = mine();
    const access next{begin, begin + bytes, kind, by.id, tick, me.call, me.number};
    const auto conflict = in->uses.add(next, by.clock, host);
    if (!conflict) return;
    if (kind == touch::release) in->late_work = true;
    std::ostringstream text;
    const auto other = [&] {
        text << conflict->call << " (call " << conflict->number << ", stream " << conflict->stream << ")";
    };
    if (conflict->kind == touch::allocate) {
        text << "memory of ";
        other();
        text << " is used on stream " << by.id << ", which is not ordered after its allocation";
    } else if (kind == touch::release) {
        text << "memory is freed on stream " << by.id << " while unordered work uses it: ";
        other();
    } else {
        const auto verb = [](touch of) { return of == touch::read ? "reads" : "writes"; };
        text << "race between streams: it " << verb(kind) << " on stream " << by.id << " what ";
        other();
        text << " " << verb(conflict->kind) << ", and nothing orders the two";
    }
    misused(text.str());
}

std::uintptr_t world::new_handle() {
    // Far from all memory, so that nobody can look behind a handle.
    constexpr std::uintptr_t first = 0x5E000000;
    return first + 16 * ++next_handle;
}

std::shared_ptr<stream> world::make_stream(int device, bool blocking) {
    auto made = std::make_shared<stream>();
    made->id = next_stream_++;
    made->device = device;
    made->blocking = blocking;
    streams.push_back(made);
    return made;
}

std::shared_ptr<stream> world::find_stream(cudaStream_t handle) {
    const thread_state& me = mine();
    const bool per_thread = handle == cudaStreamPerThread;
    if (handle == nullptr || handle == cudaStreamLegacy || per_thread) {
        auto& known = default_streams_[{per_thread ? me.thread : 0, me.device}];
        if (!known) {
            known = make_stream(me.device, true);
            known->legacy = !per_thread;
        }
        return known;
    }
    const auto found = stream_handles.find(reinterpret_cast<std::uintptr_t>(handle));
    if (found != stream_handles.end()) return found->second;
    misused("the stream was destroyed or never made");
    return nullptr;
}

std::shared_ptr<event> world::find_event(cudaEvent_t handle) {
    const auto found = event_handles.find(reinterpret_cast<std::uintptr_t>(handle));
    if (found != event_handles.end()) return found->second;
    misused("the event was destroyed or never made");
    return nullptr;
}

}  // namespace cuda_sim
