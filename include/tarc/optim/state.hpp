#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <tarc/value/value.hpp>

/// The state of torch.optim's optimizers as plain structs: what `Optimizer.state_dict()` writes and `load_state_dict()`
/// takes (torch/optim/optimizer.py). Parameters are numbered as tarc::parameters(model) yields them. A group keeps keys
/// that are not its own (schedulers add `initial_lr`, named parameters `param_names`) in `others`.
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

/// State of one parameter under RMSprop. With momentum PyTorch adds `momentum_buffer`, and when centered `grad_avg`,
/// which stand in `others`.
struct rmsprop_state {
    tensor<float, scalar> step = {};
    any_tensor square_avg = {};
    rest others = {};
};

struct rmsprop_group {
    double lr = 1e-2;
    double momentum = 0;
    double alpha = 0.99;
    double eps = 1e-8;
    bool centered = false;
    double weight_decay = 0;
    bool capturable = false;
    std::optional<bool> foreach = {};
    bool maximize = false;
    bool differentiable = false;
    std::vector<std::int64_t> params = {};
    rest others = {};
};

/// torch.optim.RMSprop.
struct rmsprop {
    std::map<std::int64_t, rmsprop_state> state = {};
    std::vector<rmsprop_group> param_groups = {};
};

/// State of one parameter under Adagrad, which PyTorch has before the first step too.
struct adagrad_state {
    tensor<float, scalar> step = {};
    any_tensor sum = {};
    rest others = {};
};

struct adagrad_group {
    double lr = 1e-2;
    double lr_decay = 0;
    double eps = 1e-10;
    double weight_decay = 0;
    double initial_accumulator_value = 0;
    std::optional<bool> foreach = {};
    bool maximize = false;
    bool differentiable = false;
    std::optional<bool> fused = {};
    std::vector<std::int64_t> params = {};
    rest others = {};
};

/// torch.optim.Adagrad.
struct adagrad {
    std::map<std::int64_t, adagrad_state> state = {};
    std::vector<adagrad_group> param_groups = {};
};

namespace detail {
/// A program whose default dtype is float64 counts its steps in that; PyTorch calculates with either alike.
inline constexpr tarc::retyped any_step{"step", dtype_policy::cast};
}  // namespace detail

}  // namespace tarc::optim

// The names are for compilers that cannot find them (nvcc). Defaulted are keys that some versions of PyTorch do not
// write. The structs are dicts, whatever they hold.
template <>
inline constexpr auto tarc::describe<tarc::optim::sgd_state> = tarc::field_names{"momentum_buffer"};
template <>
inline constexpr auto tarc::describe<tarc::optim::sgd_group> =
    std::tuple{tarc::field_names{"lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "foreach",
                                 "differentiable", "fused", "params", "others"},
               tarc::defaulted{"dampening"}, tarc::defaulted{"nesterov"}, tarc::defaulted{"maximize"},
               tarc::defaulted{"differentiable"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::sgd> = tarc::field_names{"state", "param_groups"};
template <>
inline constexpr auto tarc::describe<tarc::optim::adam_state> =
    std::tuple{tarc::field_names{"step", "exp_avg", "exp_avg_sq", "others"}, tarc::optim::detail::any_step};
template <>
inline constexpr auto tarc::describe<tarc::optim::adam_group> =
    std::tuple{tarc::field_names{"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable",
                                 "differentiable", "fused", "decoupled_weight_decay", "params", "others"},
               tarc::defaulted{"amsgrad"},
               tarc::defaulted{"maximize"},
               tarc::defaulted{"capturable"},
               tarc::defaulted{"differentiable"},
               tarc::defaulted{"decoupled_weight_decay"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::adam> = tarc::field_names{"state", "param_groups"};
template <>
inline constexpr auto tarc::describe<tarc::optim::adamw_group> =
    std::tuple{tarc::field_names{"lr", "betas", "eps", "weight_decay", "amsgrad", "maximize", "foreach", "capturable",
                                 "differentiable", "fused", "decoupled_weight_decay", "params", "others"},
               tarc::defaulted{"amsgrad"},
               tarc::defaulted{"maximize"},
               tarc::defaulted{"capturable"},
               tarc::defaulted{"differentiable"},
               tarc::defaulted{"decoupled_weight_decay"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::adamw> = tarc::field_names{"state", "param_groups"};
template <>
inline constexpr auto tarc::describe<tarc::optim::rmsprop_state> =
    std::tuple{tarc::field_names{"step", "square_avg", "others"}, tarc::optim::detail::any_step};
template <>
inline constexpr auto tarc::describe<tarc::optim::rmsprop_group> =
    std::tuple{tarc::field_names{"lr", "momentum", "alpha", "eps", "centered", "weight_decay", "capturable", "foreach",
                                 "maximize", "differentiable", "params", "others"},
               tarc::defaulted{"momentum"},
               tarc::defaulted{"centered"},
               tarc::defaulted{"capturable"},
               tarc::defaulted{"maximize"},
               tarc::defaulted{"differentiable"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::rmsprop> = tarc::field_names{"state", "param_groups"};
template <>
inline constexpr auto tarc::describe<tarc::optim::adagrad_state> =
    std::tuple{tarc::field_names{"step", "sum", "others"}, tarc::optim::detail::any_step};
template <>
inline constexpr auto tarc::describe<tarc::optim::adagrad_group> =
    std::tuple{tarc::field_names{"lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value", "foreach",
                                 "maximize", "differentiable", "fused", "params", "others"},
               tarc::defaulted{"eps"}, tarc::defaulted{"initial_accumulator_value"}, tarc::defaulted{"maximize"},
               tarc::defaulted{"differentiable"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::adagrad> = tarc::field_names{"state", "param_groups"};
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
