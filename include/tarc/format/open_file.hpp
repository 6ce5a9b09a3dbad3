#pragma once

#include <algorithm>  // std::min
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/error.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/format/torch_zip.hpp>
#include <tarc/limits.hpp>

namespace tarc::detail {

/// Opens a file of whichever format its first bytes say. Errors: errc::unsupported and those of the format.
[[nodiscard]] inline opened_file open_file(std::shared_ptr<source> file, const limits& limit) {
    std::array<unsigned char, 265> head{};
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), head.size()));
    file->read(0, std::as_writable_bytes(std::span(head).first(n)));
    const std::string_view bytes(reinterpret_cast<const char*>(head.data()), n);
    const char* what = nullptr;
    // torch/serialization.py: MAGIC_NUMBER as a pickled long, protocol 1 and up; a tar of before 0.1.10 has "ustar"
    // at 257
    if (bytes.find("\x8a\x0al\xfc\x9c"
                   "F\xf9 j\xa8P\x19.") < 3)
        what = "a torch.save file in the format of before PyTorch 1.6";
    else if (n > 262 && bytes.substr(257, 5) == "ustar")
        what = "a tar file, as torch.save wrote it before PyTorch 0.1.10";
    else if (n > 9 && bytes.substr(7, 2) == std::string_view("\0{", 2))
        what = "a safetensors file";
    if (what == nullptr) return open_torch_zip(std::move(file), limit);
    error e(errc::unsupported, std::string("this is ") + what +
                                   ", which this version of tarc does not read -- load it in PyTorch and "
                                   "torch.save it again");
    throw std::move(e.in_archive(file->name()));
}

}  // namespace tarc::detail
