#pragma once

#include <cstdio>
#include <string>

#include <tarc/cuda.hpp>
#include <tarc/tarc.hpp>

/// What the journeys between devices share: a model, and a line that says where it is and what is in it. An error ends
/// a program with its text and status 1.

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    linear fc1, fc2;
};

/// A model as it might come out of training on `d`.
inline net trained_on(tarc::device d) {
    net n;
    n.fc1 = {tarc::tensor<float>::full({64, 10}, 1.5f).to(d), tarc::tensor<float>::full({64}, 0.25f).to(d)};
    n.fc2 = {tarc::tensor<float>::full({10, 64}, -2.0f).to(d), tarc::tensor<float>::full({10}, 3.0f).to(d)};
    return n;
}

inline void show(const char* what, const net& n) {
    const float a = n.fc1.weight.to(tarc::device::cpu())(63, 9), b = n.fc2.bias.to(tarc::device::cpu())(9);
    std::printf("%s: fc1 on %s, fc2 on %s, fc1.weight(63, 9) = %g, fc2.bias(9) = %g\n", what,
                n.fc1.weight.device().location().c_str(), n.fc2.bias.device().location().c_str(), double(a), double(b));
}

template <class F>
int run(F&& journey) {
    try {
        journey();
        return 0;
    } catch (const tarc::error& e) {
        std::fflush(stdout);
        std::fprintf(stderr, "error: %s\n", e.what());
        return 1;
    }
}
