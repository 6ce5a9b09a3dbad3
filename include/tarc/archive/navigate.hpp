#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/key.hpp>
#include <tarc/archive/python_repr.hpp>
#include <tarc/archive/report.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/walk.hpp>

/// From a path of keys to a node of the tree.
namespace tarc::detail {

/// Whether a step of a path leads to a child.
[[nodiscard]] inline bool leads(const key& k, const step& s) {
    if (s.key == nullptr)
        return s.label.empty() ? k.is_index() && std::cmp_equal(s.index, k.index())
                               : k.is_name() && s.label == k.name();
    constexpr std::uint64_t repr_bytes = std::uint64_t{1} << 20;  // of a key that is no string
    switch (s.key->kind) {
        case value_kind::string: return k.is_name() && s.key->str() == k.name();
        case value_kind::boolean: return k.is_bool() && k == key(s.key->boolean);
        case value_kind::integer:
            if (s.key->big) return k.is_large_integer() && python_repr(repr_bytes).digits(*s.key) == k.text();
            return k.is_index() && s.key->integer == k.index();
        default: return k.is_name() && python_repr(repr_bytes)(*s.key) == k.name();
    }
}

/// What the caller of navigate may have meant.
[[nodiscard]] inline std::string advice(const key& wanted, std::span<const child> children) {
    if (children.empty()) return ", which is below no container";
    std::vector<std::string> names;
    for (const child& c : children) {
        if (names.size() == 1000) break;
        std::string name;
        append_step(name, c.step);
        if (name == wanted.text())
            return wanted.is_name() ? " -- it is a number there: write " + name + ", without quotes"
                                    : " -- it is a str there: write \"" + name + "\"";
        if (wanted.is_name() && name.starts_with(wanted.text() + "."))
            return " -- keys of a state_dict are dotted there, such as \"" + name + "\"";
        names.push_back(std::move(name));
    }
    if (!wanted.is_name()) return " -- there are " + std::to_string(children.size()) + " elements";
    const std::string_view guess = nearest(wanted.name(), names);
    return guess.empty() ? "" : " -- did you mean \"" + std::string(guess) + "\"?";
}

/// What a path leads to. Errors: errc::mismatch when it leads nowhere.
[[nodiscard]] inline const node& navigate(const node& root, std::span<const key> path) {
    const node* n = &root;
    vec<child> children;
    for (std::size_t i = 0; i < path.size(); ++i) {
        children.clear();
        list_children(*n, children);
        const node* next = nullptr;
        for (const child& c : children) {
            if (!leads(path[i], c.step)) continue;
            next = c.value;
            break;
        }
        if (next == nullptr) {
            error e(errc::mismatch, "the file has nothing at \"" + tarc::detail::path_text(path.first(i + 1)) + "\"" +
                                        advice(path[i], children));
            throw std::move(e.at_field(tarc::detail::path_text(path.first(i + 1))));
        }
        n = next;
    }
    return *n;
}

/// What the file calls a field of the struct at a path: its name, or one of those that it had before.
[[nodiscard]] inline std::optional<std::string_view> name_in_file(const node& root, std::span<const key> path,
                                                                  const member& m) {
    vec<child> children;
    list_children(navigate(root, path), children);
    const auto has = [&](std::string_view name) {
        const key wanted(name);
        for (const child& c : children)
            if (leads(wanted, c.step)) return true;
        return false;
    };
    if (has(m.name)) return m.name;
    for (const std::string_view old : m.old_names)
        if (has(old)) return old;
    return std::nullopt;
}

}  // namespace tarc::detail
