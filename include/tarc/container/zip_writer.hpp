#pragma once

#include <algorithm>  // std::min
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/zip_layout.hpp>
#include <tarc/container/zip_names.hpp>
#include <tarc/error.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/util/helper.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// Writes a ZIP64 archive, byte for byte as torch.save does (zip_layout.hpp) where all records are STORED; others come
/// compressed. The order of the calls is the order in the file. Nothing of a payload is kept. Used by one thread at a
/// time; after an exception it is of no further use, and neither is the file.
class zip_writer {
public:
    /// What was written of one record.
    struct written {
        std::string name;  ///< without the root
        std::uint64_t size = 0;
        std::uint64_t packed = 0;  ///< bytes in the file; size where it is STORED
        std::uint32_t crc32 = 0;
        std::uint16_t method = detail::zip::stored;
        std::size_t first_block = 0;  ///< in hashes(), one for each 1 MiB
    };

    /// `out` must outlive the writer and be at its beginning. `alignment` of every payload, a power of two up to 32768;
    /// PyTorch must find it in the record `.storage_alignment` where it is not 64. Errors: errc::invalid_argument,
    /// errc::bad_name.
    explicit zip_writer(sink& out, std::string root = "archive", std::uint32_t alignment = 64)
        : zip_writer(out, zip_root::one, std::move(root), alignment) {}
    /// Without a top-level folder.
    explicit zip_writer(sink& out, zip_root roots, std::uint32_t alignment = 64)
        : zip_writer(out, roots, roots == zip_root::one ? "archive" : "", alignment) {}

    zip_writer(const zip_writer&) = delete;
    zip_writer& operator=(const zip_writer&) = delete;

    void add(std::string_view name, std::span<const std::byte> payload) {
        begin(name, payload.size());
        append(payload);
        end();
    }

    enum class name_check : std::uint8_t { all, distinct };

    /// A record of exactly `size` bytes, which append() brings piece by piece; of another method than STORED, one whose
    /// bytes append_packed() brings, fewer than `size`. A caller that numbers its records knows that names are
    /// distinct. Errors: errc::bad_name, errc::duplicate_name, errc::invalid_argument.
    void begin(std::string_view name, std::uint64_t size, name_check check = name_check::all,
               std::uint16_t method = detail::zip::stored) {
        if (open_ || finished_) {
            detail::raise(errc::invalid_argument, finished_ ? "begin() after finish()" : "begin() before end()");
        }
        const char* fault = nullptr;
        if (!detail::zip::is_plain_name(name)) fault = detail::zip::name_fault(root_ + std::string(name));
        if (!fault && (name.empty() || name.ends_with('/'))) fault = "is the name of a folder";
        if (!fault && root_.size() + name.size() > detail::zip::full16) fault = "is longer than 65,535 bytes";
        if (fault) {
            detail::raise(errc::bad_name, "the record name \"" + detail::zip::printable(name) + "\" " + fault);
        }
        if (check == name_check::all &&
            !names_.add(name, [&](std::size_t i) { return std::string_view(records_[checked_[i]].name); })) {
            detail::raise(errc::duplicate_name, "a record \"" + detail::zip::printable(name) + "\" is there already");
        }
        if (check == name_check::all) checked_.push_back(records_.size());
        const std::uint64_t packed = method == detail::zip::stored ? size : 0;
        records_.push_back({std::string(name), size, packed, 0, method, hasher_.hashes().size()});
        headers_.push_back(position_);
        scratch_.clear();
        detail::zip::put_local_header(scratch_, root_, name, size, position_, alignment_, method);
        put(scratch_);
        left_ = size;
        open_ = true;
    }

    void append(std::span<const std::byte> bytes) {
        if (!open_ || records_.back().method != detail::zip::stored || bytes.size() > left_) {
            detail::raise(errc::invalid_argument,
                          open_ ? "more bytes than begin() announced" : "append() without begin()");
        }
        left_ -= bytes.size();
        const auto sum = [&] {  // a block at a time, so that it is in the cache for the second sum
            for (std::span<const std::byte> left = bytes; !left.empty();) {
                const auto block = left.first(std::min(left.size(), block_hasher::block_bytes));
                records_.back().crc32 = tarc::crc32(block, records_.back().crc32);
                left = left.subspan(block.size());
                hasher_.append(block, left_ == 0 && left.empty());
            }
        };
        if (bytes.size() < worth_a_thread) {
            sum();
            put(bytes);
            return;
        }
        if (!summing_) summing_.emplace();
        summing_->start(sum);
        try {
            put(bytes);
        } catch (...) {
            try {
                summing_->wait();
            } catch (...) {  // the first one counts
            }
            throw;
        }
        summing_->wait();
    }

    /// The next block of a compressed record, and the hash of what it unpacks to.
    void append_packed(std::span<const std::byte> bytes, std::uint64_t hash) {
        if (!open_ || records_.back().method == detail::zip::stored || bytes.size() > left_)
            detail::raise(errc::invalid_argument, "append_packed() without begin(), or the record does not shrink");
        left_ -= bytes.size();
        records_.back().packed += bytes.size();
        hasher_.add(hash);
        put(bytes);
    }

    /// Ends a compressed record: with the CRC-32 of what its bytes unpack to.
    void end_packed(std::uint32_t crc) {
        records_.back().crc32 = crc;
        close();
    }

    void end() {
        if (!open_ || left_ != 0) {
            detail::raise(errc::invalid_argument, open_ ? std::to_string(left_) + " bytes fewer than begin() announced"
                                                        : "end() without begin()");
        }
        close();
    }

    /// In the order of the file; one that has not ended stands last, incomplete.
    [[nodiscard]] const detail::vec<written>& records() const noexcept { return records_; }
    /// The XXH3-64 of each 1 MiB of all records, a record's last block shorter.
    [[nodiscard]] std::span<const std::uint64_t> hashes() const noexcept {
        return {hasher_.hashes().data(), hasher_.hashes().size()};
    }
    /// The part of them that is a record's.
    [[nodiscard]] std::span<const std::uint64_t> hashes(std::size_t record) const noexcept {
        const std::size_t begin = records_[record].first_block;
        const std::size_t end =
            record + 1 == records_.size() ? hasher_.hashes().size() : records_[record + 1].first_block;
        return hashes().subspan(begin, end - begin);
    }
    /// Bytes written so far; the whole file after finish().
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

    /// Writes the directory and the end records. Once, after the last end().
    void finish() {
        if (open_ || finished_) {
            detail::raise(errc::invalid_argument, finished_ ? "finish() twice" : "finish() before end()");
        }
        const std::uint64_t directory = position_;
        scratch_.clear();
        for (std::size_t i = 0; i < records_.size(); ++i) {
            const written& r = records_[i];
            detail::zip::put_central_entry(scratch_, root_, r.name, r.crc32, r.size, r.packed, headers_[i], r.method);
            if (scratch_.size() < flush_bytes) continue;
            put(scratch_);
            scratch_.clear();
        }
        put(scratch_);
        scratch_.clear();
        // NumPy knows an archive of nothing by the plain end record alone
        const bool zip64 = !root_.empty() || !records_.empty();
        detail::zip::put_end(scratch_, records_.size(), directory, position_ - directory, zip64);
        put(scratch_);
        finished_ = true;
    }

private:
    static constexpr std::size_t worth_a_thread = std::size_t{1} << 20;

    zip_writer(sink& out, zip_root roots, std::string root, std::uint32_t alignment)
        : sink_(out), root_(std::move(root)), alignment_(alignment) {
        if (!std::has_single_bit(alignment) || alignment > detail::zip::max_alignment) {
            detail::raise(errc::invalid_argument,
                          "an alignment is a power of two up to 32768, not " + std::to_string(alignment));
        }
        if (roots == zip_root::none) return;
        if (root_.find('/') != root_.npos) refuse_root("holds a slash");
        if (const char* fault = detail::zip::name_fault(root_)) refuse_root(fault);
        root_ += '/';
    }

    static constexpr std::size_t flush_bytes = std::size_t{1} << 18;

    [[noreturn]] void refuse_root(const char* fault) const {
        detail::raise(errc::bad_name, "the archive's folder \"" + detail::zip::printable(root_) + "\" " + fault);
    }

    void close() {
        const written& record = records_.back();
        scratch_.clear();
        detail::zip::put_descriptor(scratch_, record.crc32, record.size, record.packed, headers_.back());
        put(scratch_);
        open_ = false;
    }

    void put(std::span<const std::byte> bytes) {
        if (bytes.empty()) return;
        position_ = detail::checked_add(position_, bytes.size(), "the size of the archive");
        sink_.write(bytes);
    }
    void put(const detail::zip::buffer& bytes) { put(std::span(bytes.data(), bytes.size())); }

    sink& sink_;
    std::string root_;  // with its slash
    std::uint32_t alignment_;
    std::uint64_t position_ = 0, left_ = 0;
    detail::vec<written> records_;
    detail::vec<std::uint64_t> headers_;
    detail::zip::name_table names_;
    detail::vec<std::size_t> checked_;  // the records that it has
    detail::zip::buffer scratch_;
    block_hasher hasher_;
    std::optional<detail::helper> summing_;  // large pieces, while they are being written
    bool open_ = false, finished_ = false;
};

}  // namespace tarc
