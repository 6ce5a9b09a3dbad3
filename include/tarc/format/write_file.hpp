#pragma once

#include <optional>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/format/npz_writer.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/format/safetensors_writer.hpp>
#include <tarc/format/torch_zip_writer.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/limits.hpp>
#include <tarc/progress.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// The format that a path's extension names; none where that is left open.
[[nodiscard]] inline std::optional<file_format> format_of_path(std::string_view path) {
    if (path.ends_with(".safetensors")) return file_format::safetensors;  // as torch.load has it
    if (path.ends_with(".npz")) return file_format::npz;
    return std::nullopt;
}

/// Writes a tree in any of the formats that tarc writes. `bring` brings the bytes of storages: `drain` those in memory,
/// `file_slices` those of an opened file. Of the options, `user` goes into a safetensors file too, where it must be a
/// dict of texts; the rest is for torch's format only. What a format cannot hold is known before the first byte is
/// written. `meter`, if not null, counts the tensors' bytes. Errors: errc::unsavable, with the path;
/// errc::invalid_argument; those of `bring` and of the sink.
inline void write_file(const node& root, sink& out, file_format f, const limits& limit, const torch_zip_options& o,
                       bring_slice bring, progress_meter* meter = nullptr) {
    switch (f) {
        case file_format::torch: return write_torch_zip(root, out, limit, o, bring, meter);
        case file_format::safetensors: return safetensors_writer(root, limit, o.user).write(out, bring, meter);
        case file_format::npz:
            if (o.user != nullptr)
                raise(errc::invalid_argument,
                      "an npz file has no place for metadata -- make it values, or leave it out");
            return npz_writer(root, limit).write(out, bring, meter);
        default:
            raise(errc::invalid_argument,
                  "only torch's ZIP format, safetensors and npz are written -- save as one of them");
    }
}

}  // namespace tarc::detail
