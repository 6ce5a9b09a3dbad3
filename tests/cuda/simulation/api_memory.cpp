// Allocation, pinning and what is known about a pointer.
#include "api_memory.hpp"

#include "call.hpp"

using namespace cuda_sim;

namespace {

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

void name_maker(block& made) {
    made.call = world::mine().call;
    made.number = world::mine().number;
}

/// The block that a free names, or what is wrong with it.
block_pointer freed_by(world& all, const void* pointer, bool on_device) {
    const block_pointer found = all.store->find(pointer);
    const auto wrong = [&](const char* sentence) {
        all.misused(sentence);
        return nullptr;
    };
    if (!found) return wrong("the pointer is not of an allocation of this kind");
    if (found->on_device() != on_device || found->kind == memory_kind::registered) {
        return wrong("the pointer is of another kind of memory");
    }
    if (found->begin != number(pointer)) return wrong("the pointer is into the middle of a block");
    if (found->released) return wrong("memory is freed a second time");
    return found;
}

void abandon(world& all, const void* pointer, bool on_device) {
    const block_pointer found = all.store->find(pointer);
    if (found && found->begin == number(pointer) && found->on_device() == on_device) found->abandoned = true;
}

cudaError_t allocate(world& all, guard& lock, memory_kind kind, void** pointer, std::size_t bytes) {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    *pointer = nullptr;
    if (bytes == 0) return kind == memory_kind::managed ? cudaErrorInvalidValue : cudaSuccess;
    const int device = world::mine().device;
    block_pointer made = all.store->allocate(kind, device, bytes);
    if (!made) {  // blocks that are to be freed in the order of a stream may make room
        all.finish_device(lock, device);
        made = all.store->allocate(kind, device, bytes);
    }
    if (!made) return cudaErrorMemoryAllocation;
    name_maker(*made);
    *pointer = reinterpret_cast<void*>(made->begin);
    return cudaSuccess;
}

cudaError_t pin(world& all, void** pointer, std::size_t bytes) {
    if (pointer == nullptr) return cudaErrorInvalidValue;
    *pointer = nullptr;
    if (bytes == 0) return cudaSuccess;
    const block_pointer made = all.store->pin(world::mine().device, bytes);
    if (!made) return cudaErrorMemoryAllocation;
    name_maker(*made);
    *pointer = made->contents;
    return cudaSuccess;
}

}  // namespace

cudaError_t cuda_sim::allocate_on(void** pointer, std::size_t bytes, cudaStream_t handle) {
    return call(
        "cudaMallocAsync",
        [&](world& all, guard& lock) -> cudaError_t {
            if (!all.settings.pools) return cudaErrorNotSupported;
            const auto on = all.find_stream(handle);
            if (!on) return cudaErrorInvalidResourceHandle;
            if (pointer == nullptr) return cudaErrorInvalidValue;
            *pointer = nullptr;
            if (bytes == 0) return cudaSuccess;
            block_pointer made = all.store->allocate(memory_kind::device, on->device, bytes);
            if (!made) {
                all.finish_device(lock, on->device);
                made = all.store->allocate(memory_kind::device, on->device, bytes);
            }
            if (!made) return cudaErrorMemoryAllocation;
            name_maker(*made);
            made->pooled = true;
            auto item = all.prepare(on);
            all.touches(made, made->begin, made->bytes, touch::allocate, *on, item->tick);
            all.issue(on, std::move(item));
            *pointer = reinterpret_cast<void*>(made->begin);
            return cudaSuccess;
        },
        pointer, bytes, handle);
}

cudaError_t cuda_sim::free_on(void* pointer, cudaStream_t handle) {
    return call(
        "cudaFreeAsync", call_kind::usual,
        [&](world& all, guard&) -> cudaError_t {
            const auto on = all.find_stream(handle);
            if (!on) return cudaErrorInvalidResourceHandle;
            if (pointer == nullptr) return cudaSuccess;
            const block_pointer gone = freed_by(all, pointer, true);
            if (gone && !gone->pooled) all.misused("the memory is not of cudaMallocAsync");
            if (!gone || !gone->pooled) return cudaErrorInvalidValue;
            auto item = all.prepare(on);
            all.touches(gone, gone->begin, gone->bytes, touch::release, *on, item->tick);
            gone->released = true;
            item->blocks.push_back(gone);
            item->settle = [&all, gone] { all.store->release(gone); };
            all.issue(on, std::move(item));
            return cudaSuccess;
        },
        [&](world& all) { abandon(all, pointer, true); }, pointer, handle);
}

extern "C" {

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
    return call(
        "cudaMalloc", [&](world& all, guard& lock) { return allocate(all, lock, memory_kind::device, pointer, bytes); },
        pointer, bytes);
}

cudaError_t cudaMallocManaged(void** pointer, std::size_t bytes, unsigned int flags) {
    return call(
        "cudaMallocManaged",
        [&](world& all, guard& lock) -> cudaError_t {
            if (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost) return cudaErrorInvalidValue;
            return allocate(all, lock, memory_kind::managed, pointer, bytes);
        },
        pointer, bytes, flags);
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t on) {
    return allocate_on(pointer, bytes, on);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t on) { return free_on(pointer, on); }

cudaError_t cudaFree(void* pointer) {
    return call(
        "cudaFree", call_kind::usual,
        [&](world& all, guard& lock) -> cudaError_t {
            if (pointer == nullptr) return cudaSuccess;
            const block_pointer gone = freed_by(all, pointer, true);
            if (!gone) return cudaErrorInvalidValue;
            gone->released = true;
            all.finish_device(lock, gone->device);
            if (const auto late = gone->uses.pending(all.host)) {
                gone->late_work = true;
                all.misused(std::string("memory is freed while work of another device uses it: ") + late->call +
                            " (call " + std::to_string(late->number) + ")");
                all.let_go(lock, gone);
            }
            all.store->release(gone);
            return cudaSuccess;
        },
        [&](world& all) { abandon(all, pointer, true); }, pointer);
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned int flags) {
    return call(
        "cudaHostAlloc",
        [&](world& all, guard&) -> cudaError_t {
            constexpr unsigned int known = cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined;
            return (flags & ~known) != 0 ? cudaErrorInvalidValue : pin(all, pointer, bytes);
        },
        pointer, bytes, flags);
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
    return call("cudaMallocHost", [&](world& all, guard&) { return pin(all, pointer, bytes); }, pointer, bytes);
}

cudaError_t cudaFreeHost(void* pointer) {
    return call(
        "cudaFreeHost", call_kind::usual,
        [&](world& all, guard& lock) -> cudaError_t {
            if (pointer == nullptr) return cudaSuccess;
            const block_pointer gone = freed_by(all, pointer, false);
            if (!gone) return cudaErrorInvalidValue;
            if (const auto late = gone->uses.pending(all.host)) {
                gone->late_work = true;
                all.misused(std::string("pinned memory freed while a copy ") +
                            (late->kind == touch::read ? "from" : "to") + " it was pending: " + late->call + " (call " +
                            std::to_string(late->number) + ")");
                all.let_go(lock, gone);
            }
            all.store->unpin(gone);
            return cudaSuccess;
        },
        [&](world& all) { abandon(all, pointer, false); }, pointer);
}

cudaError_t cudaHostRegister(void* pointer, std::size_t bytes, unsigned int flags) {
    return call(
        "cudaHostRegister",
        [&](world& all, guard&) -> cudaError_t {
            constexpr unsigned int known =
                cudaHostRegisterPortable | cudaHostRegisterMapped | cudaHostRegisterIoMemory | cudaHostRegisterReadOnly;
            if (pointer == nullptr || bytes == 0 || (flags & ~known) != 0) return cudaErrorInvalidValue;
            if (all.store->device_address(pointer)) {
                all.misused("device memory cannot be registered");
                return cudaErrorInvalidValue;
            }
            const block_pointer made = all.store->enlist(pointer, bytes, world::mine().device);
            if (!made) return cudaErrorHostMemoryAlreadyRegistered;
            name_maker(*made);
            return cudaSuccess;
        },
        pointer, bytes, flags);
}

cudaError_t cudaHostUnregister(void* pointer) {
    return call(
        "cudaHostUnregister", call_kind::usual,
        [&](world& all, guard& lock) -> cudaError_t {
            const block_pointer gone = all.store->find(pointer);
            if (!gone || gone->kind != memory_kind::registered || gone->begin != number(pointer)) {
                return cudaErrorHostMemoryNotRegistered;
            }
            if (const auto late = gone->uses.pending(all.host)) {
                all.misused(std::string("pinned memory unregistered while a copy ") +
                            (late->kind == touch::read ? "from" : "to") + " it was pending: " + late->call + " (call " +
                            std::to_string(late->number) + ")");
                // The memory is the program's and may be gone at once.
                for (int device = 0; device < all.settings.devices; ++device) all.finish_device(lock, device);
            }
            all.store->delist(gone);
            return cudaSuccess;
        },
        [&](world& all) { abandon(all, pointer, false); }, pointer);
}

cudaError_t cudaHostGetDevicePointer(void** on_device, void* on_host, unsigned int flags) {
    return call(
        "cudaHostGetDevicePointer",
        [&](world& all, guard&) -> cudaError_t {
            const block_pointer found = all.store->find(on_host);
            if (on_device == nullptr || flags != 0 || !found || found->on_device()) return cudaErrorInvalidValue;
            *on_device = on_host;
            return cudaSuccess;
        },
        on_device, on_host, flags);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
    return call(
        "cudaMemGetInfo",
        [&](world& all, guard&) -> cudaError_t {
            if (free == nullptr || total == nullptr) return cudaErrorInvalidValue;
            *free = all.store->free_bytes(world::mine().device);
            *total = all.store->capacity();
            return cudaSuccess;
        },
        free, total);
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
    return call(
        "cudaPointerGetAttributes",
        [&](world& all, guard&) -> cudaError_t {
            if (attributes == nullptr) return cudaErrorInvalidValue;
            void* const same = const_cast<void*>(pointer);
            *attributes = {};
            attributes->type = cudaMemoryTypeUnregistered;
            attributes->device = cudaInvalidDeviceId;
            const block_pointer found = all.store->find(pointer);
            if (!found || found->released) {
                attributes->hostPointer = same;
                return cudaSuccess;
            }
            attributes->device = found->device;
            attributes->devicePointer = same;
            if (found->kind != memory_kind::device) attributes->hostPointer = same;
            attributes->type = found->kind == memory_kind::device    ? cudaMemoryTypeDevice
                               : found->kind == memory_kind::managed ? cudaMemoryTypeManaged
                                                                     : cudaMemoryTypeHost;
            return cudaSuccess;
        },
        attributes, pointer);
}
}
