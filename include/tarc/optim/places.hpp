#pragma once

#include <algorithm>  // std::equal, std::is_sorted, std::sort
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/report.hpp>
#include <tarc/reflect/parameters.hpp>
#include <tarc/value/value.hpp>

namespace tarc::optim::detail {

using tarc::detail::kind;
using tarc::detail::shape_text;
using tarc::detail::type_facts;

/// Where the parameters of an optimizer's file stand among those of a model, and what of them does not fit.
class places {
public:
    places(std::vector<parameter> model, std::string_view prefix)
        : model_(std::move(model)), shaped_(model_.size()), prefix_(prefix) {}

    void add_group(const std::vector<std::int64_t>& numbers, const rest& others) {
        const std::string path = "param_groups/" + std::to_string(groups_.size());
        groups_.emplace_back();
        if (numbers.empty()) return;  // PyTorch gives such a group no names
        const std::optional<value> names = others.find("param_names");
        (names ? named_ : unnamed_) = true;
        if (names && !are_names(*names, numbers.size()))
            differ(path + "/param_names", "what is no list of a name for each parameter",
                   std::to_string(numbers.size()) + " names");
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            std::string name = names && report_.clean() ? std::string((*names)[i].as_string()) : std::string();
            if (!prefix_.empty() && name.starts_with(prefix_)) name.erase(0, prefix_.size());
            if (!in_file_.emplace(numbers[i], file_.size()).second)
                differ("param_groups", "the parameter " + std::to_string(numbers[i]) + " twice", "each once");
            groups_.back().push_back(file_.size());
            file_.push_back({std::move(name), {}});
        }
    }

    /// Of each parameter of the file. False where the file does not say it, so that nothing can be bound.
    [[nodiscard]] bool find() {
        if (report_.clean() && named_ && unnamed_)
            differ("param_groups", "names of the parameters in some groups only", "them in all groups or in none");
        if (report_.clean() && !named_ && file_.size() != model_.size())
            differ("param_groups", std::to_string(file_.size()) + " parameters without names",
                   "the model's " + std::to_string(model_.size()));
        if (!report_.clean()) return false;
        if (named_) return find_by_name();
        for (std::size_t i = 0; i < file_.size(); ++i) file_[i].place = i;
        return true;
    }

    /// Where the state of a parameter belongs, or nothing where it does not fit.
    [[nodiscard]] std::optional<std::int64_t> place_of_state(std::int64_t number, const type_facts& t, void* state) {
        const std::string path = "state/" + std::to_string(number);
        const auto at = in_file_.find(number);
        if (at == in_file_.end()) report_.unexpected_keys.push_back(path);
        if (at == in_file_.end() || !file_[at->second].place) return std::nullopt;
        const std::size_t place = *file_[at->second].place, before = report_.mismatched.size();
        compare_shapes(t, state, path, place);
        if (report_.mismatched.size() != before) return std::nullopt;
        return static_cast<std::int64_t>(place);
    }

    /// Whether what was found is to be taken, once all state was looked at.
    [[nodiscard]] bool bound(bool strict) {
        if (named_) return !strict || report_.clean();
        if (groups_.size() > 1)
            for (std::size_t i = 0; i < model_.size(); ++i)
                if (!shaped_[i])
                    differ("param_groups",
                           "several groups without names, and of parameter " + std::to_string(i) + " no shape",
                           "param_names, or state of every parameter");
        return report_.mismatched.empty() && (!strict || report_.clean());
    }

    /// The parameters of a group, as the model numbers and names them.
    void renumber(std::size_t group, bool takes_missing, bool model_order, std::vector<std::int64_t>& numbers,
                  rest& others) const {
        numbers.clear();
        for (const std::size_t i : groups_[group])
            if (file_[i].place) numbers.push_back(static_cast<std::int64_t>(*file_[i].place));
        // A group that is in the model's order stays so.
        const bool sorts = model_order || std::is_sorted(numbers.begin(), numbers.end());
        if (takes_missing)
            for (const std::size_t place : missing_) numbers.push_back(static_cast<std::int64_t>(place));
        if (sorts) std::sort(numbers.begin(), numbers.end());
        std::vector<value> names;
        for (const std::int64_t n : numbers) names.emplace_back(model_[static_cast<std::size_t>(n)].name);
        others.set("param_names", value::list(names));
    }

    [[nodiscard]] load_report take_report() { return std::move(report_); }

private:
    struct numbered {
        std::string name;
        std::optional<std::size_t> place;
    };

    void differ(std::string path, std::string archived, std::string expected) {
        report_.mismatched.push_back({std::move(path), std::move(archived), std::move(expected)});
    }

    static bool are_names(const value& names, std::size_t count) {
        if (names.kind() != value_kind::list && names.kind() != value_kind::tuple) return false;
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i].kind() != value_kind::string) return false;
        return names.size() == count;
    }

    /// A name that two parameters of the file lead to the same one of the model is no answer for either.
    bool find_by_name() {
        std::map<std::string_view, std::size_t> by_name;
        for (std::size_t i = 0; i < model_.size(); ++i) by_name.emplace(model_[i].name, i);
        for (std::size_t i = 0; i < model_.size(); ++i)
            for (const std::string& other : model_[i].other_names) by_name.emplace(other, i);
        std::vector<const numbered*> taken(model_.size());
        for (numbered& p : file_) {
            const auto at = by_name.find(p.name);
            if (at == by_name.end()) {
                report_.unexpected_keys.push_back(p.name);
                continue;
            }
            if (const numbered* other = taken[at->second]) {
                differ("param_groups", p.name == other->name ? p.name + " twice" : other->name + " and " + p.name,
                       "one parameter, " + model_[at->second].name);
                return false;
            }
            taken[at->second] = &p;
            p.place = at->second;
        }
        for (std::size_t i = 0; i < model_.size(); ++i) {
            if (taken[i] != nullptr) continue;
            report_.missing_keys.push_back(model_[i].name);
            missing_.push_back(i);
        }
        return true;
    }

    /// Each tensor of a parameter's state must have the parameter's shape, if its type does not fix another, as that of
    /// `step` does; among the keys that the struct does not know there may be further 0-d ones.
    void compare_shapes(const type_facts& t, void* state, const std::string& path, std::size_t place) {
        const parameter& p = model_[place];
        const auto compare = [&](const tensor_base& x, std::string_view name) {
            const auto have = x.shape(), want = p.tensor.shape();
            if (std::equal(have.begin(), have.end(), want.begin(), want.end()))
                shaped_[place] = true;
            else
                differ(path + "/" + std::string(name), "shape " + shape_text(have),
                       "shape " + shape_text(want) + " of " + p.name);
        };
        tarc::detail::for_each_part(t, state, [&](void* part, const type_facts& type, std::string_view name) {
            if (type.kind == kind::tensor && !type.has_rank && type.tensor(part)->defined())
                compare(*type.tensor(part), name);
            if (type.kind == kind::optional && type.element->kind == kind::tensor)
                if (void* inner = type.get(part)) compare(*type.element->tensor(inner), name);
            if (type.kind != kind::rest) return;
            for (const auto& [key, x] : *static_cast<const rest*>(part))
                if (x.kind() == value_kind::tensor && x.as_tensor().rank() != 0)
                    compare(x.as_tensor(), key.kind() == value_kind::string ? key.as_string() : std::string_view("?"));
        });
    }

    std::vector<parameter> model_;
    std::vector<bool> shaped_;  // by place: a tensor of its state has its shape
    std::string_view prefix_;
    std::vector<numbered> file_;                    // in the order of the file's groups
    std::vector<std::vector<std::size_t>> groups_;  // each by indices into file_
    std::map<std::int64_t, std::size_t> in_file_;   // by number
    std::vector<std::size_t> missing_;              // by place
    bool named_ = false, unnamed_ = false;          // some group has names, some has none
    load_report report_;
};

}  // namespace tarc::optim::detail
