#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/limits.hpp>
#include <tarc/reflect/file_schema.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/value/arena.hpp>
#include <tarc/value/tree.hpp>

#include "checkpoint.hpp"

namespace cli {

/// One place of a file: what tarc::file_node says of it, and what a C++ type has to know besides.
struct place {
    tarc::file_kind kind = tarc::file_kind::other;
    std::string_view key;  // lives as long as the file's tree and the arena of texts
    bool named = true;
    std::uint64_t size = 0;
    tarc::dtype dtype = tarc::dtype::float32;
    std::span<const std::int64_t> shape;

    bool wide = false;        // an int beyond int64
    bool only_value = false;  // whatever the kind says, no other type than tarc::value holds it
    std::uint64_t nodes = 1;  // this one and all inside
    /// Of containers. One place stands for all elements of a list, tuple or set whose elements are equal, and for all
    /// items of a dict of many equal values.
    std::vector<place> inside;
};

/// How deep the places of a file are told apart; what stands deeper is `other`. Few checkpoints have more than ten.
inline constexpr std::size_t deepest_place = 32;
/// How long a tuple may be of which each element is a place of its own.
inline constexpr std::size_t most_parts = 32;
/// How many places there may be: tenfold what the largest models have, and about what compilers take.
inline constexpr std::uint64_t most_places = std::uint64_t{1} << 17;
/// How many bytes their keys may have together, and a schema text made of them: the same.
inline constexpr std::uint64_t most_text = std::uint64_t{1} << 24;

/// Equal but for the keys that they stand under themselves.
[[nodiscard]] bool same_place(const place& a, const place& b);

/// All places of the file. An nn.Module is the dict that its state_dict() is. Texts that the tree does not have go into
/// `texts`. Errors: errc::limit_exceeded, errc::bad_pickle for values that hold themselves.
[[nodiscard]] place places_of(const checkpoint& file, tarc::detail::arena& texts);

}  // namespace cli
