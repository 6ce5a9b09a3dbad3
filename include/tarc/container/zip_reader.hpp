#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/zip_content.hpp>
#include <tarc/container/zip_directory.hpp>
#include <tarc/container/zip_layout.hpp>
#include <tarc/container/zip_local.hpp>
#include <tarc/container/zip_names.hpp>
#include <tarc/error.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/io/source.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// A ZIP archive, read from its directory; strict about structure, generous about who wrote it. Opening reads the
/// directory alone and proves what that can prove. A record's local header and descriptor are checked when its bytes
/// are first asked for, all of them by check_all().
///
/// Thread-safe: any number of threads may call any member at once. Records and names live as long as the reader; it may
/// be moved, and they stay valid.
///
/// Errors of opening: errc::truncated, not_an_archive, bad_archive, duplicate_name, bad_name, unsupported,
/// limit_exceeded, io. Errors of the rest: errc::bad_archive, unsupported, limit_exceeded, checksum_mismatch,
/// truncated, io.
class zip_reader {
public:
    explicit zip_reader(std::shared_ptr<source> file, const limits& bounds = {}, zip_root roots = zip_root::one)
        : file_(std::move(file)),
          limits_(bounds),
          roots_(roots),
          directory_(detail::zip::directory_reader(*file_, limits_, roots).read()),
          payloads_(std::make_unique<std::atomic<std::uint64_t>[]>(directory_.entries.size())) {
        names_.reserve(directory_.entries.size(), name_of());
        for (const record& r : directory_.entries) {
            if (names_.add(r.name, name_of())) continue;
            fail(errc::duplicate_name, "there are two records \"" + detail::zip::printable(r.name) + "\"", r,
                 r.header_offset);
        }
        bool any = false, data = false, any_crc = false, data_crc = false;
        for (const record& r : records()) {
            if (r.size == 0) continue;
            any = true;
            any_crc |= r.crc32 != 0;
            if (!r.name.starts_with("data/")) continue;
            data = true;
            data_crc |= r.crc32 != 0;
        }
        crc_computed_ = any_crc || !any;
        payload_reserved_ = any_crc && data && !data_crc;
    }

    /// The one top-level folder, without a slash; empty when there is no record, or with zip_root::none.
    [[nodiscard]] std::string_view root() const { return directory_.root; }
    /// In directory order, without directory entries.
    [[nodiscard]] std::span<const record> records() const {
        return std::span(directory_.entries).first(directory_.records);
    }
    /// Null when there is none. O(1).
    [[nodiscard]] const record* find(std::string_view name) const {
        const std::size_t i = names_.find(name, name_of());
        return i < directory_.records ? &directory_.entries[i] : nullptr;
    }
    /// The same, sooner where it is the one behind `before`, as those are that are asked for in the file's order.
    [[nodiscard]] const record* find(std::string_view name, const record* before) const {
        const std::span<const record> all = records();
        const std::size_t next = before == nullptr ? 0 : index_of(*before) + 1;
        return next < all.size() && all[next].name == name ? &all[next] : find(name);
    }
    /// Errors: errc::no_record.
    [[nodiscard]] const record& get(std::string_view name) const {
        if (const record* r = find(name)) return *r;
        error e(errc::no_record, "there is no record \"" + detail::zip::printable(name) + "\"");
        throw std::move(e.in_archive(file_->name()));
    }
    [[nodiscard]] source& file() const { return *file_; }

    /// False when every CRC-32 is 0: the writer was told not to compute them (torch's `compute_crc32 = False`).
    [[nodiscard]] bool crc_computed() const { return crc_computed_; }
    /// True when the CRC-32 of `data/*` alone is 0, which is how torch's `skip_data` leaves a file: the room for the
    /// tensors is reserved and their bytes are not there.
    [[nodiscard]] bool payload_reserved() const { return payload_reserved_; }

    /// Where a record's bytes begin in the file. Checks its headers the first time.
    [[nodiscard]] std::uint64_t payload_offset(const record& r) const {
        detail::zip::window bytes(*file_, 1024);
        return payload_offset(r, bytes);
    }
    /// The same through a window on the file that the caller keeps for many records.
    [[nodiscard]] std::uint64_t payload_offset(const record& r, detail::zip::window& bytes) const {
        const std::size_t i = index_of(r);
        const std::uint64_t at = payloads_[i].load(std::memory_order_relaxed);
        return at != 0 ? at : check_entry(i, bytes);
    }

    /// The same without a look at the headers, where the directory leaves no other place in a file of torch's layout.
    [[nodiscard]] std::uint64_t expected_payload(const record& r) const {
        const std::size_t i = index_of(r);
        const std::uint64_t before = detail::zip::local_bytes + directory_.root.size() + 1 + r.name.size() + 4 +
                                     (detail::zip::is_wide(r.size) ? 20u : 0u);
        const std::uint64_t behind = detail::zip::is_wide(r.size) || detail::zip::is_wide(r.header_offset) ? 24 : 16;
        const std::uint64_t slot = directory_.slot_ends[i] - r.header_offset;
        const std::uint64_t at = directory_.slot_ends[i] - behind - r.size;
        const bool fits = directory_.exact[i] && r.method == detail::zip::stored && r.size != 0 &&
                          slot >= before + r.size + behind &&
                          slot - before - r.size - behind < detail::zip::max_alignment;
        return fits && at % 64 == 0 ? at : payload_offset(r);
    }

    /// Where its headers, payload and descriptor end, at the latest; they begin at its header_offset.
    [[nodiscard]] std::uint64_t slot_end(const record& r) const { return directory_.slot_ends[index_of(r)]; }

    /// What a record holds, after a look at its headers; the reader and the record must outlive it.
    [[nodiscard]] detail::zip::record_content content_of(const record& r) const {
        return {*file_, r, payload_offset(r), limits_};
    }

    /// The whole record, unpacked if need be. `verify`: against its CRC-32, unless the archive has none.
    [[nodiscard]] std::vector<std::byte> read(const record& r, bool verify = true) const {
        std::vector<std::byte> bytes = content_of(r).all();
        if (verify && crc_computed_) compare_crc(r, crc32(bytes));
        return bytes;
    }

    /// Bytes of a STORED record, as they stand in the file; no checksum.
    void read_into(const record& r, std::uint64_t offset, std::span<std::byte> out) const {
        if (r.method != detail::zip::stored) {
            fail(errc::invalid_argument, "only a stored record can be read in parts", r, offset);
        }
        content_of(r).read_packed(offset, out);
    }

    /// Reads the record and compares its CRC-32, in constant memory when it is stored. Nothing to compare, and nothing
    /// read, when the archive has none.
    void verify(const record& r) const {
        if (!crc_computed_) return;
        std::uint32_t crc = 0;
        content_of(r).for_each_piece(std::size_t{1} << 20,
                                     [&](std::span<const std::byte> piece) { crc = crc32(piece, crc); });
        compare_crc(r, crc);
    }

    /// Errors: errc::checksum_mismatch when the CRC-32 of a whole record is another one than the directory's.
    void compare_crc(const record& r, std::uint32_t crc) const {
        if (crc == r.crc32) return;
        if (payload_reserved_ && r.name.starts_with("data/")) {
            fail(errc::checksum_mismatch,
                 "its payload was reserved, not written (torch.serialization.skip_data): the tensors' bytes are not in "
                 "this file",
                 r, 0);
        }
        fail(errc::checksum_mismatch, "its bytes differ from its CRC-32: the file was damaged after it was written", r,
             0);
    }

    /// The local header against the directory, the padding, the descriptor, and that they and the payload fill the file
    /// up to the next record exactly. Nothing to do when that was found good before.
    void check(const record& r) const { static_cast<void>(payload_offset(r)); }

    /// check() for every record and directory entry, in one pass through the file: then every byte belongs to exactly
    /// one structure.
    void check_all() const {
        detail::zip::window bytes(*file_, std::size_t{1} << 14);
        for (std::size_t i = 0; i < directory_.entries.size(); ++i) {
            if (payloads_[i].load(std::memory_order_relaxed) == 0) check_entry(i, bytes);
        }
        for (const record& folder : std::span(directory_.entries).subspan(directory_.records)) {
            if (folder.stored_size != 0) static_cast<void>(read(folder));
        }
    }

private:
    struct entry_name {
        const detail::vec<record>& entries;
        std::string_view operator()(std::size_t i) const { return entries[i].name; }
    };
    [[nodiscard]] entry_name name_of() const { return {directory_.entries}; }

    /// Also for a copy of a record.
    [[nodiscard]] std::size_t index_of(const record& r) const {
        const record* first = directory_.entries.data();
        const auto distance = reinterpret_cast<std::uintptr_t>(&r) - reinterpret_cast<std::uintptr_t>(first);
        if (distance / sizeof(record) < directory_.entries.size()) return distance / sizeof(record);
        const std::size_t i = names_.find(r.name, name_of());
        if (i != names_.none && first[i].header_offset == r.header_offset && first[i].size == r.size) return i;
        fail(errc::invalid_argument, "this record is of another archive", r, 0);
    }

    std::uint64_t check_entry(std::size_t i, detail::zip::window& bytes) const {
        const record& r = directory_.entries[i];
        std::string_view full = r.name;
        if (roots_ == zip_root::one) {  // the root and its slash stand before the name
            const std::size_t root = directory_.root.size() + 1;
            full = {full.data() - root, full.size() + root};
        }
        const std::uint64_t at = detail::zip::local_check(*file_, bytes, directory_, i, full).payload();
        payloads_[i].store(at, std::memory_order_relaxed);
        return at;
    }

    /// `offset` in the record.
    [[noreturn]] void fail(errc code, std::string message, const record& r, std::uint64_t offset) const {
        error e(code, std::move(message));
        throw std::move(e.in_archive(file_->name()).in_record(r.name).at_offset(offset));
    }

    std::shared_ptr<source> file_;
    limits limits_;
    zip_root roots_;
    detail::zip::directory directory_;
    mutable std::unique_ptr<std::atomic<std::uint64_t>[]> payloads_;  ///< 0: not checked yet
    detail::zip::name_table names_;
    bool crc_computed_ = false, payload_reserved_ = false;
};

}  // namespace tarc
