#pragma once

#include <cuda_runtime_api.h>

namespace cuda_sim {

[[nodiscard]] const char* error_name(cudaError_t code);
[[nodiscard]] const char* error_description(cudaError_t code);

}  // namespace cuda_sim
