#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tarc/reflect/kinds.hpp>
#include <tarc/reflect/probe.hpp>
#include <tarc/util/constant_text.hpp>

/// What an archive cannot hold, found at compile time; reflect/blame.hpp says it.
namespace tarc::detail {

// clang-format off
enum class fault : std::uint8_t {
    none, pointer, reference, c_array, constant, character, string_view, span, optional_optional, recursive, not_aggregate, is_union,
    polymorphic, base_class, set_element, map_key, byte_element, long_double, narrow, misplaced, two_rests, too_many, many_fields,
    nonsense, description, kept_name, unnamed, same_name, same_key, stand_in, no_default, unknown,
};
// clang-format on

template <class T>
inline constexpr bool is_std_span = false;
template <class T, std::size_t N>
inline constexpr bool is_std_span<std::span<T, N>> = true;

template <class T>
inline constexpr bool is_long_double = std::is_same_v<T, long double>;
template <class T>
    requires requires(const T& z) {
        { z.real() } -> std::same_as<long double>;
        { z.imag() } -> std::same_as<long double>;
    }
inline constexpr bool is_long_double<T> = true;

template <class T>
consteval bool can_be_element() {  // of a Python set: hashable, and nothing that a load must place
    constexpr kind k = kind_v<T>;
    return k == kind::boolean || k == kind::integer || k == kind::real || k == kind::string || k == kind::bytes ||
           k == kind::enumeration || k == kind::complex;
}

template <class T>
consteval fault aggregate_fault() {
    if constexpr (has_base<T>)
        return fault::base_class;
    else if constexpr (has_array<T>())
        return fault::c_array;
    else if constexpr (field_count<T> > 200)  // PFR's limit
        return fault::many_fields;
    else if constexpr (has_reference<T>())
        return fault::reference;
    else
        return fault::none;
}

template <class K>
inline constexpr bool can_be_key =
    kind_v<K> == kind::string || kind_v<K> == kind::integer || kind_v<K> == kind::enumeration;

/// Whether archived_as<T> has what it takes, to and fro.
template <class T>
concept converts_to_stand_in = requires(const T& object, typename archived_as<T>::type& made, T& target) {
    made = archived_as<T>::save(object);
    target = archived_as<T>::load(std::move(made));
    requires std::is_default_constructible_v<typename archived_as<T>::type>;
};

/// What is wrong with T itself, whatever stands inside it.
template <class T>
consteval fault own_fault() {
    if constexpr (std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>)
        return fault::pointer;
    else if constexpr (std::is_reference_v<T>)
        return fault::reference;
    else if constexpr (std::is_array_v<T>)
        return fault::c_array;
    else if constexpr (std::is_const_v<T> || std::is_volatile_v<T>)
        return fault::constant;
    else if constexpr (character<T>)
        return fault::character;
    else if constexpr (std::is_same_v<T, std::byte>)
        return fault::byte_element;
    else if constexpr (std::is_same_v<T, std::string_view>)
        return fault::string_view;
    else if constexpr (is_std_span<T>)
        return fault::span;
    else if constexpr (is_long_double<T>)
        return fault::long_double;
    else if constexpr (std::is_union_v<T>)
        return fault::is_union;
    else if constexpr (kind_v<T> == kind::stand_in)
        return converts_to_stand_in<T> ? fault::none : fault::stand_in;
    else if constexpr (kind_v<T> == kind::aggregate)
        return aggregate_fault<T>();
    else if constexpr (kind_v<T> == kind::tuple || kind_v<T> == kind::variant)
        return elements_of<T>::type::size > max_parts ? fault::too_many : fault::none;
    else if constexpr (kind_v<T> == kind::optional)
        return kind_v<typename T::value_type> == kind::optional ? fault::optional_optional : fault::none;
    else if constexpr (kind_v<T> == kind::set)
        return can_be_element<typename T::key_type>() ? fault::none : fault::set_element;
    else if constexpr (kind_v<T> == kind::map)
        return can_be_key<typename T::key_type> ? fault::none : fault::map_key;
    else if constexpr (kind_v<T> != kind::unknown)
        return fault::none;
    else if constexpr (element<T>)
        return fault::narrow;
    else if constexpr (std::is_polymorphic_v<T>)
        return fault::polymorphic;
    else if constexpr (requires(T& p) {
                           *p;
                           p.get();
                       })
        return fault::pointer;
    else if constexpr (std::is_class_v<T>)
        return fault::not_aggregate;
    else
        return fault::unknown;
}

/// tarc::rest and tarc::module_metadata stand for parts of the dict around them, so that they must be fields of a
/// struct.
template <class T>
inline constexpr bool needs_struct = kind_v<T> == kind::rest || kind_v<T> == kind::metadata;

/// Two fields of T with one name in the archive; both the number of fields where there are none.
struct name_pair {
    std::size_t first, second;
};

template <class T>
consteval name_pair same_names() {
    constexpr std::size_t n = field_count<T>;
    const auto& fields = description_of<T>.fields;
    return [&]<class... F>(type_list<F...>) {
        const bool named[] = {!needs_struct<F>..., false};
        const auto wanted = [&](std::size_t i) { return named[i] && !fields[i].transient; };
        for (std::size_t i = 0; i < n; ++i) {
            const bool is_cpp_name = !has_field_names<T>() && same_text(fields[i].name, fields[i].cpp_name);
            if (is_cpp_name || !wanted(i)) continue;  // C++'s names differ
            for (std::size_t k = 0; k < n; ++k)
                if (k != i && wanted(k) && same_text(fields[i].name, fields[k].name))
                    return name_pair{i < k ? i : k, i < k ? k : i};
        }
        return name_pair{n, n};
    }(field_types<T>{});
}

template <class T>
consteval std::size_t count_rests() {
    const auto& fields = description_of<T>.fields;
    return [&]<class... F>(type_list<F...>) {
        std::size_t n = 0, i = 0;
        ((n += kind_v<F> == kind::rest && !fields[i].transient, ++i), ...);
        return n;
    }(field_types<T>{});
}

/// What is wrong with T where it is no field of a struct, whatever stands inside it.
template <class T>
consteval fault own_fault_of_element() {
    if constexpr (needs_struct<T>)
        return fault::misplaced;
    else if constexpr (kind_v<T> == kind::stand_in && !std::is_default_constructible_v<T>)
        return fault::no_default;
    else
        return fault::none;
}

template <class T, class... Above>
consteval fault fault_of();

/// Of what is no field of a struct.
template <class T, class... Above>
consteval fault fault_of_element() {
    if constexpr (constexpr fault own = own_fault_of_element<T>(); own != fault::none)
        return own;
    else
        return fault_of<T, Above...>();
}

template <class T, class... Above>
consteval fault fault_of_fields() {
    if constexpr (!has_names<T>()) {
        return fault::unnamed;
    } else if constexpr (description_of<T>.has_nonsense) {
        return fault::nonsense;
    } else if constexpr (description_of<T>.has_unknown) {
        return fault::description;
    } else if constexpr (description_of<T>.has_kept) {
        return fault::kept_name;
    } else if constexpr (same_names<T>().first != field_count<T>) {
        return fault::same_name;
    } else if constexpr (count_rests<T>() > 1) {
        return fault::two_rests;
    } else {
        return []<class... F>(type_list<F...>) {
            constexpr const auto& fields = description_of<T>.fields;
            [[maybe_unused]] std::size_t i = 0;
            fault found = fault::none;
            ((found == fault::none && !fields[i].transient ? void(found = fault_of<F, Above..., T>()) : void(), ++i),
             ...);
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
        ((found == fault::none ? void(found = fault_of_element<A, Above...>()) : void()), ...);
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
        if constexpr ((std::is_same_v<T, Above> || ...))
            return fault::recursive;
        else
            return fault_of_fields<T, Above...>();
    } else if constexpr (k == kind::stand_in) {
        if constexpr ((std::is_same_v<T, Above> || ...))
            return fault::recursive;
        else
            return fault_of_element<typename archived_as<T>::type, Above..., T>();
    } else if constexpr (k == kind::sequence || k == kind::array || k == kind::optional) {
        return fault_of_element<typename T::value_type, Above...>();
    } else if constexpr (k == kind::map) {
        return fault_of_element<typename T::mapped_type, Above...>();
    } else if constexpr (k == kind::tuple || k == kind::variant) {
        return fault_of_list<typename elements_of<T>::type, Above...>::get();
    } else {
        return fault::none;
    }
}

}  // namespace tarc::detail
