#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <type_traits>

#include <tarc/reflect/fields.hpp>

namespace tarc::detail {

/// What describe<T> makes of one field.
struct field_facts {
    std::string_view cpp_name;  // as the program spells it
    std::string_view name;      // in the archive
    bool transient = false;
    bool defaulted = false;
    std::optional<dtype_policy> retyped = {};  // instead of the load's policy
    std::size_t first_old = 0, old_count = 0;  // its part of described<T>::old_names
};

template <class Item>
inline constexpr bool names_a_field =
    std::is_same_v<Item, rename> || std::is_same_v<Item, renamed_from> || std::is_same_v<Item, tarc::transient> ||
    std::is_same_v<Item, tarc::defaulted> || std::is_same_v<Item, retyped>;

template <class T, class Item>
consteval std::size_t count_items() {
    std::size_t n = 0;
    for_each_item<T>([&](const auto& item) { n += std::is_same_v<std::remove_cvref_t<decltype(item)>, Item>; });
    return n;
}

template <class T>
struct described {
    std::array<field_facts, field_count<T>> fields{};
    std::array<std::string_view, count_items<T, renamed_from>()> old_names{};  // by field
    std::array<std::string_view, count_items<T, tarc::removed>()> removed{};
    bool has_nonsense = false;  // the description holds something that describes nothing
    bool has_unknown = false;   // the description names a field that does not exist:
    std::string_view unknown = {};
    bool has_kept = false;  // a removed or old name is still the name of a field:
    std::string_view kept = {};
    bool dotted = false;  // a name is empty or holds a ".", so that keys of a module may coincide
};

template <plain_aggregate T>
consteval described<T> read_description() {
    described<T> d;
    const auto names = cpp_names<T>();
    for (std::size_t i = 0; i < names.size(); ++i) d.fields[i] = {names[i], names[i]};
    std::size_t removed_count = 0;
    for_each_item<T>([&](const auto& item) {
        using I = std::remove_cvref_t<decltype(item)>;
        if constexpr (std::is_same_v<I, tarc::removed>) {
            d.removed[removed_count++] = item.key;
        } else if constexpr (!names_a_field<I>) {
            d.has_nonsense |= !is_field_names<I>;
        } else {
            bool found = false;
            for (auto& f : d.fields) {
                if (f.cpp_name != item.field) continue;
                found = true;
                if constexpr (std::is_same_v<I, rename>) f.name = item.name;
                if constexpr (std::is_same_v<I, tarc::transient>) f.transient = true;
                if constexpr (std::is_same_v<I, tarc::defaulted>) f.defaulted = true;
                if constexpr (std::is_same_v<I, retyped>) f.retyped = item.policy;
            }
            if (!found && !d.has_unknown) {
                d.has_unknown = true;
                d.unknown = item.field;
            }
        }
    });
    std::size_t old_count = 0;
    for (field_facts& f : d.fields) {
        f.first_old = old_count;
        for_each_item<T>([&](const auto& item) {
            if constexpr (std::is_same_v<std::remove_cvref_t<decltype(item)>, renamed_from>)
                if (f.cpp_name == item.field) d.old_names[old_count++] = item.old_name;
        });
        f.old_count = old_count - f.first_old;
    }
    const auto keep = [&](std::string_view name) {
        for (const field_facts& f : d.fields) {
            if (f.name != name || f.transient) continue;
            d.has_kept = true;
            d.kept = name;
        }
    };
    for (const std::string_view name : d.old_names) keep(name);
    for (const std::string_view name : d.removed) keep(name);
    for (const field_facts& f : d.fields) d.dotted |= f.name.empty() || f.name.find('.') != std::string_view::npos;
    return d;
}

template <plain_aggregate T>
inline constexpr described<T> description_of = read_description<T>();

}  // namespace tarc::detail
