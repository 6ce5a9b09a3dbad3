#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/archive/report.hpp>
#include <tarc/error.hpp>
#include <tarc/optim/places.hpp>
#include <tarc/reflect/parameters.hpp>
#include <tarc/value/value.hpp>

namespace tarc::optim {

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

/// How to align. Every member has a default.
struct align_options {
    /// With any difference nothing is changed; false binds by name what fits, drops what belongs to no parameter of
    /// the model or has another shape, and reports both. What has no names fits as a whole or not at all.
    bool strict = true;
    /// Taken off the front of every name in the file that has it: `.strip_prefix = "module."`.
    std::string strip_prefix = {};
    /// Without `strict`: the group to which parameters go that the file lacks, without state, as a new one starts.
    /// Otherwise they are in none: they may be frozen as well as new.
    std::optional<std::size_t> missing_to = {};
    /// A group lists its parameters in the model's order afterwards, for a PyTorch program whose modules have that
    /// order too. Otherwise the order is the file's: PyTorch pairs parameters by their place in the group, whatever
    /// they are called, so that the program that wrote the file can go on from the next one.
    bool model_order = false;
};

/// Numbers what an optimizer from a file holds as tarc::parameters(model) does, so that `state[i]` belongs to parameter
/// i. By `param_names` where the groups have them (a tied parameter goes by any of its names, a renamed field by its
/// old ones); else by order, and then only if the count agrees and no shape contradicts; in several groups, whose order
/// is the program's own, every parameter has to have a shape in its state. What does not fit is in the report. Whatever
/// was bound, each group has `param_names` afterwards.
template <class Optimizer, class Model>
[[nodiscard]] load_report align(Optimizer& optimizer, const Model& model, const align_options& options = {}) {
    if (options.missing_to && *options.missing_to >= optimizer.param_groups.size())
        tarc::detail::raise(errc::invalid_argument, "align_options::missing_to is " +
                                                        std::to_string(*options.missing_to) + ", and there are " +
                                                        std::to_string(optimizer.param_groups.size()) + " groups");
    detail::places places(parameters(model), options.strip_prefix);
    for (const auto& group : optimizer.param_groups) places.add_group(group.params, group.others);
    if (!places.find()) return places.take_report();
    decltype(optimizer.state) state;
    for (auto& [number, s] : optimizer.state) {
        const auto& facts = tarc::detail::facts_of<std::remove_cvref_t<decltype(s)>>;
        if (const auto at = places.place_of_state(number, facts, &s)) state.emplace(*at, s);
    }
    if (!places.bound(options.strict)) return places.take_report();
    optimizer.state = std::move(state);
    for (std::size_t i = 0; i < optimizer.param_groups.size(); ++i) {
        auto& group = optimizer.param_groups[i];
        places.renumber(i, i == options.missing_to, options.model_order, group.params, group.others);
    }
    return places.take_report();
}

}  // namespace tarc::optim
