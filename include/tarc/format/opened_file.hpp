#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/format/frame_reader.hpp>
#include <tarc/format/manifest.hpp>
#include <tarc/io/source.hpp>
#include <tarc/limits.hpp>
#include <tarc/progress.hpp>
#include <tarc/value/tree.hpp>
#include <tarc/value/value.hpp>

namespace tarc {

/// The formats that tarc reads.
enum class file_format : std::uint8_t {
    torch,         ///< torch.save since PyTorch 1.6, a ZIP archive; tarc's own is one
    torch_legacy,  ///< torch.save of 0.1.10 to 1.5, a stream of pickles
    torch_tar,     ///< torch.save before that, a tar file
    torch_script,  ///< torch.jit.save, and libtorch's torch::save
    safetensors,
    npz,  ///< numpy.savez
};

namespace detail {

/// A file of any format, opened: its values as a tree, and where in it the bytes of the tree's storages stand. No
/// tensor byte has been read. Immutable; any number of threads may use it at once.
class opened_file {
public:
    /// Of a ZIP archive, whose storages name their records.
    opened_file(file_format f, zip_reader zip, const limits& limit, std::shared_ptr<tree> values,
                std::optional<manifest> facts = {})
        : format_(f), limits_(limit), zip_(std::move(zip)), values_(std::move(values)), facts_(std::move(facts)) {}
    /// Of a file whose storages stand at offsets of their own.
    opened_file(file_format f, std::shared_ptr<source> file, const limits& limit, std::shared_ptr<tree> values)
        : format_(f), limits_(limit), file_(std::move(file)), values_(std::move(values)) {}

    [[nodiscard]] file_format format() const noexcept { return format_; }
    [[nodiscard]] source& file() const { return zip_ ? zip_->file() : *file_; }
    [[nodiscard]] const std::shared_ptr<tree>& values() const { return values_; }
    /// What tarc wrote about its own archive; none for files of others.
    [[nodiscard]] const std::optional<manifest>& facts() const { return facts_; }
    /// None for a file that is no ZIP archive.
    [[nodiscard]] const std::optional<zip_reader>& zip() const { return zip_; }

    /// Metadata of the user's; None where there is none.
    [[nodiscard]] const tarc::value& metadata() const { return facts_ ? facts_->user : metadata_; }
    void set_metadata(tarc::value v) { metadata_ = std::move(v); }

    /// The record that holds a storage, or null.
    [[nodiscard]] const record* record_of(const storage_body& s) const {
        return s.record == SIZE_MAX ? nullptr : &zip_->records()[s.record];
    }
    /// Where the frames of a storage's compressed record stand; null where it can be read as a whole only, or needs no
    /// such table.
    [[nodiscard]] const frame_table* frames_of(const storage_body& s) const {
        return s.record != SIZE_MAX && facts_ ? facts_->table_of(s.record) : nullptr;
    }
    /// What errors call the place of a storage's bytes: its record, or its key where the format has no records.
    [[nodiscard]] std::string_view record_name(const storage_body& s) const {
        const record* r = record_of(s);
        return r != nullptr ? r->name : s.key;
    }
    /// Orders storages as they stand in the file; those that do not come last.
    [[nodiscard]] std::uint64_t position(const storage_body& s) const {
        const record* r = record_of(s);
        return r != nullptr ? r->header_offset : s.at;
    }

    /// Where the bytes of a storage stand as they are; none where they must be inflated, swapped, or are not there.
    /// A record's headers are checked for it, or not even read.
    enum class headers : std::uint8_t { checked, expected };
    [[nodiscard]] std::optional<std::uint64_t> offset_of(const storage_body& s, headers h = headers::checked) const {
        if (!s.in_file() || s.swap != 1) return std::nullopt;
        const record* r = record_of(s);
        if (r == nullptr) return s.at;
        if (r->method != 0) return std::nullopt;
        return (h == headers::checked ? zip_->payload_offset(*r) : zip_->expected_payload(*r)) + s.at;
    }

    /// Checks what can be known about a storage before its bytes are read. Errors: errc::bad_archive.
    void prepare(const storage_body& s) const {
        if (const record* r = record_of(s)) zip_->check(*r);
    }
    /// Checks that every byte of the file belongs to one structure. Errors: errc::bad_archive.
    void check_structure() const {
        if (zip_) zip_->check_all();
    }

    /// Every checksum, header and byte of the file. Errors: the first that fails.
    void verify_all(progress_meter* meter = nullptr) const {
        if (meter != nullptr) meter->start(bytes_to_verify());
        check_structure();
        for (std::size_t i = 0; zip_ && i < zip_->records().size(); ++i) verify_record(i, meter);
        if (meter != nullptr) meter->finish();
    }
    /// What the meter of verify_record() comes to.
    [[nodiscard]] std::uint64_t bytes_to_verify() const {
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; zip_ && i < zip_->records().size(); ++i)
            bytes += zip_->records()[i].size * (std::uint64_t{reads_whole(i)} + std::uint64_t{table_of(i) != nullptr});
        return bytes;
    }
    /// The checksums of one record, by its index in the ZIP archive's directory.
    void verify_record(std::size_t index, progress_meter* meter = nullptr) const {
        const record& r = zip_->records()[index];
        const frame_table* table = table_of(index);
        const bool hashed = is_hashed(index) && table == nullptr;
        const auto count = [&](std::size_t bytes) {
            if (meter != nullptr) meter->add(bytes, r.name);
        };
        if (reads_whole(index)) {
            std::uint32_t crc = 0;
            std::uint64_t block = 0;
            zip_->content_of(r).for_each_piece(block_bytes, [&](std::span<const std::byte> piece) {
                if (zip_->crc_computed()) crc = crc32(piece, crc);
                if (hashed) facts_->verify(index, r.name, block++, piece);
                count(piece.size());
            });
            if (zip_->crc_computed()) zip_->compare_crc(r, crc);
        }
        if (table == nullptr) return;
        frame_reader frames(*zip_, r, *table);  // the frames that the table leads to hold the same
        std::vector<std::byte> block(std::min(r.size, block_bytes));
        for (std::uint64_t at = 0; at < r.size; at += block_bytes) {
            const std::span<std::byte> piece = std::span(block).first(std::min(block_bytes, r.size - at));
            frames.read(at, piece);
            facts_->verify(index, r.name, at / block_bytes, piece);
            count(piece.size());
        }
    }

private:
    [[nodiscard]] bool is_hashed(std::size_t index) const {
        return facts_ && facts_->covers(index) && zip_->records()[index].size != 0;
    }
    [[nodiscard]] const frame_table* table_of(std::size_t index) const {
        return is_hashed(index) ? facts_->table_of(index) : nullptr;
    }
    /// Whether there is a checksum for what a record is from its beginning to its end.
    [[nodiscard]] bool reads_whole(std::size_t index) const {
        return zip_->crc_computed() || (is_hashed(index) && table_of(index) == nullptr);
    }

    file_format format_;
    limits limits_;
    std::optional<zip_reader> zip_;
    std::shared_ptr<source> file_;  // where there is no zip_
    std::shared_ptr<tree> values_;
    std::optional<manifest> facts_;
    tarc::value metadata_;
};

}  // namespace detail
}  // namespace tarc
