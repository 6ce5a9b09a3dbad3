#pragma once

#include <array>
#include <cstddef>
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
};

template <class T>
struct described {
    std::array<field_facts, field_count<T>> fields{};
    bool has_nonsense = false;  // the description holds something that describes nothing
    bool has_unknown = false;   // the description names a field that does not exist:
    std::string_view unknown = {};
    bool dotted = false;  // a name is empty or holds a ".", so that keys of a module may coincide
};

template <plain_aggregate T>
consteval described<T> read_description() {
    described<T> d;
    const auto names = cpp_names<T>();
    for (std::size_t i = 0; i < names.size(); ++i) d.fields[i] = {names[i], names[i]};
    for_each_item<T>([&](const auto& item) {
        using I = std::remove_cvref_t<decltype(item)>;
        if constexpr (!std::is_same_v<I, rename> && !std::is_same_v<I, tarc::transient> &&
                      !std::is_same_v<I, tarc::defaulted>) {
            d.has_nonsense |= !is_field_names<I>;
        } else {
            bool found = false;
            for (auto& f : d.fields) {
                if (f.cpp_name != item.field) continue;
                found = true;
                if constexpr (std::is_same_v<I, rename>) f.name = item.name;
                if constexpr (std::is_same_v<I, tarc::transient>) f.transient = true;
                if constexpr (std::is_same_v<I, tarc::defaulted>) f.defaulted = true;
            }
            if (!found && !d.has_unknown) {
                d.has_unknown = true;
                d.unknown = item.field;
            }
        }
    });
    for (const field_facts& f : d.fields) d.dotted |= f.name.empty() || f.name.find('.') != std::string_view::npos;
    return d;
}

template <plain_aggregate T>
inline constexpr described<T> description_of = read_description<T>();

}  // namespace tarc::detail
