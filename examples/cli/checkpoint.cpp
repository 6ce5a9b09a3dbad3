#include "checkpoint.hpp"

#include <algorithm>

#include "progress.hpp"

namespace cli {

tarc::limits limits_for(std::uint64_t file_bytes) {
    const auto times = [&](std::uint64_t factor) {
        std::uint64_t product = 0;
        return __builtin_mul_overflow(file_bytes, factor, &product) ? UINT64_MAX / 2
                                                                    : std::min(product, UINT64_MAX / 2);
    };
    constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
    tarc::limits l;
    l.pickle_bytes = std::min(l.pickle_bytes, 4 * mebibyte + times(32));
    l.total_bytes = std::min(l.total_bytes, 256 * mebibyte + times(64));
    return l;
}

checkpoint::checkpoint(const std::string& path)
    : file(std::make_shared<watched_source>(path)),
      limits(limits_for(file->size())),
      content(tarc::detail::open_file(file, limits)) {}

}  // namespace cli
