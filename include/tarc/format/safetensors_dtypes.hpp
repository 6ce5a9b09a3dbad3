#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <tarc/tensor/dtype.hpp>

namespace tarc::detail {

/// A dtype of safetensors. `type` is none where nothing here has its elements.
struct safetensors_dtype {
    std::string_view name;
    std::uint8_t bits;
    std::optional<dtype> type;
};

/// In the order of the package's `Dtype` (safetensors/src/tensor.rs), by whose reverse it sorts tensors.
// clang-format off
inline constexpr safetensors_dtype safetensors_dtypes[] = {
    {"BOOL", 8, dtype::boolean},
    {"F4", 4, dtype::float4_e2m1fn_x2},  // two elements a byte; the last size counts elements
    {"F6_E2M3", 6, {}}, {"F6_E3M2", 6, {}},
    {"U8", 8, dtype::uint8}, {"I8", 8, dtype::int8},
    {"F8_E5M2", 8, dtype::float8_e5m2}, {"F8_E4M3", 8, dtype::float8_e4m3fn}, {"F8_E8M0", 8, dtype::float8_e8m0fnu},
    {"F8_E4M3FNUZ", 8, dtype::float8_e4m3fnuz}, {"F8_E5M2FNUZ", 8, dtype::float8_e5m2fnuz},
    {"I16", 16, dtype::int16}, {"U16", 16, dtype::uint16}, {"F16", 16, dtype::float16}, {"BF16", 16, dtype::bfloat16},
    {"I32", 32, dtype::int32}, {"U32", 32, dtype::uint32}, {"F32", 32, dtype::float32},
    {"C64", 64, dtype::complex64}, {"F64", 64, dtype::float64}, {"I64", 64, dtype::int64}, {"U64", 64, dtype::uint64},
};
// clang-format on

[[nodiscard]] inline const safetensors_dtype* find_safetensors_dtype(std::string_view name) {
    for (const safetensors_dtype& d : safetensors_dtypes)
        if (d.name == name) return &d;
    return nullptr;
}
[[nodiscard]] inline const safetensors_dtype* find_safetensors_dtype(dtype t) {
    for (const safetensors_dtype& d : safetensors_dtypes)
        if (d.type == t) return &d;
    return nullptr;
}

inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;  // MAX_HEADER_SIZE, safetensors/src/tensor.rs
inline constexpr std::string_view safetensors_metadata_key = "__metadata__";

}  // namespace tarc::detail
