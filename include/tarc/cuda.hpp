#pragma once

#include <tarc/cuda/adapt.hpp>
#include <tarc/cuda/api.hpp>
#include <tarc/cuda/backend.hpp>
#include <tarc/cuda/memory.hpp>

/// Including this header gives the program CUDA devices, through the CUDA runtime's C interface alone: any C++20
/// compiler will do, and the program is linked with cudart (CMake target tarc::cuda). On a machine without driver or
/// device it still runs, and asking for a device is a tarc::error that says which of them is missing.
namespace tarc::cuda {

using device_memory = basic_device_memory<runtime_api>;
using stream_ordered_memory = basic_stream_ordered_memory<runtime_api>;
using managed_memory = basic_managed_memory<runtime_api>;
using pinned_memory = basic_pinned_memory<runtime_api>;
static_assert(memory_resource<device_memory> && memory_resource<managed_memory> && memory_resource<pinned_memory>);
static_assert(stream_ordered_resource<stream_ordered_memory>);

template <class R>
using adapted = basic_adapted<R, runtime_api>;

/// A resource of cuda::mr or rmm as one of tarc: `auto pool = tarc::cuda::adapt(rmm_pool, tarc::device::cuda(0));
/// tarc::load<checkpoint>("run.pt", pool)`.
template <class R>
    requires foreign_resource<R, runtime_api>
[[nodiscard]] adapted<R> adapt(R& r, tarc::device d) {
    return {r, d};
}

/// The backend that serves "cuda:N".
[[nodiscard]] [[gnu::visibility("default")]] inline tarc::backend& backend() {
    static gpu_backend<runtime_api>& devices = *new gpu_backend<runtime_api>;  // used by destructors of static storages
    return devices;
}

namespace detail {
inline const bool registered = (register_backend(device_type::cuda, &backend()), true);
}  // namespace detail

}  // namespace tarc::cuda
