#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tarc/tensor/tensor.hpp>

/// What a checkpoint was before: plain structs, kept as they stood. Nothing but migrate() uses them.
namespace history {

struct linear {
    tarc::tensor<float> weight, bias;
};
struct two_layers {
    linear fc1, fc2;
};

struct checkpoint_v1 {
    std::int64_t epoch = 0;
    two_layers model;
    double lr = 0.1;
};

struct checkpoint_v2 {
    std::int64_t epoch = 0;
    two_layers model;
    std::vector<double> learning_rates;  // one for each group of parameters
    std::string note;
};

/// Found by argument-dependent lookup, so it stands beside the old struct.
inline checkpoint_v2 migrate(checkpoint_v1&& old) {
    return {old.epoch, std::move(old.model), {old.lr}, "from version 1"};
}

}  // namespace history

template <>
inline constexpr int tarc::version<history::checkpoint_v1> = 1;
template <>
inline constexpr int tarc::version<history::checkpoint_v2> = 2;
