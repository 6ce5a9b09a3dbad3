#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tarc/util/function_ref.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// Some bytes of a storage: [begin, end). One without bytes may have no storage.
struct storage_slice {
    const storage_body* storage = nullptr;
    std::uint64_t begin = 0, end = 0;

    [[nodiscard]] std::uint64_t bytes() const { return end - begin; }
};

/// Takes the next bytes, as many as there are.
using take_bytes = function_ref<void(std::span<const std::byte>)>;

/// Where a writer of files gets the bytes of storages from, whether they are in memory or in another file:
/// `bring(all, i, append)` brings those of the i-th of all slices, in order, by calls of `append` with pieces of any
/// size. It is called for each slice that is not empty, in order, always with the same `all`; a writer that compresses
/// goes through all of them twice.
using bring_slice = function_ref<void(std::span<const storage_slice>, std::size_t, take_bytes)>;

}  // namespace tarc::detail
