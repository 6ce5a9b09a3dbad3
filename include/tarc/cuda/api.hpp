#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include <tarc/tensor/device.hpp>

namespace tarc::cuda {

/// What tarc calls of a GPU runtime, under names of its own: the one place to write again for another runtime whose
/// calls mean the same (HIP). All that is built on it takes it as a template parameter. Codes are those of the runtime;
/// nothing here throws. Every function is thread-safe; "current device" is the calling thread's.
struct runtime_api {
    using code = cudaError_t;
    using stream = cudaStream_t;
    using event = cudaEvent_t;

    static constexpr device_type type = device_type::cuda;
    static constexpr const char* name = "CUDA";
    static constexpr code success = cudaSuccess, not_ready = cudaErrorNotReady, no_memory = cudaErrorMemoryAllocation,
                          old_driver = cudaErrorInsufficientDriver, no_device = cudaErrorNoDevice;

    /// After these no call of the process can succeed (driver_types.h: "leaves the process in an inconsistent state").
    static constexpr bool is_sticky(code c) {
        switch (c) {
            case cudaErrorIllegalAddress:
            case cudaErrorLaunchTimeout:
            case cudaErrorHardwareStackError:
            case cudaErrorIllegalInstruction:
            case cudaErrorMisalignedAddress:
            case cudaErrorInvalidAddressSpace:
            case cudaErrorInvalidPc:
            case cudaErrorLaunchFailure:
            case cudaErrorExternalDevice: return true;
            default: return static_cast<int>(c) == 226;  // cudaErrorContained, which older headers do not name
        }
    }
    static const char* error_name(code c) { return cudaGetErrorName(c); }
    static const char* error_text(code c) { return cudaGetErrorString(c); }
    /// Also forgets it, unless it is sticky.
    static code last_error() { return cudaGetLastError(); }

    static code device_count(int* n) { return cudaGetDeviceCount(n); }
    static code get_device(int* i) { return cudaGetDevice(i); }
    static code set_device(int i) { return cudaSetDevice(i); }
    static code has_pools(int* yes, int i) { return cudaDeviceGetAttribute(yes, cudaDevAttrMemoryPoolsSupported, i); }
    static code memory_info(std::size_t* free, std::size_t* total) { return cudaMemGetInfo(free, total); }
    static code synchronize() { return cudaDeviceSynchronize(); }

    static code allocate(void** p, std::size_t n) { return cudaMalloc(p, n); }
    static code release(void* p) { return cudaFree(p); }
    static code allocate_async(void** p, std::size_t n, stream s) { return cudaMallocAsync(p, n, s); }
    static code release_async(void* p, stream s) { return cudaFreeAsync(p, s); }
    static code allocate_managed(void** p, std::size_t n) { return cudaMallocManaged(p, n, cudaMemAttachGlobal); }
    static code allocate_pinned(void** p, std::size_t n) { return cudaHostAlloc(p, n, cudaHostAllocPortable); }
    static code release_pinned(void* p) { return cudaFreeHost(p); }

    static code create_stream(stream* s) { return cudaStreamCreateWithFlags(s, cudaStreamNonBlocking); }
    static code destroy_stream(stream s) { return cudaStreamDestroy(s); }
    static code synchronize_stream(stream s) { return cudaStreamSynchronize(s); }
    static code create_event(event* e) { return cudaEventCreateWithFlags(e, cudaEventDisableTiming); }
    static code destroy_event(event e) { return cudaEventDestroy(e); }
    static code record(event e, stream s) { return cudaEventRecord(e, s); }
    static code query(event e) { return cudaEventQuery(e); }

    static code copy(void* to, const void* from, std::size_t n, stream s) {
        return cudaMemcpyAsync(to, from, n, cudaMemcpyDefault, s);
    }
    static code copy_peer(void* to, int to_device, const void* from, int from_device, std::size_t n, stream s) {
        return cudaMemcpyPeerAsync(to, to_device, from, from_device, n, s);
    }
};

}  // namespace tarc::cuda
