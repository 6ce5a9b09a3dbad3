#pragma once

#include <tarc/tarc.hpp>

#include <cstdint>

struct run {
    std::int64_t epoch = 0;
    tarc::tensor<float> weight;
};
