#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <utility>

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

/// A tree on its way into a file of any of the formats that tarc writes: all that can be known before the first byte is
/// written is known once it is made.
class file_writer {
public:
    /// Of the options, `user` goes into a safetensors file too, where it must be a dict of texts; the rest is for
    /// torch's format only. `root` must outlive the writer. Errors: errc::unsavable for what the format cannot hold,
    /// with the path; errc::invalid_argument.
    file_writer(const node& root, file_format f, const limits& limit, torch_zip_options o) {
        switch (f) {
            case file_format::torch: torch_.emplace(root, limit, std::move(o)); return;
            case file_format::safetensors: safetensors_.emplace(root, limit, o.user); return;
            case file_format::npz:
                if (o.user != nullptr)
                    raise(errc::invalid_argument,
                          "an npz file has no place for metadata -- make it values, or leave it out");
                npz_.emplace(root, limit);
                return;
            default:
                raise(errc::invalid_argument,
                      "only torch's ZIP format, safetensors and npz are written -- save as one of them");
        }
    }

    /// Of which storages what bytes are written, in order.
    [[nodiscard]] std::span<const storage_slice> slices() const {
        return torch_ ? torch_->slices() : safetensors_ ? safetensors_->slices() : npz_->slices();
    }

    /// Once. `bring` brings the bytes of storages: `drain` those in memory, `file_slices` those of an opened file.
    /// `meter`, if not null, counts the tensors' bytes. Errors: those of `bring`, of the sink and of the meter.
    void write(sink& out, bring_slice bring, progress_meter* meter) const {
        if (torch_) return torch_->write(out, bring, meter);
        if (safetensors_) return safetensors_->write(out, bring, meter);
        npz_->write(out, bring, meter);
    }

private:
    std::optional<torch_zip_writer> torch_;
    std::optional<safetensors_writer> safetensors_;
    std::optional<npz_writer> npz_;
};

inline void write_file(const node& root, sink& out, file_format f, const limits& limit, const torch_zip_options& o,
                       bring_slice bring, progress_meter* meter = nullptr) {
    file_writer(root, f, limit, o).write(out, bring, meter);
}

}  // namespace tarc::detail
