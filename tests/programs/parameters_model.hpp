#pragma once

#include <complex>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <tarc/tensor/any_tensor.hpp>

using tensor = tarc::tensor<float>;

/// A small model with everything that decides about the order of parameters: own ones before and after children,
/// buffers, ties, ModuleList, Sequential with modules that have none, ModuleDict, ParameterList, ParameterDict, complex
/// and integers.
struct linear {
    tensor weight;
    std::optional<tensor> bias;
};
struct activation {};
struct batch_norm {
    tensor weight, bias;
    tarc::buffer<float> running_mean, running_var;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct block {
    linear attention;
    tensor scale;  // own, behind a child
    std::tuple<linear, activation, batch_norm> mlp;
};
struct transformer {
    linear embedding;
    std::vector<block> blocks;
    tensor temperature;
    std::map<std::string, linear> heads;
    std::vector<tensor> list;
    std::map<std::string, tensor> table;
    linear output;  // its weight is the embedding's
    tarc::tensor<std::complex<float>> phase;
    tarc::tensor<std::int64_t> positions;
    tarc::any_tensor small;
};

inline linear make_linear(std::int64_t in, std::int64_t out, bool bias = true) {
    linear l{tensor::zeros({out, in}), {}};
    if (bias) l.bias = tensor::zeros({out});
    return l;
}

inline transformer make_transformer() {
    transformer t;
    t.embedding = make_linear(4, 7, false);
    for (int i = 0; i < 11; ++i) {
        block b;
        b.attention = make_linear(4, 4);
        b.scale = tensor::zeros({4});
        std::get<0>(b.mlp) = make_linear(4, 8);
        auto& n = std::get<2>(b.mlp);
        n = {tensor::zeros({8}), tensor::zeros({8}), tensor::zeros({8}), tensor::zeros({8}), {}};
        n.num_batches_tracked = tarc::tensor<std::int64_t, tarc::scalar>::zeros();
        t.blocks.push_back(b);
    }
    t.temperature = tensor::zeros({});
    t.heads["a"] = make_linear(4, 1);
    t.heads["b"] = make_linear(4, 2);
    t.list = {tensor::zeros({1}), tensor::zeros({2})};
    t.table = {{"x", tensor::zeros({3})}, {"y", tensor::zeros({5})}};
    t.output.weight = t.embedding.weight;
    t.output.bias = tensor::zeros({7});
    t.phase = tarc::tensor<std::complex<float>>::zeros({2});
    t.positions = tarc::tensor<std::int64_t>::zeros({2});
    t.small = tarc::any_tensor::empty(tarc::dtype::bfloat16, {2, 2});
    return t;
}
