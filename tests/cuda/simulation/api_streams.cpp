// Streams, events and what orders them.
#include "api_streams.hpp"

#include <chrono>

#include "call.hpp"

namespace cuda_sim {
namespace {

cudaError_t make(world& all, cudaStream_t* handle, unsigned int flags) {
    if (handle == nullptr || (flags & ~static_cast<unsigned int>(cudaStreamNonBlocking)) != 0) {
        return cudaErrorInvalidValue;
    }
    const auto made = all.make_stream(world::mine().device, flags != cudaStreamNonBlocking);
    made->call = world::mine().call;
    made->number = world::mine().number;
    const std::uintptr_t name = all.new_handle();
    all.stream_handles[name] = made;
    *handle = reinterpret_cast<cudaStream_t>(name);
    return cudaSuccess;
}

cudaError_t make(world& all, cudaEvent_t* handle, unsigned int flags) {
    constexpr unsigned int known = cudaEventBlockingSync | cudaEventDisableTiming | cudaEventInterprocess;
    if (handle == nullptr || (flags & ~known) != 0) return cudaErrorInvalidValue;
    const auto made = std::make_shared<event>();
    made->device = world::mine().device;
    made->call = world::mine().call;
    made->number = world::mine().number;
    const std::uintptr_t name = all.new_handle();
    all.event_handles[name] = made;
    *handle = reinterpret_cast<cudaEvent_t>(name);
    return cudaSuccess;
}

// What a stream that is asked about stands for. The legacy default stream: an empty piece of work in it waits for all
// streams that it waits for.
point end_of(world& all, const std::shared_ptr<stream>& of) {
    if (of->legacy) all.issue(of, all.prepare(of));
    return {of, of->issued};
}

cudaError_t ask(world& all, guard& lock, const point& target, const vector_clock& clock) {
    if (target.done()) {
        all.host.merge(clock);
        return cudaSuccess;
    }
    all.nudge(lock, target);
    return cudaErrorNotReady;
}

}  // namespace

cudaError_t synchronize(cudaStream_t handle) {
    return call(
        "cudaStreamSynchronize",
        [&](world& all, guard& lock) -> cudaError_t {
            const auto of = all.find_stream(handle);
            if (!of) return cudaErrorInvalidResourceHandle;
            const point target = end_of(all, of);
            const vector_clock known = of->clock;
            all.finish(lock, target);
            all.host.merge(known);
            return cudaSuccess;
        },
        handle);
}

cudaError_t query(cudaStream_t handle) {
    return call(
        "cudaStreamQuery",
        [&](world& all, guard& lock) -> cudaError_t {
            const auto of = all.find_stream(handle);
            if (!of) return cudaErrorInvalidResourceHandle;
            if (of->legacy) {
                for (const auto& each : all.streams) {
                    const point target{each, each->issued};
                    if (each->blocking && each->device == of->device && !target.done()) {
                        all.nudge(lock, target);
                        return cudaErrorNotReady;
                    }
                }
            }
            const vector_clock known = of->clock;
            return ask(all, lock, {of, of->issued}, known);
        },
        handle);
}

cudaError_t wait_for(cudaStream_t handle, cudaEvent_t event, unsigned int flags) {
    return call(
        "cudaStreamWaitEvent",
        [&](world& all, guard&) -> cudaError_t {
            const auto of = all.find_stream(handle);
            const auto awaited = all.find_event(event);
            if (!of || !awaited) return cudaErrorInvalidResourceHandle;
            if (flags > cudaEventWaitExternal) return cudaErrorInvalidValue;
            if (!awaited->recorded.of) return cudaSuccess;
            of->clock.merge(awaited->clock);
            auto item = all.prepare(of);
            if (!awaited->recorded.done()) item->after.push_back(awaited->recorded);
            all.issue(of, std::move(item));
            return cudaSuccess;
        },
        handle, event, flags);
}

cudaError_t record(cudaEvent_t event, cudaStream_t handle) {
    return call(
        "cudaEventRecord",
        [&](world& all, guard&) -> cudaError_t {
            const auto of = all.find_stream(handle);
            const auto made = all.find_event(event);
            if (!of || !made) return cudaErrorInvalidResourceHandle;
            if (of->device != made->device) {
                all.misused("the event is of device " + std::to_string(made->device) + ", the stream of device " +
                            std::to_string(of->device));
                return cudaErrorInvalidResourceHandle;
            }
            auto item = all.prepare(of);
            made->recorded = {of, item->tick};
            made->clock = of->clock;
            item->settle = [made] { made->reached = std::chrono::steady_clock::now(); };
            all.issue(of, std::move(item));
            return cudaSuccess;
        },
        event, handle);
}

cudaError_t host_function(cudaStream_t handle, cudaHostFn_t function, void* data) {
    return call(
        "cudaLaunchHostFunc",
        [&](world& all, guard&) -> cudaError_t {
            const auto of = all.find_stream(handle);
            if (!of) return cudaErrorInvalidResourceHandle;
            if (function == nullptr) return cudaErrorInvalidValue;
            auto item = all.prepare(of);
            item->run = [&all, function, data, known = of->clock] {
                {
                    // The function may tell the program that all before it is done.
                    const guard lock(all.mutex);
                    all.host.merge(known);
                }
                world::mine().in_host_function = true;
                function(data);
                world::mine().in_host_function = false;
            };
            all.issue(of, std::move(item));
            return cudaSuccess;
        },
        handle, function, data);
}

}  // namespace cuda_sim

using namespace cuda_sim;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* handle) {
    return call("cudaStreamCreate", [&](world& all, guard&) { return make(all, handle, cudaStreamDefault); }, handle);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned int flags) {
    return call(
        "cudaStreamCreateWithFlags", [&](world& all, guard&) { return make(all, handle, flags); }, handle, flags);
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* handle, unsigned int flags, int priority) {
    return call(
        "cudaStreamCreateWithPriority", [&](world& all, guard&) { return make(all, handle, flags); }, handle, flags,
        priority);
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
    return call(
        "cudaStreamDestroy", call_kind::usual,
        [&](world& all, guard& lock) -> cudaError_t {
            const auto gone = all.find_stream(handle);
            if (!gone || all.stream_handles.erase(reinterpret_cast<std::uintptr_t>(handle)) == 0) {
                return cudaErrorInvalidResourceHandle;
            }
            gone->destroyed = true;
            all.reap(lock);
            return cudaSuccess;
        },
        [&](world& all) {
            const auto found = all.stream_handles.find(reinterpret_cast<std::uintptr_t>(handle));
            if (found != all.stream_handles.end()) found->second->abandoned = true;
        },
        handle);
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) { return synchronize(handle); }
cudaError_t cudaStreamQuery(cudaStream_t handle) { return query(handle); }
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned int flags) {
    return wait_for(handle, event, flags);
}

cudaError_t cudaEventCreate(cudaEvent_t* handle) {
    return call("cudaEventCreate", [&](world& all, guard&) { return make(all, handle, cudaEventDefault); }, handle);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned int flags) {
    return call(
        "cudaEventCreateWithFlags", [&](world& all, guard&) { return make(all, handle, flags); }, handle, flags);
}

cudaError_t cudaEventDestroy(cudaEvent_t handle) {
    return call(
        "cudaEventDestroy", call_kind::usual,
        [&](world& all, guard&) -> cudaError_t {
            if (!all.find_event(handle)) return cudaErrorInvalidResourceHandle;
            all.event_handles.erase(reinterpret_cast<std::uintptr_t>(handle));
            return cudaSuccess;
        },
        [&](world& all) {
            const auto found = all.event_handles.find(reinterpret_cast<std::uintptr_t>(handle));
            if (found != all.event_handles.end()) found->second->abandoned = true;
        },
        handle);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t on) { return record(event, on); }

cudaError_t cudaEventQuery(cudaEvent_t handle) {
    return call(
        "cudaEventQuery",
        [&](world& all, guard& lock) -> cudaError_t {
            const auto of = all.find_event(handle);
            if (!of) return cudaErrorInvalidResourceHandle;
            const vector_clock known = of->clock;
            return ask(all, lock, of->recorded, known);
        },
        handle);
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
    return call(
        "cudaEventSynchronize",
        [&](world& all, guard& lock) -> cudaError_t {
            const auto of = all.find_event(handle);
            if (!of) return cudaErrorInvalidResourceHandle;
            const point target = of->recorded;
            const vector_clock known = of->clock;
            all.finish(lock, target);
            all.host.merge(known);
            return cudaSuccess;
        },
        handle);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
    return call(
        "cudaEventElapsedTime",
        [&](world& all, guard&) -> cudaError_t {
            const auto from = all.find_event(start), to = all.find_event(end);
            if (!from || !to || !from->recorded.of || !to->recorded.of) return cudaErrorInvalidResourceHandle;
            if (milliseconds == nullptr) return cudaErrorInvalidValue;
            if (!from->recorded.done() || !to->recorded.done()) return cudaErrorNotReady;
            *milliseconds = std::chrono::duration<float, std::milli>(to->reached - from->reached).count();
            return cudaSuccess;
        },
        milliseconds, start, end);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t on, cudaHostFn_t function, void* data) {
    return host_function(on, function, data);
}
}
