// Work that moves bytes.
#include "api_copies.hpp"

#include <cstring>
#include <memory>
#include <optional>
#include <thread>

#include "call.hpp"

namespace cuda_sim {
namespace {

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

/// One end of a copy.
struct place {
    block_pointer in;  ///< null: pageable host memory
    char* contents = nullptr;
    [[nodiscard]] bool on_device() const { return in && in->on_device(); }
    [[nodiscard]] bool pageable() const { return !in; }
    /// Whether a device can reach it, or the host can.
    [[nodiscard]] bool for_device() const { return in != nullptr; }
    [[nodiscard]] bool for_host() const { return !in || in->kind != memory_kind::device; }
};

/// Nothing, with a misuse noted: no copy may use these bytes. `end` says which they are.
std::optional<place> resolve(world& all, const void* pointer, std::size_t bytes, const std::string& end) {
    const auto wrong = [&](const std::string& sentence) {
        all.misused(end + " " + sentence);
        return std::nullopt;
    };
    const block_pointer found = all.store->find(pointer);
    if (!found) {
        if (all.store->device_address(pointer)) return wrong("points into no block of device memory");
        const auto next = all.store->blocks().upper_bound(number(pointer));
        const bool meets = next != all.store->blocks().end() && next->first < number(pointer) + bytes;
        if (meets) return wrong("is partly pageable and partly pinned memory");
        return place{nullptr, static_cast<char*>(const_cast<void*>(pointer))};
    }
    if (found->released) return wrong("is memory that was freed");
    const std::uint64_t offset = number(pointer) - found->begin;
    if (bytes > found->bytes - offset) {
        return wrong("runs past the end of its block: " + std::to_string(bytes) + " bytes from byte " +
                     std::to_string(offset) + " of " + std::to_string(found->bytes));
    }
    return place{found, found->contents + offset};
}

bool fits(cudaMemcpyKind kind, const place& to, const place& from) {
    switch (kind) {
        case cudaMemcpyHostToHost: return to.for_host() && from.for_host();
        case cudaMemcpyHostToDevice: return to.for_device() && from.for_host();
        case cudaMemcpyDeviceToHost: return to.for_host() && from.for_device();
        case cudaMemcpyDeviceToDevice: return to.for_device() && from.for_device();
        case cudaMemcpyDefault: return true;
        default: return false;
    }
}

/// Waits for work that has been issued, and then the host knows that it is done.
void await(world& all, guard& lock, const std::shared_ptr<stream>& on, std::uint64_t tick) {
    const vector_clock known = on->clock;
    all.finish(lock, {on, tick});
    all.host.merge(known);
}

void uses(world& all, work& item, const place& end, std::size_t bytes, touch kind, const stream& on) {
    if (!end.in) return;
    item.blocks.push_back(end.in);
    all.touches(end.in, end.in->begin + static_cast<std::uint64_t>(end.contents - end.in->contents), bytes, kind, on,
                item.tick);
}

cudaError_t copy(world& all, guard& lock, const std::shared_ptr<stream>& on, void* to_pointer, const void* from_pointer,
                 std::size_t bytes, cudaMemcpyKind kind, bool wait, int to_device = -1, int from_device = -1) {
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
    if (bytes == 0) return cudaSuccess;
    if (to_pointer == nullptr || from_pointer == nullptr) return cudaErrorInvalidValue;
    const auto to = resolve(all, to_pointer, bytes, "its destination");
    const auto from = resolve(all, from_pointer, bytes, "its source");
    if (!to || !from) return cudaErrorInvalidValue;
    if (!fits(kind, *to, *from)) {
        all.misused("the pointers are not of the memory that the kind of copy says");
        return cudaErrorInvalidValue;
    }
    const auto elsewhere = [](const place& end, int device) {
        return device >= 0 && (!end.on_device() || end.in->device != device);
    };
    if (elsewhere(*to, to_device) || elsewhere(*from, from_device)) {
        all.misused("the memory is not on the device that the call says");
        return cudaErrorInvalidValue;
    }

    const auto item = all.prepare(on);
    uses(all, *item, *from, bytes, touch::read, *on);
    uses(all, *item, *to, bytes, touch::write, *on);
    item->can_fail = true;
    item->bytes = bytes;
    const bool inside = to->on_device() && from->on_device() && to->in->device == from->in->device;
    if (!inside && from->on_device()) item->out_of = from->in->device;
    if (!inside && to->on_device()) item->into = to->in->device;
    char* const target = to->contents;
    if (from->pageable() && to->on_device() && !wait) {
        const std::shared_ptr<char[]> staged(new char[bytes]);
        std::memcpy(staged.get(), from->contents, bytes);
        item->run = [=] { std::memcpy(target, staged.get(), bytes); };
    } else {
        item->run = [=, source = from->contents] { std::memmove(target, source, bytes); };
    }
    const bool host_only = !to->on_device() && !from->on_device();
    all.issue(on, item);
    if (wait || host_only || to->pageable()) await(all, lock, on, item->tick);
    return cudaSuccess;
}

cudaError_t peer_copy(world& all, guard& lock, void* to, int to_device, const void* from, int from_device,
                      std::size_t bytes, cudaStream_t handle, bool wait) {
    const auto exists = [&](int device) { return device >= 0 && device < all.settings.devices; };
    if (!exists(to_device) || !exists(from_device)) return cudaErrorInvalidDevice;
    const auto on = all.find_stream(handle);
    if (!on) return cudaErrorInvalidResourceHandle;
    if (wait) {  // it is serialized with all work of both devices, in whatever streams
        all.finish_device(lock, to_device);
        all.finish_device(lock, from_device);
    }
    return copy(all, lock, on, to, from, bytes, cudaMemcpyDeviceToDevice, wait, to_device, from_device);
}

cudaError_t fill(world& all, void* at, int value, std::size_t bytes, std::uint64_t microseconds, cudaStream_t handle) {
    const auto on = all.find_stream(handle);
    if (!on) return cudaErrorInvalidResourceHandle;
    if (bytes == 0 && microseconds == 0) return cudaSuccess;
    std::optional<place> to;
    if (bytes != 0) {
        to = resolve(all, at, bytes, "its destination");
        if (to && to->pageable()) all.misused("its destination is pageable host memory");
        if (!to || to->pageable()) return cudaErrorInvalidValue;
    }
    const auto item = all.prepare(on);
    item->can_fail = true;
    if (to) uses(all, *item, *to, bytes, touch::write, *on);
    char* const target = to ? to->contents : nullptr;
    item->run = [=] {
        if (microseconds != 0) std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
        if (bytes != 0) std::memset(target, value, bytes);
    };
    all.issue(on, item);
    return cudaSuccess;
}

}  // namespace

cudaError_t copy_now(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t handle) {
    return call(
        "cudaMemcpy",
        [&](world& all, guard& lock) { return copy(all, lock, all.find_stream(handle), to, from, bytes, kind, true); },
        to, from, bytes, kind);
}

cudaError_t copy_on(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t handle) {
    return call(
        "cudaMemcpyAsync",
        [&](world& all, guard& lock) -> cudaError_t {
            const auto on = all.find_stream(handle);
            return on ? copy(all, lock, on, to, from, bytes, kind, false) : cudaErrorInvalidResourceHandle;
        },
        to, from, bytes, kind, handle);
}

cudaError_t fill_on(const char* name, void* at, int value, std::size_t bytes, cudaStream_t handle) {
    return call(
        name, [&](world& all, guard&) { return fill(all, at, value, bytes, 0, handle); }, at, value, bytes, handle);
}

cudaError_t compute_on(void* at, int value, std::size_t bytes, std::uint64_t microseconds, cudaStream_t handle) {
    return call(
        "launch_fill", call_kind::report,
        [&](world& all, guard&) -> cudaError_t {
            return all.sticky != cudaSuccess ? all.sticky : fill(all, at, value, bytes, microseconds, handle);
        },
        nothing_to_abandon{}, at, value, bytes, microseconds, handle);
}

}  // namespace cuda_sim

using namespace cuda_sim;

extern "C" {

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
    return copy_now(to, from, bytes, kind, cudaStreamLegacy);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t on) {
    return copy_on(to, from, bytes, kind, on);
}

cudaError_t cudaMemcpyPeer(void* to, int to_device, const void* from, int from_device, std::size_t bytes) {
    return call(
        "cudaMemcpyPeer",
        [&](world& all, guard& lock) {
            return peer_copy(all, lock, to, to_device, from, from_device, bytes, cudaStreamLegacy, true);
        },
        to, to_device, from, from_device, bytes);
}

cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, std::size_t bytes,
                                cudaStream_t on) {
    return call(
        "cudaMemcpyPeerAsync",
        [&](world& all, guard& lock) {
            return peer_copy(all, lock, to, to_device, from, from_device, bytes, on, false);
        },
        to, to_device, from, from_device, bytes, on);
}

cudaError_t cudaMemset(void* at, int value, std::size_t bytes) {
    return fill_on("cudaMemset", at, value, bytes, cudaStreamLegacy);
}

cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t on) {
    return fill_on("cudaMemsetAsync", at, value, bytes, on);
}
}
