#pragma once

#include <algorithm>  // std::min
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <span>
#include <string_view>
#include <utility>

#include <tarc/format/npz.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/format/safetensors.hpp>
#include <tarc/format/torch_legacy.hpp>
#include <tarc/format/torch_tar.hpp>
#include <tarc/format/torch_zip.hpp>
#include <tarc/limits.hpp>

namespace tarc::detail {

/// Opens a file of whichever format its first bytes say. Errors: errc::unsupported and those of the format.
[[nodiscard]] inline opened_file open_file(std::shared_ptr<source> file, const limits& limit) {
    std::array<unsigned char, 265> head{};
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), head.size()));
    file->read(0, std::as_writable_bytes(std::span(head).first(n)));
    const std::string_view bytes(reinterpret_cast<const char*>(head.data()), n);
    if (has_torch_magic(bytes)) return open_torch_legacy(std::move(file), limit);
    // the length of the header, below 2^56, then the header
    if (n > 8 && bytes.substr(7, 2) == std::string_view("\0{", 2)) return open_safetensors(std::move(file), limit);
    if (looks_like_npz(*file, bytes)) return open_npz(std::move(file), limit);
    if (n > 262 && bytes.substr(257, 5) == "ustar" && !bytes.starts_with("PK"))
        return open_torch_tar(std::move(file), limit);
    if (n > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5)  // a pickle, but not torch.save's
        return open_torch_legacy(std::move(file), limit);
    try {
        return open_torch_zip(std::move(file), limit);
    } catch (const error& e) {
        if (e.code() != errc::not_an_archive || bytes.starts_with("PK")) throw;
        raise_at(errc::not_an_archive,
                 "this is no file of a format that tarc reads: torch.save's, TorchScript's, safetensors or npz", {}, 0);
    }
}

}  // namespace tarc::detail
