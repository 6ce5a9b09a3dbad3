// Devices, peers, versions and errors.
#include "call.hpp"

using namespace cuda_sim;

namespace {

bool exists(const world& all, int device) { return device >= 0 && device < all.settings.devices; }

int attribute(const setup& settings, cudaDeviceAttr which) {
    switch (which) {
        case cudaDevAttrMemoryPoolsSupported: return settings.pools ? 1 : 0;
        case cudaDevAttrUnifiedAddressing:
        case cudaDevAttrManagedMemory:
        case cudaDevAttrCanMapHostMemory:
        case cudaDevAttrHostRegisterSupported:
        case cudaDevAttrHostRegisterReadOnlySupported:
        case cudaDevAttrGpuOverlap:
        case cudaDevAttrConcurrentKernels: return 1;
        case cudaDevAttrAsyncEngineCount: return 2;
        case cudaDevAttrComputeCapabilityMajor: return 9;
        case cudaDevAttrMultiProcessorCount: return 100;
        case cudaDevAttrWarpSize: return 32;
        case cudaDevAttrMaxThreadsPerBlock: return 1024;
        default: return 0;
    }
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
    return call(
        "cudaGetDeviceCount", call_kind::pure,
        [&](world& all, guard&) -> cudaError_t {
            if (count == nullptr) return cudaErrorInvalidValue;
            *count = all.settings.devices;
            return cudaSuccess;
        },
        nothing_to_abandon{}, count);
}

cudaError_t cudaSetDevice(int device) {
    return call(
        "cudaSetDevice", call_kind::pure,
        [&](world& all, guard&) -> cudaError_t {
            if (!exists(all, device)) return cudaErrorInvalidDevice;
            world::mine().device = device;
            return cudaSuccess;
        },
        nothing_to_abandon{}, device);
}

cudaError_t cudaGetDevice(int* device) {
    return call(
        "cudaGetDevice", call_kind::pure,
        [&](world&, guard&) -> cudaError_t {
            if (device == nullptr) return cudaErrorInvalidValue;
            *device = world::mine().device;
            return cudaSuccess;
        },
        nothing_to_abandon{}, device);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr which, int device) {
    return call(
        "cudaDeviceGetAttribute",
        [&](world& all, guard&) -> cudaError_t {
            if (value == nullptr) return cudaErrorInvalidValue;
            if (!exists(all, device)) return cudaErrorInvalidDevice;
            *value = attribute(all.settings, which);
            return cudaSuccess;
        },
        value, which, device);
}

cudaError_t cudaDeviceSynchronize(void) {
    return call("cudaDeviceSynchronize", [&](world& all, guard& lock) -> cudaError_t {
        all.finish_device(lock, world::mine().device);
        all.reap(lock);
        return cudaSuccess;
    });
}

cudaError_t cudaDeviceReset(void) {
    return call("cudaDeviceReset", [&](world& all, guard& lock) -> cudaError_t {
        const int device = world::mine().device;
        all.finish_device(lock, device);
        const auto blocks = all.store->blocks();
        for (const auto& [begin, held] : blocks) {
            if (held->device != device || held->released) continue;
            if (held->on_device()) {
                all.store->release(held);
            } else if (held->kind == memory_kind::pinned) {
                all.store->unpin(held);
            } else {
                all.store->delist(held);
            }
        }
        std::erase_if(all.event_handles, [&](const auto& each) { return each.second->device == device; });
        std::erase_if(all.stream_handles, [&](const auto& each) {
            if (each.second->device == device) each.second->destroyed = true;
            return each.second->destroyed;
        });
        all.reap(lock);
        return cudaSuccess;
    });
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
    return call(
        "cudaDeviceCanAccessPeer",
        [&](world& all, guard&) -> cudaError_t {
            if (can == nullptr) return cudaErrorInvalidValue;
            if (!exists(all, device) || !exists(all, peer)) return cudaErrorInvalidDevice;
            *can = all.settings.peers && device != peer ? 1 : 0;
            return cudaSuccess;
        },
        can, device, peer);
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned int flags) {
    return call(
        "cudaDeviceEnablePeerAccess",
        [&](world& all, guard&) -> cudaError_t {
            const int device = world::mine().device;
            if (!exists(all, peer) || peer == device) return cudaErrorInvalidDevice;
            if (flags != 0) return cudaErrorInvalidValue;
            if (!all.settings.peers) return cudaErrorPeerAccessUnsupported;
            return all.peers.emplace(device, peer).second ? cudaSuccess : cudaErrorPeerAccessAlreadyEnabled;
        },
        peer, flags);
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
    return call(
        "cudaDeviceDisablePeerAccess",
        [&](world& all, guard&) -> cudaError_t {
            if (!exists(all, peer)) return cudaErrorInvalidDevice;
            return all.peers.erase({world::mine().device, peer}) != 0 ? cudaSuccess : cudaErrorPeerAccessNotEnabled;
        },
        peer);
}

cudaError_t cudaRuntimeGetVersion(int* version) {
    return call(
        "cudaRuntimeGetVersion", call_kind::version,
        [&](world&, guard&) -> cudaError_t {
            if (version == nullptr) return cudaErrorInvalidValue;
            *version = CUDART_VERSION;
            return cudaSuccess;
        },
        nothing_to_abandon{}, version);
}

cudaError_t cudaDriverGetVersion(int* version) {
    return call(
        "cudaDriverGetVersion", call_kind::version,
        [&](world& all, guard&) -> cudaError_t {
            if (version == nullptr) return cudaErrorInvalidValue;
            *version = all.settings.driver ? CUDART_VERSION : 0;
            return cudaSuccess;
        },
        nothing_to_abandon{}, version);
}

cudaError_t cudaGetLastError(void) {
    return call(
        "cudaGetLastError", call_kind::report,
        [](world& all, guard&) -> cudaError_t {
            const cudaError_t last = std::exchange(world::mine().last_error, cudaSuccess);
            return all.sticky != cudaSuccess ? all.sticky : last;
        },
        nothing_to_abandon{});
}

cudaError_t cudaPeekAtLastError(void) {
    return call(
        "cudaPeekAtLastError", call_kind::report,
        [](world& all, guard&) -> cudaError_t {
            return all.sticky != cudaSuccess ? all.sticky : world::mine().last_error;
        },
        nothing_to_abandon{});
}

const char* cudaGetErrorName(cudaError_t error) {
    world& all = world::the();
    const guard lock(all.mutex);
    ++all.calls_of["cudaGetErrorName"];
    return error_name(error);
}

const char* cudaGetErrorString(cudaError_t error) {
    world& all = world::the();
    const guard lock(all.mutex);
    ++all.calls_of["cudaGetErrorString"];
    return error_description(error);
}
}
