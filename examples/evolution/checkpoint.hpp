#pragma once

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include <tarc/reflect/frozen.hpp>

#include "history.hpp"

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    std::vector<linear> layers;  // as many as there are; in a file "layers.0.weight", "layers.0.bias", …
};
struct checkpoint {
    std::int64_t epoch = 0;
    net model;
    std::vector<double> learning_rates;
    std::string comment;
};

// All that is said about the struct and its files.
template <>
inline constexpr auto tarc::describe<checkpoint> = std::tuple{
    tarc::renamed_from{"comment", "note"},  // older files of this version have it by that name
    tarc::defaulted{"comment"},             // or do not have it
    tarc::removed{"hostname"},              // was written for a while
};
template <>
inline constexpr int tarc::version<checkpoint> = 3;
template <>
inline constexpr auto tarc::history<checkpoint> = tarc::versions<history::checkpoint_v1, history::checkpoint_v2>{};

// The layout is part of the program: an edit that would orphan files does not compile.
static_assert(tarc::schema_of<checkpoint> == tarc::frozen<"version: 3\n"
                                                          "epoch: int64\n"
                                                          "model/layers.*.weight: float32[...]\n"
                                                          "model/layers.*.bias: float32[...]\n"
                                                          "learning_rates/*: float64\n"
                                                          "comment: str\n">);

namespace history {

inline checkpoint migrate(checkpoint_v2&& old) {
    net model;
    for (linear* l : {&old.model.fc1, &old.model.fc2})
        model.layers.push_back({std::move(l->weight), std::move(l->bias)});
    return {old.epoch, std::move(model), std::move(old.learning_rates), std::move(old.note)};
}

}  // namespace history
