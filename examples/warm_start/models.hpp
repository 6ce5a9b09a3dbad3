#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include <tarc/tarc.hpp>

/// What the warm starts share: the models, and the report as PyTorch's load_state_dict(strict=False) returns it.

struct linear {
    tarc::tensor<float> weight, bias;
};
struct conv {
    tarc::tensor<float> weight, bias;
};
struct batch_norm {
    tarc::tensor<float> weight, bias;
    tarc::buffer<float> running_mean, running_var;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};

/// PyTorch counts the batches since version 1.0 only, and takes files without the count.
template <>
inline constexpr auto tarc::describe<batch_norm> = tarc::defaulted{"num_batches_tracked"};

/// The network of the PyTorch tutorials, and another one that begins alike.
struct net_a {
    conv conv1, conv2;
    linear fc1, fc2, fc3;
};
struct net_b {
    conv conv1, conv2;
    batch_norm norm;
    linear fc1, head;
};

/// The same layers as net_a, by other names.
struct net_renamed {
    struct {
        conv conv1, conv2;
    } features;
    struct {
        linear fc1, fc2, fc3;
    } classifier;
};

/// torch.nn.ModuleList; how many layers there are is the model's own.
struct stack {
    linear embed;
    std::vector<linear> layers;
};

inline void print_keys(const char* what, const std::vector<std::string>& keys) {
    std::printf("%s:", what);
    for (const std::string& key : keys) std::printf(" %s", key.c_str());
    std::printf("\n");
}

inline void print(const tarc::load_report& r) {
    print_keys("missing", r.missing_keys);
    print_keys("unexpected", r.unexpected_keys);
    for (const tarc::mismatched_key& m : r.mismatched)
        std::printf("%s: %s in the file, %s in the model\n", m.path.c_str(), m.archived.c_str(), m.expected.c_str());
}

template <class F>
int run(int count, F&& warm_start) {
    if (count != 4) {
        std::fputs("usage: PRETRAINED MODEL OUT: the checkpoint, the new model's initial state, where it goes\n",
                   stderr);
        return 2;
    }
    try {
        warm_start();
        return 0;
    } catch (const tarc::error& e) {
        std::fflush(stdout);
        std::fprintf(stderr, "error: %s\n", e.what());
        return 1;
    }
}
