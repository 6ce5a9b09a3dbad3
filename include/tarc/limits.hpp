#pragma once

#include <cstdint>

namespace tarc {

/// What a reader accepts from an untrusted file before it refuses with errc::limit_exceeded. The defaults hold every
/// checkpoint the authors know with a factor of ten to spare; raise one in the options of the call that needs it.
struct limits {
    std::uint64_t records = std::uint64_t{1} << 24;       ///< entries in the archive's directory
    std::uint64_t name_bytes = 4096;                      ///< length of one record name
    std::uint64_t pickle_bytes = std::uint64_t{1} << 31;  ///< size of data.pkl, decompressed
    std::uint64_t nodes = std::uint64_t{1} << 26;  ///< values in the tree; a shared one counts each time it is visited
    std::uint64_t depth = 1024;                    ///< nesting of containers when a tree is walked or bound
    std::uint64_t integer_bytes = 1 << 16;         ///< length of one big integer
    std::uint64_t rank = 64;                       ///< dimensions of a tensor
    std::uint64_t total_bytes = std::uint64_t{1} << 46;  ///< memory that one load may ask for
    std::uint64_t ratio = 4096;                          ///< decompressed size over compressed size of one record
};

}  // namespace tarc
