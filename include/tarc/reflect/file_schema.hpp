#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include <tarc/tensor/dtype.hpp>

/// What a file holds, as a constant of the program: `tarc schema FILE --cpp NAME` writes an object of this form, and
/// `tarc::loads<T>(NAME)` holds a struct against it.
namespace tarc {

/// What stands at one place of a file, as far as a struct can be held against it without reading a value.
enum class file_kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    complex,
    string,
    bytes,
    tensor,
    list,
    tuple,
    set,
    dict,
    other,  // only a tarc::value takes it
};

/// One place of a file; a file is an array of them, each in front of what stands inside it.
struct file_node {
    file_kind kind = file_kind::none;
    /// Of an item of a dict: its key, as Python's str() prints one that is no string.
    std::string_view key = {};
    /// Whether that key is a string.
    bool named = true;
    /// How many of the nodes that follow stand inside this one, at any depth.
    std::uint32_t inside = 0;
    /// The length of a list, tuple, set or dict. Where that is long and all that stands in it is alike, one node stands
    /// for all of it.
    std::uint64_t size = 0;
    /// Of a tensor:
    tarc::dtype dtype = tarc::dtype::float32;
    std::span<const std::int64_t> shape = {};
};

/// An object of an empty type that says what a file holds.
template <class F>
concept file_schema = requires {
    { F::file } -> std::convertible_to<std::string_view>;
    { std::span<const file_node>(F::nodes) };
};

}  // namespace tarc
