#pragma once

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include <tarc/reflect/check.hpp>
#include <tarc/reflect/fixed_string.hpp>

/// Compile-time refusal of what an archive cannot hold: one message, with the field's path as a template argument.
namespace tarc::detail {

/// Instantiated only to say what is wrong: `Path` is the field, from the struct that was asked for.
template <fixed_string Path, class T, fault F>
struct field {
    static_assert(F != fault::pointer,
                  "tarc: a pointer cannot be archived -- hold the value itself, or std::optional of it, or "
                  "mark the field with tarc::transient in tarc::describe");
    static_assert(F != fault::reference, "tarc: a struct with a reference cannot be archived -- hold the value itself");
    static_assert(F != fault::c_array, "tarc: a struct with a C array cannot be archived -- use std::array");
    static_assert(F != fault::constant,
                  "tarc: a const or volatile field cannot be loaded -- remove the qualifier, or mark the field "
                  "with tarc::transient in tarc::describe");
    static_assert(F != fault::character,
                  "tarc: a character type cannot be archived -- use std::string for text or std::int8_t for numbers");
    static_assert(F != fault::byte_element,
                  "tarc: a lone std::byte cannot be archived -- use std::vector<std::byte> or std::uint8_t");
    static_assert(F != fault::string_view, "tarc: a string_view owns nothing to load into -- use std::string");
    static_assert(F != fault::span, "tarc: a span owns nothing to load into -- use std::vector or tarc::tensor");
    static_assert(F != fault::long_double, "tarc: long double has no counterpart in Python -- use double");
    static_assert(F != fault::narrow,
                  "tarc: this number stands in tensors only -- use float, or tarc::tensor<T, tarc::scalar> of it");
    static_assert(F != fault::optional_optional,
                  "tarc: optional of optional cannot be told from optional -- use one std::optional");
    static_assert(
        F != fault::recursive,
        "tarc: a struct that contains itself cannot be archived -- give it a fixed depth, or hold a tarc::value");
    static_assert(F != fault::is_union, "tarc: a union cannot be archived -- use std::variant");
    static_assert(F != fault::polymorphic,
                  "tarc: a polymorphic type cannot be archived -- use a plain struct or std::variant");
    static_assert(F != fault::base_class,
                  "tarc: a struct with a base class cannot be archived -- make the base a field");
    static_assert(
        F != fault::not_aggregate,
        "tarc: this type is no plain aggregate and no type that tarc knows -- remove its "
        "constructors, private members and base classes, or mark the field with tarc::transient in tarc::describe");
    static_assert(F != fault::set_element,
                  "tarc: a set holds numbers, strings, bytes and enums only -- use std::vector");
    static_assert(F != fault::map_key,
                  "tarc: a map's keys are strings, integers or enums -- use std::vector<std::pair<K, V>> for others");
    static_assert(F != fault::misplaced,
                  "tarc: tarc::rest and tarc::module_metadata stand for parts of the dict around them -- make "
                  "them fields of a struct");
    static_assert(F != fault::two_rests,
                  "tarc: only one field of a struct can be a tarc::rest -- both would want the same keys");
    static_assert(F != fault::too_many,
                  "tarc: a tuple or variant has too many parts -- use std::vector or nested structs");
    static_assert(F != fault::many_fields,
                  "tarc: a struct has more than 200 fields, which Boost.PFR cannot take apart -- group them in structs "
                  "that are fields");
    static_assert(
        F != fault::nonsense,
        "tarc: tarc::describe<T> holds tarc::rename, renamed_from, removed, retyped, transient, defaulted and "
        "field_names only -- remove what else stands there");
    static_assert(F != fault::description,
                  "tarc: tarc::describe of this struct names a field that it does not have -- correct the name");
    static_assert(
        F != fault::kept_name,
        "tarc: tarc::describe of this struct calls a name old or removed that a field still has -- remove the "
        "field, or take the name out of tarc::renamed_from or tarc::removed");
    static_assert(F != fault::stand_in,
                  "tarc: tarc::archived_as of this type lacks a part -- it needs a default-constructible `type`, "
                  "`static type save(const T&)` and `static T load(type&&)`");
    static_assert(
        F != fault::no_default,
        "tarc: a container of a type with tarc::archived_as makes its elements before it fills them -- give the "
        "type a default constructor");
    static_assert(F != fault::same_name,
                  "tarc: two fields of a struct have one name in the archive -- rename one in tarc::describe");
    static_assert(F != fault::same_key,
                  "tarc: two fields of a module have one key in its state_dict -- rename one in tarc::describe");
    static_assert(F != fault::unknown, "tarc: no way to archive this type");
};

/// The parts as one text.
template <std::size_t N>
consteval fixed_string<N> concatenate(std::initializer_list<std::string_view> parts) {
    char all[N + 1] = {};
    std::size_t at = 0;
    for (const std::string_view part : parts)
        for (const char c : part) all[at++] = c;
    return fixed_string<N>(static_cast<const char*>(all));
}

template <std::size_t N>
consteval fixed_string<N> cut(std::string_view s) {
    return concatenate<N>({s.substr(0, N)});
}

template <fixed_string Path, fixed_string Name>
consteval auto join() {
    constexpr bool dot = Path.size() != 0 && Name.text[0] != '[';
    return concatenate<Path.size() + dot + Name.size()>({Path.view(), dot ? "." : "", Name.view()});
}

/// "first and second", two fields below one path.
template <fixed_string Path, fixed_string First, fixed_string Second>
consteval auto join_both() {
    constexpr auto first = join<Path, First>();
    constexpr auto second = join<Path, Second>();
    return concatenate<first.size() + 5 + second.size()>({first.view(), " and ", second.view()});
}

template <class T, fixed_string Path, class... Above>
constexpr void blame();

template <class T, fixed_string Path, class... Above>
constexpr void blame_element() {
    if constexpr (constexpr fault own = own_fault_of_element<T>(); own != fault::none)
        static_cast<void>(sizeof(field<Path, T, own>));
    else
        blame<T, Path, Above...>();
}

// The list is an argument of get(), as nvcc's front end takes no partial specialization with a fixed_string in it.
template <fixed_string Path, class T, class... Above>
struct blame_fields {
    template <std::size_t I, class One, class... More>
    static constexpr void first() {
        constexpr auto& facts = description_of<T>.fields[I];
        if constexpr (!facts.transient && fault_of<One, Above..., T>() != fault::none)
            blame<One, join<Path, cut<facts.cpp_name.size()>(facts.cpp_name)>(), Above..., T>();
        else if constexpr (sizeof...(More) != 0)
            first<I + 1, More...>();
    }
    template <class... F>
    static constexpr void get(type_list<F...>) {
        first<0, F...>();
    }
};

template <fixed_string Path, class... Above>
struct blame_elements {
    template <class One, class... More>
    static constexpr void first() {
        if constexpr (fault_of_element<One, Above...>() != fault::none)
            blame_element<One, join<Path, "[]">(), Above...>();
        else if constexpr (sizeof...(More) != 0)
            first<More...>();
    }
    template <class... A>
    static constexpr void get(type_list<A...>) {
        first<A...>();
    }
};

/// Of an aggregate that is fit by itself.
template <class T, fixed_string Path, class... Above>
constexpr void blame_aggregate() {
    constexpr fault f = fault_of<T, Above...>();
    constexpr const auto& d = description_of<T>;
    if constexpr (d.has_nonsense) {
        static_cast<void>(sizeof(field<Path, T, f>));
    } else if constexpr (d.has_unknown) {
        static_cast<void>(sizeof(field<join<Path, cut<d.unknown.size()>(d.unknown)>(), T, f>));
    } else if constexpr (d.has_kept) {
        static_cast<void>(sizeof(field<join<Path, cut<d.kept.size()>(d.kept)>(), T, f>));
    } else if constexpr (same_names<T>().first != field_count<T>) {
        constexpr auto first = d.fields[same_names<T>().first].cpp_name,
                       second = d.fields[same_names<T>().second].cpp_name;
        static_cast<void>(sizeof(field<join_both<Path, cut<first.size()>(first), cut<second.size()>(second)>(), T, f>));
    } else if constexpr (count_rests<T>() > 1) {
        static_cast<void>(sizeof(field<Path, T, f>));
    } else {
        blame_fields<Path, T, Above...>::get(field_types<T>{});
    }
}

/// Walks to the field with the fault and instantiates its message.
template <class T, fixed_string Path, class... Above>
constexpr void blame() {
    constexpr kind k = kind_v<T>;
    constexpr fault f = fault_of<T, Above...>();
    if constexpr (own_fault<T>() != fault::none ||
                  ((k == kind::aggregate || k == kind::stand_in) && (std::is_same_v<T, Above> || ...))) {
        static_cast<void>(sizeof(field<Path, T, f>));
    } else if constexpr (k == kind::aggregate) {
        if constexpr (has_names<T>())
            blame_aggregate<T, Path, Above...>();
        else
            static_cast<void>(cpp_names<T>());  // says it
    } else if constexpr (k == kind::stand_in) {
        blame_element<typename archived_as<T>::type, Path, Above..., T>();
    } else if constexpr (k == kind::map) {
        blame_element<typename T::mapped_type, join<Path, "[]">(), Above...>();
    } else if constexpr (k == kind::sequence || k == kind::array) {
        blame_element<typename T::value_type, join<Path, "[]">(), Above...>();
    } else if constexpr (k == kind::optional) {
        blame_element<typename T::value_type, Path, Above...>();
    } else if constexpr (k == kind::tuple || k == kind::variant) {
        blame_elements<Path, Above...>::get(typename elements_of<T>::type{});
    }
}

}  // namespace tarc::detail
