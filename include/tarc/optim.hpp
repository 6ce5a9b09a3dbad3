#pragma once

#include <algorithm>  // std::equal
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/archive/report.hpp>
#include <tarc/fwd.hpp>
#include <tarc/reflect/parameters.hpp>
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

/// Adds a group of all parameters of `model` to an optimizer, numbered behind those it has, with their names as
/// `param_names`.
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

namespace detail {

using tarc::detail::kind;
using tarc::detail::shape_text;
using tarc::detail::type_facts;

/// A parameter as an optimizer's file numbers it; the name is empty where the file has none.
struct numbered {
    std::int64_t number;
    std::string name;
};

/// Where each number of the file stands among the parameters of the model: by name, or where there are none by order.
inline std::map<std::int64_t, std::size_t> places(const std::vector<numbered>& file,
                                                  const std::vector<parameter>& model, bool named,
                                                  load_report& report) {
    std::map<std::int64_t, std::size_t> places;
    if (!named && file.size() != model.size()) {
        report.mismatched.push_back({"param_groups", std::to_string(file.size()) + " parameters without names",
                                     "the model's " + std::to_string(model.size())});
        return places;
    }
    std::map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < model.size(); ++i) by_name.emplace(model[i].name, i);
    for (std::size_t i = 0; i < file.size(); ++i) {
        const auto at = by_name.find(file[i].name);
        if (named && at == by_name.end())
            report.unexpected_keys.push_back(file[i].name);
        else if (!places.emplace(file[i].number, named ? at->second : i).second)
            report.mismatched.push_back(
                {"param_groups", "the parameter " + std::to_string(file[i].number) + " twice", "each once"});
        else if (named)
            by_name.erase(at);
    }
    if (named)
        for (const parameter& p : model)
            if (by_name.contains(p.name)) report.missing_keys.push_back(p.name);
    return places;
}

/// Each tensor of a parameter's state that is not 0-d must have the parameter's shape.
inline void compare_shapes(const type_facts& t, void* state, const std::string& path, const parameter& p,
                           load_report& report) {
    const auto compare = [&](const tensor_base& x, std::string_view name) {
        const auto have = x.shape(), want = p.tensor.shape();
        if (x.rank() != 0 && !std::equal(have.begin(), have.end(), want.begin(), want.end()))
            report.mismatched.push_back({path + "/" + std::string(name), "shape " + shape_text(have),
                                         "shape " + shape_text(want) + " of " + p.name});
    };
    tarc::detail::for_each_part(t, state, [&](void* part, const type_facts& type, std::string_view name) {
        if (type.kind == kind::tensor) compare(*type.tensor(part), name);
        if (type.kind == kind::optional && type.element->kind == kind::tensor)
            if (void* inner = type.get(part)) compare(*type.element->tensor(inner), name);
        if (type.kind == kind::rest)
            for (const auto& [key, x] : *static_cast<const rest*>(part))
                if (x.kind() == value_kind::tensor)
                    compare(x.as_tensor(), key.kind() == value_kind::string ? key.as_string() : std::string_view("?"));
    });
}

}  // namespace detail

/// Numbers what an optimizer from a file holds as tarc::parameters(model) does, so that `state[i]` belongs to parameter
/// i. By `param_names` where every group has them; else by order, and then only if the count agrees. Shapes must agree
/// either way. What does not fit is reported and then nothing is changed; else each group has `param_names` afterwards.
template <class Optimizer, class Model>
[[nodiscard]] load_report align(Optimizer& optimizer, const Model& model) {
    load_report report;
    const std::vector<parameter> mine = parameters(model);
    std::vector<detail::numbered> file;
    bool named = true;
    for (const auto& group : optimizer.param_groups) {
        const std::optional<value> names = group.others.find("param_names");
        named = named && names && names->size() == group.params.size();
        for (std::size_t i = 0; i < group.params.size(); ++i) {
            named = named && (*names)[i].kind() == value_kind::string;
            file.push_back({group.params[i], named ? std::string((*names)[i].as_string()) : std::string()});
        }
    }
    const auto places = detail::places(file, mine, named, report);
    if (!report.clean()) return report;
    decltype(optimizer.state) state;
    for (auto& [number, s] : optimizer.state) {
        const std::string path = "state/" + std::to_string(number);
        const auto at = places.find(number);
        if (at == places.end()) {
            report.unexpected_keys.push_back(path);
            continue;
        }
        using facts = std::remove_cvref_t<decltype(s)>;
        detail::compare_shapes(tarc::detail::facts_of<facts>, &s, path, mine[at->second], report);
        state.emplace(static_cast<std::int64_t>(at->second), s);
    }
    if (!report.clean()) return report;
    optimizer.state = std::move(state);
    for (auto& group : optimizer.param_groups) {
        std::vector<value> names;
        for (std::int64_t& number : group.params) {
            const std::size_t place = places.at(number);
            number = static_cast<std::int64_t>(place);
            names.emplace_back(mine[place].name);
        }
        group.others.set("param_names", value::list(names));
    }
    return report;
}

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
    tarc::field_names{"step", "exp_avg", "exp_avg_sq", "others"};
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
inline constexpr auto tarc::describe<tarc::optim::rmsprop_state> = tarc::field_names{"step", "square_avg", "others"};
template <>
inline constexpr auto tarc::describe<tarc::optim::rmsprop_group> =
    std::tuple{tarc::field_names{"lr", "momentum", "alpha", "eps", "centered", "weight_decay", "capturable", "foreach",
                                 "maximize", "differentiable", "params", "others"},
               tarc::defaulted{"capturable"}, tarc::defaulted{"maximize"}, tarc::defaulted{"differentiable"}};
template <>
inline constexpr auto tarc::describe<tarc::optim::rmsprop> = tarc::field_names{"state", "param_groups"};
template <>
inline constexpr auto tarc::describe<tarc::optim::adagrad_state> = tarc::field_names{"step", "sum", "others"};
template <>
inline constexpr auto tarc::describe<tarc::optim::adagrad_group> = std::tuple{
    tarc::field_names{"lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value", "foreach", "maximize",
                      "differentiable", "fused", "params", "others"},
    tarc::defaulted{"initial_accumulator_value"}, tarc::defaulted{"maximize"}, tarc::defaulted{"differentiable"}};
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
