#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tarc/format/open_file.hpp>
#include <tarc/io/source.hpp>
#include <tarc/limits.hpp>

namespace cli {

/// What a file of this size may ask for: the library's defaults, and no more than a generous multiple of its size.
/// DEFLATE alone lets a few bytes stand for a thousand times as many.
[[nodiscard]] tarc::limits limits_for(std::uint64_t file_bytes);

/// A file opened by the command line, whose reads move the bar that stands. Errors: those of the library.
struct checkpoint {
    explicit checkpoint(const std::string& path);

    std::shared_ptr<tarc::source> file;
    tarc::limits limits;
    tarc::detail::opened_file content;
};

}  // namespace cli
