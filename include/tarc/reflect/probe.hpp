#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <tarc/reflect/fields.hpp>

/// What Boost.PFR cannot take apart, found before it is asked: its own errors name neither the field nor a remedy.
namespace tarc::detail {

/// In an initializer: a value of whatever type is wanted, as a prvalue or as an lvalue. Never called; they have bodies
/// because a type of an unnamed namespace must not be one of a function without.
struct any_value {
    std::size_t position;
    template <class U>
    operator U() const&& noexcept {
        __builtin_unreachable();
    }
};
struct any_lvalue {
    std::size_t position;
    template <class U>
    operator U&() const&& noexcept {
        __builtin_unreachable();
    }
    template <class U>
    operator U&() const& noexcept {
        __builtin_unreachable();
    }
};
template <class T>
struct any_base_of {
    template <class U>
        requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>)
    operator U() const {
        __builtin_unreachable();
    }
};
struct unrelated {};

/// A base class is initialized before the first field. A first field that takes just anything proves nothing.
template <class T>
concept has_base = requires { T{any_base_of<T>{}}; } && !requires { T{unrelated{}}; };

template <class T, class Any, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
    return requires { T{Any{I}...}; };
}
template <class T, class Any, std::size_t... I>
consteval bool takes_braced(std::index_sequence<I...>) {
    return requires { T{{Any{I}}...}; };
}
/// One more in braces behind the I, and the K behind it.
template <class T, class Any, std::size_t... I, std::size_t... K>
consteval bool takes_one_braced(std::index_sequence<I...>, std::index_sequence<K...>) {
    return requires { T{Any{I}..., {Any{0}}, Any{K}...}; };
}

/// The position of the first C array of more than one element among `count` initializers, or `count`. Without braces
/// each of its elements takes an initializer, so that PFR counts them as fields; braces take one for the whole array.
template <class T, class Any, std::size_t Count>
consteval std::size_t find_array() {
    if constexpr (!takes<T, Any>(std::make_index_sequence<Count>{})) {
        return Count;
    } else {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            std::size_t found = Count;
            const auto look = [&](std::size_t at, bool is_array) {
                if (is_array && found == Count) found = at;
            };
            (look(I, takes_one_braced<T, Any>(std::make_index_sequence<I>{}, std::index_sequence<>{}) &&
                         !takes_one_braced<T, Any>(std::make_index_sequence<I>{},
                                                   std::make_index_sequence<Count - I - 1>{})),
             ...);
            return found;
        }(std::make_index_sequence<Count>{});
    }
}

/// Linear for nearly every struct: where each field takes an initializer in braces, there is no array. clang
/// instantiates the bodies of constructors that the braces would call, which is an error for a vector of what cannot be
/// copied; there PFR has the word on arrays.
template <class T>
consteval std::size_t array_position() {
    constexpr std::size_t n = field_count<T>;
#if defined(__clang__)
    return n;
#else
    using all = std::make_index_sequence<n>;
    if constexpr (n < 2)
        return n;
    else if constexpr (takes_braced<T, any_value>(all{}))
        return n;
    else if constexpr (takes_braced<T, any_lvalue>(all{}))
        return n;
    else if constexpr (constexpr std::size_t at = find_array<T, any_value, n>(); at != n)
        return at;
    else
        return find_array<T, any_lvalue, n>();
#endif
}

template <class T>
consteval bool has_array() {
    return array_position<T>() != field_count<T>;
}

/// Only a struct that cannot be assigned may have one.
template <class T>
consteval bool has_reference() {
    if constexpr (std::is_move_assignable_v<T> || field_count<T> == 0)
        return false;
    else
        return !fields_are_objects<T>;
}

}  // namespace tarc::detail
