#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

#include <tarc/reflect/fixed_string.hpp>
#include <tarc/reflect/kinds.hpp>

/// Compile-time refusal of what an archive cannot hold: one message, with the field's path as a template argument.
namespace tarc::detail {

enum class fault : std::uint8_t {
    none, pointer, reference, c_array, character, string_view, span, optional_optional, recursive, not_aggregate, is_union,
    polymorphic, set_element, map_key, variant_kinds, byte_element, long_double, description, same_name, unknown,
};

template <class T>
inline constexpr bool is_std_span = false;
template <class T, std::size_t N>
inline constexpr bool is_std_span<std::span<T, N>> = true;

/// Kinds of Python objects that a variant can tell apart by the value alone.
template <class T>
consteval int python_kind() {
    switch (kind_v<T>) {
        case kind::boolean: return 1;
        case kind::integer: return 2;
        case kind::real: return 3;
        case kind::complex: return 4;
        case kind::string: case kind::text: return 5;
        case kind::enumeration: return std::is_same_v<std::remove_cvref_t<decltype(enum_names<T>)>, no_description> ? 2 : 5;
        case kind::bytes: return 6;
        case kind::tensor: return 7;
        case kind::sequence: case kind::bits: case kind::array: case kind::tuple: return 8;  // list and tuple are interchangeable
        case kind::set: return 9;
        case kind::map: case kind::aggregate: return 10;
        case kind::none: return 11;
        default: return 0;  // may be anything
    }
}

template <class... A>
consteval bool kinds_differ() {
    const int k[] = {python_kind<A>()...};
    for (std::size_t i = 0; i < sizeof...(A); ++i) {
        if (k[i] == 0) return false;
        for (std::size_t j = 0; j < i; ++j)
            if (k[i] == k[j]) return false;
    }
    return true;
}

template <class T>
consteval fault own_fault() {
    if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>) return fault::pointer;
    else if constexpr (std::is_reference_v<T>) return fault::reference;
    else if constexpr (std::is_array_v<T>) return fault::c_array;
    else if constexpr (character<T>) return fault::character;
    else if constexpr (std::is_same_v<T, std::byte>) return fault::byte_element;
    else if constexpr (std::is_same_v<T, std::string_view>) return fault::string_view;
    else if constexpr (is_std_span<T>) return fault::span;
    else if constexpr (std::is_same_v<T, long double>) return fault::long_double;
    else if constexpr (std::is_union_v<T>) return fault::is_union;
    else if constexpr (kind_v<T> != kind::unknown) return fault::none;
    else if constexpr (std::is_polymorphic_v<T>) return fault::polymorphic;
    else if constexpr (requires(T& p) { *p; p.get(); }) return fault::pointer;
    else if constexpr (std::is_class_v<T>) return fault::not_aggregate;
    else return fault::unknown;
}

template <class T>
consteval bool can_be_element() {  // of a Python set: hashable, and nothing that a load must place
    constexpr kind k = kind_v<T>;
    return k == kind::boolean || k == kind::integer || k == kind::real || k == kind::string || k == kind::bytes ||
           k == kind::enumeration || k == kind::complex;
}

template <class T, class... Above>
consteval fault fault_of();

template <class T, class... Above>
consteval fault fault_of_fields() {
    if constexpr (description_of<T>.unknown_name) {
        return fault::description;
    } else if constexpr (description_of<T>.twice) {
        return fault::same_name;
    } else {
        return []<class... F>(type_list<F...>) {
            constexpr const auto& fields = description_of<T>.fields;
            [[maybe_unused]] std::size_t i = 0;
            fault found = fault::none;
            ((found == fault::none && !fields[i].transient ? void(found = fault_of<F, Above..., T>()) : void(), ++i), ...);
            return found;
        }(field_types<T>{});
    }
}

template <class L, class... Above>
struct fault_of_list;
template <class... A, class... Above>
struct fault_of_list<type_list<A...>, Above...> {
    static consteval fault get() {
        fault found = fault::none;
        ((found == fault::none ? void(found = fault_of<A, Above...>()) : void()), ...);
        return found;
    }
};

/// The first thing in T that cannot be archived; Above are the aggregates it stands in.
template <class T, class... Above>
consteval fault fault_of() {
    constexpr fault own = own_fault<T>();
    constexpr kind k = kind_v<T>;
    if constexpr (own != fault::none) {
        return own;
    } else if constexpr (k == kind::aggregate) {
        if constexpr ((std::is_same_v<T, Above> || ...)) return fault::recursive;
        else return fault_of_fields<T, Above...>();
    } else if constexpr (k == kind::optional) {
        if constexpr (kind_v<typename T::value_type> == kind::optional) return fault::optional_optional;
        else return fault_of<typename T::value_type, Above...>();
    } else if constexpr (k == kind::sequence || k == kind::array) {
        return fault_of<typename T::value_type, Above...>();
    } else if constexpr (k == kind::set) {
        if constexpr (!can_be_element<typename T::key_type>()) return fault::set_element;
        else return fault::none;
    } else if constexpr (k == kind::map) {
        using key = typename T::key_type;
        if constexpr (kind_v<key> != kind::string && kind_v<key> != kind::integer && kind_v<key> != kind::enumeration)
            return fault::map_key;
        else return fault_of<typename T::mapped_type, Above...>();
    } else if constexpr (k == kind::tuple || k == kind::variant) {
        return fault_of_list<typename elements_of<T>::type, Above...>::get();
    } else {
        return fault::none;
    }
}

/// Instantiated only to say what is wrong: `Path` is the field, from the struct that was asked for.
template <fixed_string Path, class T, fault F>
struct field {
    static_assert(F != fault::pointer, "tarc: a pointer cannot be archived -- hold the value itself, or std::optional of it, or "
                                       "mark the field with tarc::transient in tarc::describe");
    static_assert(F != fault::reference, "tarc: a reference cannot be archived -- hold the value itself");
    static_assert(F != fault::c_array, "tarc: a C array cannot be archived -- use std::array");
    static_assert(F != fault::character, "tarc: a character type cannot be archived -- use std::string for text or std::int8_t for numbers");
    static_assert(F != fault::byte_element, "tarc: a lone std::byte cannot be archived -- use std::vector<std::byte> or std::uint8_t");
    static_assert(F != fault::string_view, "tarc: a string_view owns nothing to load into -- use std::string");
    static_assert(F != fault::span, "tarc: a span owns nothing to load into -- use std::vector or tarc::tensor");
    static_assert(F != fault::long_double, "tarc: long double has no counterpart in Python -- use double");
    static_assert(F != fault::optional_optional, "tarc: optional of optional cannot be told from optional -- use one std::optional");
    static_assert(F != fault::recursive, "tarc: a struct that contains itself cannot be archived -- give it a fixed depth, or hold a tarc::value");
    static_assert(F != fault::is_union, "tarc: a union cannot be archived -- use std::variant");
    static_assert(F != fault::polymorphic, "tarc: a polymorphic type cannot be archived -- use a plain struct or std::variant");
    static_assert(F != fault::not_aggregate, "tarc: this type is no plain aggregate and no type that tarc knows -- remove its "
                                             "constructors, private members and base classes, or mark the field with tarc::transient in tarc::describe");
    static_assert(F != fault::set_element, "tarc: a set holds numbers, strings, bytes and enums only -- use std::vector");
    static_assert(F != fault::map_key, "tarc: a map's keys are strings, integers or enums -- use std::vector<std::pair<K, V>> for others");
    static_assert(F != fault::description, "tarc: tarc::describe of this struct names a field that it does not have");
    static_assert(F != fault::same_name, "tarc: two fields of this struct have one name in the archive -- see its tarc::describe");
    static_assert(F != fault::unknown, "tarc: no way to archive this type");
};

template <std::size_t N>
constexpr fixed_string<N> cut(std::string_view s) {
    fixed_string<N> r;
    for (std::size_t i = 0; i < N; ++i) r.text[i] = s[i];
    return r;
}

template <fixed_string Path, fixed_string Name>
consteval auto join() {
    constexpr std::size_t a = Path.size(), b = Name.size(), dot = a != 0 && Name.text[0] != '[' ? 1 : 0;
    fixed_string<a + dot + b> r;
    for (std::size_t i = 0; i < a; ++i) r.text[i] = Path.text[i];
    if (dot != 0) r.text[a] = '.';
    for (std::size_t i = 0; i < b; ++i) r.text[a + dot + i] = Name.text[i];
    return r;
}

template <class T, fixed_string Path, class... Above>
constexpr void blame();

template <class Fields, fixed_string Path, class T, class... Above>
struct blame_fields;
template <class... F, fixed_string Path, class T, class... Above>
struct blame_fields<type_list<F...>, Path, T, Above...> {
    template <std::size_t I, class One, class... More>
    static constexpr void first() {
        constexpr auto& facts = description_of<T>.fields[I];
        if constexpr (!facts.transient && fault_of<One, Above..., T>() != fault::none)
            blame<One, join<Path, cut<facts.cpp_name.size()>(facts.cpp_name)>(), Above..., T>();
        else if constexpr (sizeof...(More) != 0) first<I + 1, More...>();
    }
    static constexpr void get() { first<0, F...>(); }
};

template <class L, fixed_string Path, class... Above>
struct blame_elements;
template <class... A, fixed_string Path, class... Above>
struct blame_elements<type_list<A...>, Path, Above...> {
    template <class One, class... More>
    static constexpr void first() {
        if constexpr (fault_of<One, Above...>() != fault::none) blame<One, join<Path, "[]">(), Above...>();
        else if constexpr (sizeof...(More) != 0) first<More...>();
    }
    static constexpr void get() { first<A...>(); }
};

/// Walks to the field with the fault and instantiates its message.
template <class T, fixed_string Path, class... Above>
constexpr void blame() {
    constexpr kind k = kind_v<T>;
    constexpr bool here = own_fault<T>() != fault::none || ((std::is_same_v<T, Above> && k == kind::aggregate) || ...);
    if constexpr (here) {
        static_cast<void>(sizeof(field<Path, T, fault_of<T, Above...>()>));
    } else if constexpr (k == kind::aggregate) {
        if constexpr (description_of<T>.unknown_name || description_of<T>.twice)
            static_cast<void>(sizeof(field<Path, T, fault_of<T, Above...>()>));
        else blame_fields<field_types<T>, Path, T, Above...>::get();
    } else if constexpr (k == kind::map && fault_of<T, Above...>() != fault::map_key) {
        blame<typename T::mapped_type, join<Path, "[]">(), Above...>();
    } else if constexpr (k == kind::sequence || k == kind::array) {
        blame<typename T::value_type, join<Path, "[]">(), Above...>();
    } else if constexpr (k == kind::optional && fault_of<T, Above...>() != fault::optional_optional) {
        blame<typename T::value_type, Path, Above...>();
    } else if constexpr (k == kind::tuple || k == kind::variant) {
        blame_elements<typename elements_of<T>::type, Path, Above...>::get();
    } else {
        static_cast<void>(sizeof(field<Path, T, fault_of<T, Above...>()>));
    }
}

template <class T>
inline constexpr bool archivable = fault_of<T>() == fault::none;

/// Compiles for every type; for one that cannot be archived it emits the one error that says why and where.
template <class T>
constexpr void require_archivable() {
    if constexpr (!archivable<T>) blame<T, "">();
}

}  // namespace tarc::detail
