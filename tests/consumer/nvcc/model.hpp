#pragma once

#include <tarc/fwd.hpp>
#include <tarc/tensor/tensor.hpp>

#include <cstdint>

struct linear {
    tarc::tensor<float> weight, bias;
};
struct checkpoint {
    std::int64_t epoch = 0;
    linear fc;
};
template <>
inline constexpr auto tarc::describe<linear> = tarc::rename{"bias", "b"};

/// Multiplies every element on the device, where there is one; else leaves them, and says why.
const char* scale(linear& model, float by);
