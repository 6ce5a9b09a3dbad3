#pragma once

#include <cstddef>
#include <type_traits>

#include <tarc/reflect/kinds.hpp>

namespace tarc::detail {

/// Whether somebody specialized is_module<T>: the primary template has another type than bool.
template <class T>
concept module_is_stated = std::same_as<std::remove_cvref_t<decltype(is_module<T>)>, bool>;

template <class T, class... Above>
consteval bool all_tensors();

template <class T, class... Above>
consteval bool fields_are_tensors() {
    if constexpr ((std::is_same_v<T, Above> || ...)) {
        return false;  // a struct that contains itself is never a module
    } else {
        return []<class... F>(type_list<F...>) {
            [[maybe_unused]] std::size_t i = 0;
            constexpr const auto& fields = description_of<T>.fields;
            return ([&] {
                const bool skip = fields[i++].transient;
                return skip || all_tensors<F, T, Above...>();
            }() && ...);
        }(field_types<T>{});
    }
}

/// Whether every leaf of T is a tensor, so that T flattens into dotted keys.
template <class T, class... Above>
consteval bool all_tensors() {
    constexpr kind k = kind_v<T>;
    if constexpr (k == kind::tensor || k == kind::metadata) {
        return true;
    } else if constexpr (k == kind::aggregate) {
        if constexpr (module_is_stated<T>)
            return is_module<T>;
        else
            return fields_are_tensors<T, Above...>();
    } else if constexpr (k == kind::stand_in) {
        if constexpr ((std::is_same_v<T, Above> || ...))
            return false;
        else
            return all_tensors<typename archived_as<T>::type, T, Above...>();
    } else if constexpr (k == kind::sequence || k == kind::array || k == kind::optional) {
        return all_tensors<typename T::value_type, Above...>();
    } else if constexpr (k == kind::tuple) {
        return []<class... A>(type_list<A...>) {
            return (all_tensors<A, Above...>() && ...);
        }(typename elements_of<T>::type{});
    } else if constexpr (k == kind::map) {
        if constexpr (std::is_same_v<typename T::key_type, std::string>)
            return all_tensors<typename T::mapped_type, Above...>();
        else
            return false;
    } else {
        return false;
    }
}

template <class T>
struct deduced_module {
    constexpr operator bool() const {
        if constexpr (kind_v<T> == kind::aggregate)
            return fields_are_tensors<T>();
        else
            return false;
    }
};

template <class T>
consteval bool flattens();

/// Whether a tensor stands in T where its key would be dotted.
template <class T>
consteval bool holds_flat_tensor() {
    constexpr kind k = kind_v<T>;
    const auto any_of = []<class... A>(type_list<A...>) { return (holds_flat_tensor<A>() || ...); };
    if constexpr (k == kind::tensor)
        return true;
    else if constexpr (k == kind::aggregate) {
        if constexpr (flattens<T>())
            return any_of(archived_fields<T>{});
        else
            return false;
    } else if constexpr (k == kind::tuple)
        return any_of(typename elements_of<T>::type{});
    else if constexpr (k == kind::sequence || k == kind::array || k == kind::optional)
        return holds_flat_tensor<typename T::value_type>();
    else if constexpr (k == kind::stand_in)
        return flattens<typename archived_as<T>::type>();
    else if constexpr (k == kind::map)
        return std::is_same_v<typename T::key_type, std::string> && holds_flat_tensor<typename T::mapped_type>();
    else
        return false;
}

/// Inside a module an aggregate flattens too, unless somebody set is_module<T> to false, and a container with modules
/// in it; one of scalars is a leaf.
template <class T>
consteval bool flattens() {
    if constexpr (kind_v<T> == kind::aggregate) {
        if constexpr (module_is_stated<T>)
            return is_module<T>;
        else
            return true;
    } else if constexpr (kind_v<T> == kind::stand_in) {
        return flattens<typename archived_as<T>::type>();
    } else {
        return kind_v<T> == kind::tensor || all_tensors<T>() || holds_flat_tensor<T>();
    }
}

}  // namespace tarc::detail
