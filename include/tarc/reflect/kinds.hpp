#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <tarc/reflect/describe.hpp>
#include <tarc/tensor/any_tensor.hpp>

/// Which C++ types mean what. Containers are known by what they offer, so that no container's header is needed here.
namespace tarc::detail {

/// What a C++ type is to an archive (DESIGN: "How values map to PyTorch's").
// clang-format off
enum class kind : std::uint8_t {
    unknown,
    none,  // monostate
    boolean, integer, real, complex, string, bytes, enumeration,
    text,      // a random engine, in its stream form
    tensor,
    optional,
    sequence,  // vector, deque
    bits,      // vector<bool>
    array,
    tuple,     // tuple, pair
    set,
    map,
    variant,
    aggregate,
    value,     // tarc::value
    rest,      // tarc::rest
    metadata,  // tarc::module_metadata
    stand_in,  // archived as another type (tarc::archived_as)
};
// clang-format on

/// Specialized beside a type of a lower layer that is a leaf of its own: `static constexpr kind is = kind::value;`
template <class T>
struct leaf;

template <class T>
concept has_leaf = requires { leaf<T>::is; };

template <class T>
concept has_stand_in = requires { typename archived_as<T>::type; };

template <class T, template <class...> class Of>
inline constexpr bool is_a = false;
template <class... A, template <class...> class Of>
inline constexpr bool is_a<Of<A...>, Of> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_buffer = false;
template <class T, std::int64_t... E>
inline constexpr bool is_buffer<buffer<T, E...>> = true;

template <class T>
concept tensor_like = std::derived_from<T, tensor_base>;

template <class T>
concept character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept map_like = requires(T& m, typename T::key_type k) {
    typename T::mapped_type;
    m.try_emplace(std::move(k));
    m.clear();
};

template <class T>
concept set_like = !map_like<T> && requires(T& s, typename T::key_type k) {
    requires std::same_as<typename T::key_type, typename T::value_type>;
    { s.insert(std::move(k)).second } -> std::convertible_to<bool>;  // not a multiset
    s.clear();
};

template <class T>
concept unordered_like = requires { typename T::hasher; };

template <class T>
concept sequence_like = !map_like<T> && !set_like<T> && requires(T& s, std::size_t n) {
    typename T::value_type;
    s.resize(n);
    s.push_back(std::declval<typename T::value_type>());
    { s[n] } -> std::same_as<typename T::value_type&>;
};

template <class T>
concept tuple_like = is_a<T, std::tuple> || is_a<T, std::pair>;

template <class T>
concept random_engine = std::is_class_v<T> && requires(T& e) {
    typename T::result_type;
    e.seed();
    { e() } -> std::same_as<typename T::result_type>;
    e.discard(1ull);
    T::min();
    T::max();
};

template <class T>
consteval kind kind_of() {
    if constexpr (has_stand_in<T>)
        return kind::stand_in;
    else if constexpr (has_leaf<T>)
        return leaf<T>::is;
    else if constexpr (std::same_as<T, std::monostate>)
        return kind::none;
    else if constexpr (std::same_as<T, bool>)
        return kind::boolean;
    else if constexpr (plain_integer<T>)
        return kind::integer;
    else if constexpr (std::same_as<T, float> || std::same_as<T, double>)
        return kind::real;
    else if constexpr (std::is_enum_v<T> && !std::same_as<T, std::byte>)
        return kind::enumeration;
    else if constexpr (std::same_as<T, std::string>)
        return kind::string;
    else if constexpr (std::same_as<T, std::vector<std::byte>>)
        return kind::bytes;
    else if constexpr (std::same_as<T, std::vector<bool>>)
        return kind::bits;
    else if constexpr (tensor_like<T>)
        return kind::tensor;
    else if constexpr (is_a<T, std::optional>)
        return kind::optional;
    else if constexpr (is_a<T, std::variant>)
        return kind::variant;
    else if constexpr (is_std_array<T>)
        return kind::array;
    else if constexpr (!std::is_class_v<T>)
        return kind::unknown;
    else if constexpr (complex_like<T>)
        return kind::complex;
    else if constexpr (map_like<T>)
        return kind::map;
    else if constexpr (set_like<T>)
        return kind::set;
    else if constexpr (sequence_like<T>)
        return kind::sequence;
    else if constexpr (tuple_like<T>)
        return kind::tuple;
    else if constexpr (random_engine<T>)
        return kind::text;
    else if constexpr (element<T>)
        return kind::unknown;  // complex32 and the like stand in tensors only
    else if constexpr (plain_aggregate<T>)
        return kind::aggregate;
    else
        return kind::unknown;
}

template <class T>
inline constexpr kind kind_v = kind_of<T>();

/// The types of T's fields, with nothing in place of the transient ones.
template <class T, class Fields, class At>
struct without_transient;
template <class T, class... F, std::size_t... I>
struct without_transient<T, type_list<F...>, std::index_sequence<I...>> {
    using type = type_list<std::conditional_t<description_of<T>.fields[I].transient, std::monostate, F>...>;
};
template <class T>
using archived_fields = typename without_transient<T, field_types<T>, std::make_index_sequence<field_count<T>>>::type;

/// The most parts that a tuple may have; PFR's own limit for structs is 200.
inline constexpr std::size_t max_parts = 256;

/// Kinds of Python objects that a variant can tell apart by the value alone.
template <class T>
consteval int python_kind() {
    switch (kind_v<T>) {
        case kind::boolean: return 1;
        case kind::integer: return 2;
        case kind::real: return 3;
        case kind::complex: return 4;
        case kind::string:
        case kind::text: return 5;
        case kind::enumeration:
            return std::is_same_v<std::remove_cvref_t<decltype(enum_names<T>)>, no_description> ? 2 : 5;
        case kind::bytes: return 6;
        case kind::tensor: return 7;
        case kind::sequence:
        case kind::bits:
        case kind::array:
        case kind::tuple: return 8;  // list and tuple are interchangeable
        case kind::set: return 9;
        case kind::map:
        case kind::aggregate: return 10;
        case kind::none: return 11;
        case kind::stand_in:
            if constexpr (has_stand_in<T>) return python_kind<typename archived_as<T>::type>();
            return 0;
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

/// The element types of arrays, tuples, variants and so on, as a list.
template <class T>
struct elements_of;
template <class... A, template <class...> class Of>
struct elements_of<Of<A...>> {
    using type = type_list<A...>;
};

}  // namespace tarc::detail
