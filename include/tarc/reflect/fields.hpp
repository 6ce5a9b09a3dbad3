#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <tarc/fwd.hpp>

#if !__has_include(<boost/version.hpp>)
#include <tarc: needs the headers of Boost 1.87 or newer (Boost.PFR with field names), and finds no Boost at all>
#endif
#include <boost/version.hpp>
#if BOOST_VERSION < 108700
#include <tarc: needs the headers of Boost 1.87 or newer (Boost.PFR with field names), and finds an older Boost>
#endif

// nvcc's front end, in .cu files. It reads what the host compiler's preprocessor leaves, so that __EDG__ is not
// defined.
#if defined(__CUDACC__) && (defined(__NVCC__) || defined(__EDG__))
namespace boost::pfr::detail {
// It takes `T{x}` of one x that converts to anything for ambiguous, so that no struct of one field passes PFR's check
// for a base class. This takes the check's place for them; reflect/probe.hpp has one of its own.
template <class T, std::size_t I>
constexpr void* assert_first_not_base(std::index_sequence<I>) noexcept {
    return nullptr;
}
}  // namespace boost::pfr::detail
namespace tarc::detail {
inline constexpr bool finds_field_names = false;
}
#else
namespace tarc::detail {
inline constexpr bool finds_field_names = true;
}
#endif

#include <boost/pfr/core.hpp>
#include <boost/pfr/core_name.hpp>

/// The only header that knows Boost.PFR: an aggregate as a list of fields with names.
namespace tarc::detail {

/// What PFR can take apart. Base classes, references, C arrays and bit-fields among the fields are found later or by
/// PFR.
template <class T>
concept plain_aggregate = std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_polymorphic_v<T>;

template <plain_aggregate T>
inline constexpr std::size_t field_count = boost::pfr::tuple_size_v<T>;

template <class... F>
struct type_list {
    static constexpr std::size_t size = sizeof...(F);
};

template <class... F>
type_list<std::remove_reference_t<F>...> list_of_references(const std::tuple<F...>&);

/// The types of T's fields, in order.
template <plain_aggregate T>
using field_types = decltype(list_of_references(boost::pfr::structure_tie(std::declval<T&>())));

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

template <class T>
struct somewhere {
    T object;
    static const somewhere here;  // never defined: addresses in it are all that is taken
};

/// Whether no field of T is a reference: where one leads is not known at compile time.
template <class T>
concept fields_are_objects =
    requires { typename std::bool_constant<(static_cast<void>(boost::pfr::get<0>(somewhere<T>::here.object)), true)>; };

#ifdef __clang__
#pragma clang diagnostic pop
#endif

/// Calls `f(field...)` once with all fields of `object`.
template <plain_aggregate T, class F>
constexpr decltype(auto) with_fields(T& object, F&& f) {
    // Not std::apply to a tuple of them: g++ would look for minutes for what -Wsequence-point warns of in 200 of its
    // gets.
    return [&]<std::size_t... I>(std::index_sequence<I...>) -> decltype(auto) {
        return f(boost::pfr::get<I>(object)...);
    }(std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
}

template <class T>
inline constexpr bool is_field_names = false;
template <std::size_t N>
inline constexpr bool is_field_names<field_names<N>> = true;

/// The description as a tuple, also where it is one item alone.
template <class T>
constexpr auto description() {
    using D = std::remove_cvref_t<decltype(describe<T>)>;
    if constexpr (std::is_same_v<D, no_description>)
        return std::tuple<>{};
    else if constexpr (requires { std::tuple_size<D>::value; })
        return describe<T>;
    else
        return std::tuple{describe<T>};
}

/// Calls `f(item)` for each item of T's description.
template <class T, class F>
constexpr void for_each_item(F&& f) {
    std::apply([&](const auto&... item) { (f(item), ...); }, description<T>());
}

template <class T>
consteval bool has_field_names() {
    bool found = false;
    for_each_item<T>([&](const auto& item) { found |= is_field_names<std::remove_cvref_t<decltype(item)>>; });
    return found;
}

/// Whether cpp_names<T> compiles.
template <class T>
consteval bool has_names() {
    if constexpr (finds_field_names)
        return true;
    else
        return field_count<T> == 0 || has_field_names<T>();
}

/// The names of T's fields as the program spells them.
template <plain_aggregate T>
consteval auto cpp_names() {
    if constexpr (field_count<T> == 0) {
        return std::array<std::string_view, 0>{};
    } else if constexpr (has_field_names<T>()) {
        std::array<std::string_view, field_count<T>> names{};
        for_each_item<T>([&](const auto& item) {
            if constexpr (is_field_names<std::remove_cvref_t<decltype(item)>>) {
                static_assert(std::size(std::remove_cvref_t<decltype(item)>{}.names) == field_count<T>,
                              "tarc: tarc::field_names in tarc::describe<T> must name every field of T, in order");
                for (std::size_t i = 0; i < names.size(); ++i) names[i] = item.names[i];
            }
        });
        return names;
    } else if constexpr (finds_field_names) {
        return boost::pfr::names_as_array<T>();
    } else {
        static_assert(has_names<T>(),
                      "tarc: this compiler front end cannot find field names -- name them with "
                      "tarc::field_names in tarc::describe<T>, or leave save and load to a .cpp file");
        return std::array<std::string_view, field_count<T>>{};
    }
}

}  // namespace tarc::detail
