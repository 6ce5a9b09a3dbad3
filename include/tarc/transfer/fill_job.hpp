#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tarc/tensor/storage.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// A range of a storage that goes to a place of its own.
struct fill_segment {
    std::uint64_t begin = 0, bytes = 0;
    void* to = nullptr;
};

/// One storage of a file and where its bytes are to go: into a new storage from `memory`, to `to` on `on`, or in
/// segments to `on`, which the host then cannot reach.
struct fill_job {
    const storage_body* from = nullptr;
    std::string_view field;  // the first tensor over it, for errors
    bool bools = false;
    std::optional<resource_ref> memory;
    void* to = nullptr;
    vec<fill_segment> segments;
    device on;
    storage placed;  // the new storage
};

/// An error of an allocation for a storage, in terms of that storage.
[[nodiscard]] inline error placement_error(const error& e, const fill_job& job, device on, bool shared) {
    if (e.code() != errc::out_of_memory) return e;
    return {e.code(), "the storage tagged \"" + std::string(job.from->location) + "\", of " +
                          std::to_string(job.from->nbytes) + " bytes, is to go to \"" + on.location() +
                          (shared ? "\" in one allocation with other small ones, but " : "\", but ") + e.message() +
                          " -- place less there (tarc::fit leaves on the host what does not fit), or load it with "
                          "map_location = \"cpu\""};
}

}  // namespace tarc::detail
