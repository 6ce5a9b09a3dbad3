#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <tarc/fwd.hpp>
#include <tarc/reflect/parameters.hpp>
#include <tarc/value/value.hpp>

/// The state of torch.optim's optimizers as plain structs: what `Optimizer.state_dict()` writes and `load_state_dict()` takes
/// (torch/optim/optimizer.py). Parameters are numbered as tarc::parameters(model) yields them. A group keeps keys that are
/// not its own (schedulers add `initial_lr`, named parameters `param_names`) in `others`.
namespace tarc::optim {

/// State of one parameter under SGD. PyTorch has none before the first step, and no momentum_buffer without momentum.
struct sgd_state {
    std::optional<any_tensor> momentum_buffer = {};
};

struct sgd_group {
    double lr = 1e-3;
    double momentum = 0;
    double dampening = 0;
    double weight_decay = 0;
    bool nesterov = false;
    bool maximize = false;
    std::optional<bool> foreach = {};
    bool differentiable = false;
    std::optional<bool> fused = {};
    std::vector<std::int64_t> params = {};
    rest others = {};
};

/// torch.optim.SGD.
struct sgd {
    std::map<std::int64_t, sgd_state> state = {};
    std::vector<sgd_group> param_groups = {};
};

/// State of one parameter under Adam or AdamW. With `amsgrad` PyTorch adds `max_exp_avg_sq`, which stands in `others`.
struct adam_state {
    tensor<float, scalar> step = {};
    any_tensor exp_avg = {}, exp_avg_sq = {};
    rest others = {};
};

struct adam_group {
    double lr = 1e-3;
    std::pair<double, double> betas{0.9, 0.999};
    double eps = 1e-8;
    double weight_decay = 0;
    bool amsgrad = false;
    bool maximize = false;
    std::optional<bool> foreach = {};
    bool capturable = false;
    bool differentiable = false;
    std::optional<bool> fused = {};
    bool decoupled_weight_decay = false;
    std::vector<std::int64_t> params = {};
    rest others = {};
};

/// torch.optim.Adam.
struct adam {
    std::map<std::int64_t, adam_state> state = {};
    std::vector<adam_group> param_groups = {};
};

/// AdamW's defaults where they differ from Adam's.
struct adamw_group {
    double lr = 1e-3;
    std::pair<double, double> betas{0.9, 0.999};
    double eps = 1e-8;
    double weight_decay = 1e-2;
    bool amsgrad = false;
    bool maximize = false;
    std::optional<bool> foreach = {};
    bool capturable = false;
    bool differentiable = false;
    std::optional<bool> fused = {};
    bool decoupled_weight_decay = true;
    std::vector<std::int64_t> params = {};
    rest others = {};
};

/// torch.optim.AdamW.
struct adamw {
    std::map<std::int64_t, adam_state> state = {};
    std::vector<adamw_group> param_groups = {};
};

/// Adds a group of all parameters of `model` to an optimizer, numbered behind those it has, with their names as `param_names`.
template <class Optimizer, class Model, class Group = typename decltype(Optimizer::param_groups)::value_type>
Group& add_parameters(Optimizer& optimizer, const Model& model, Group group = {}) {
    std::int64_t next = 0;
    for (const auto& g : optimizer.param_groups) next += static_cast<std::int64_t>(g.params.size());
    std::vector<value> names;
    for (const parameter& p : parameters(model)) {
        group.params.push_back(next++);
        names.emplace_back(p.name);
    }
    group.others.set("param_names", value::list(names));
    return optimizer.param_groups.emplace_back(std::move(group));
}

}  // namespace tarc::optim

// Keys that some versions of PyTorch do not write. The structs are dicts, whatever they hold.
template <>
inline constexpr auto tarc::describe<tarc::optim::sgd_group> =
    std::tuple{tarc::defaulted{"dampening"}, tarc::defaulted{"nesterov"}, tarc::defaulted{"maximize"}, tarc::defaulted{"differentiable"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::adam_group> =
    std::tuple{tarc::defaulted{"amsgrad"}, tarc::defaulted{"maximize"}, tarc::defaulted{"capturable"}, tarc::defaulted{"differentiable"},
               tarc::defaulted{"decoupled_weight_decay"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::adamw_group> =
    std::tuple{tarc::defaulted{"amsgrad"}, tarc::defaulted{"maximize"}, tarc::defaulted{"capturable"}, tarc::defaulted{"differentiable"},
               tarc::defaulted{"decoupled_weight_decay"}};
template <>
inline constexpr bool tarc::is_module<tarc::optim::sgd_state> = false;
template <>
inline constexpr bool tarc::is_module<tarc::optim::adam_state> = false;
template <>
inline constexpr bool tarc::is_module<tarc::optim::sgd> = false;
template <>
inline constexpr bool tarc::is_module<tarc::optim::adam> = false;
template <>
inline constexpr bool tarc::is_module<tarc::optim::adamw> = false;
