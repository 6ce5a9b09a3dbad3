#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include "network.hpp"

namespace demo {

inline std::span<float> values(const tarc::any_tensor& t) { return t.as<float>().span(); }

/// torch.optim.SGD's rule for one parameter. Uses `gradient` up. Scalars are rounded to the parameter's type first, as
/// PyTorch does.
inline void step(const tarc::optim::sgd_group& group, tarc::optim::sgd_state& state, const tarc::any_tensor& parameter,
                 const tarc::any_tensor& gradient) {
    const std::span<float> p = values(parameter), g = values(gradient);
    const auto rate = static_cast<float>(group.lr), decay = static_cast<float>(group.weight_decay);
    const auto momentum = static_cast<float>(group.momentum), take = static_cast<float>(1 - group.dampening);

    if (group.maximize)
        for (float& v : g) v = -v;
    for (std::size_t i = 0; i < p.size(); ++i) g[i] += decay * p[i];
    if (group.momentum != 0) {
        if (state.momentum_buffer) {
            const std::span<float> buffer = values(*state.momentum_buffer);
            if (buffer.size() != p.size()) throw std::runtime_error("a momentum buffer is not of its parameter's size");
            for (std::size_t i = 0; i < p.size(); ++i) buffer[i] = momentum * buffer[i] + take * g[i];
        } else {
            state.momentum_buffer = gradient.clone();  // the first step: without dampening
        }
        const std::span<float> buffer = values(*state.momentum_buffer);
        for (std::size_t i = 0; i < p.size(); ++i) g[i] = group.nesterov ? g[i] + momentum * buffer[i] : buffer[i];
    }
    for (std::size_t i = 0; i < p.size(); ++i) p[i] -= rate * g[i];
}

/// One step of the whole optimizer. Uses `gradient` up.
inline void step(tarc::optim::sgd& optimizer, network& model, network& gradient) {
    const auto parameters = tarc::parameters(model), gradients = tarc::parameters(gradient);
    for (const tarc::optim::sgd_group& group : optimizer.param_groups)
        for (const std::int64_t index : group.params) {
            const auto i = static_cast<std::size_t>(index);
            step(group, optimizer.state[index], parameters.at(i).tensor, gradients.at(i).tensor);
        }
}

}  // namespace demo
