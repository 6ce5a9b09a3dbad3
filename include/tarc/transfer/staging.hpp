#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <tarc/error.hpp>

namespace tarc {

/// The pinned host memory through which bytes go to and from devices: for each device of a load or save a ring of
/// slots, made no larger than the transfer needs. While one slot is copied the next is read, so two are the least.
struct staging {
    std::size_t slots = 4;
    /// At least 1 MiB, the block that checksums cover.
    std::size_t slot_bytes = std::size_t{4} << 20;
};

namespace detail {

inline constexpr std::uint64_t slot_alignment = 256;  // what cudaMalloc promises
inline constexpr std::uint64_t slot_unit = std::uint64_t{1} << 20;

[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t n, std::uint64_t unit) {
    return (n + unit - 1) / unit * unit;
}

/// The slot for a transfer of `total` bytes: so that to pin the ring, to fill the first slot and to empty the last one
/// is a small part of it.
[[nodiscard]] inline std::uint64_t slot_size(const staging& s, std::uint64_t total) {
    const std::uint64_t most = s.slot_bytes / slot_unit * slot_unit;
    const std::uint64_t wanted = round_up(total / (s.slots * 8), slot_unit);
    return wanted < slot_unit ? slot_unit : wanted < most ? wanted : most;
}

inline void check_staging(const staging& s) {
    if (s.slots < 2 || s.slots > 1024 || s.slot_bytes < slot_unit)
        raise(errc::invalid_argument, "staging needs 2 to 1024 slots of at least 1 MiB, not " +
                                          std::to_string(s.slots) + " of " + std::to_string(s.slot_bytes) + " bytes");
}

}  // namespace detail
}  // namespace tarc
