#pragma once

#include <tarc/cuda/adapt.hpp>
#include <tarc/cuda/backend.hpp>
#include <tarc/cuda/memory.hpp>

/// Including this header gives the program CUDA devices, through the CUDA runtime's C interface alone: any C++20
/// compiler will do, and the program is linked with cudart (CMake target tarc::cuda). On a machine without driver or
/// device it still runs, and asking for a device is a tarc::error that says which of them is missing.
namespace tarc::cuda {

/// The backend that serves "cuda:N".
[[nodiscard]] [[gnu::visibility("default")]] inline tarc::backend& backend() {
    static gpu_backend<runtime_api>& devices = *new gpu_backend<runtime_api>;  // used by destructors of static storages
    return devices;
}

namespace detail {
inline const bool registered = (register_backend(device_type::cuda, &backend()), true);
}  // namespace detail

}  // namespace tarc::cuda
