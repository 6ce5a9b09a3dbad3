#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/zip_end.hpp>
#include <tarc/container/zip_extra.hpp>
#include <tarc/container/zip_layout.hpp>
#include <tarc/container/zip_names.hpp>
#include <tarc/error.hpp>
#include <tarc/io/source.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// A named blob in the archive, as the directory describes it.
struct record {
    std::string_view name;            ///< without the root; a view into the reader
    std::uint64_t header_offset = 0;  ///< of its local header
    std::uint64_t stored_size = 0;    ///< in the file
    std::uint64_t size = 0;           ///< decompressed
    std::uint32_t crc32 = 0;          ///< of the decompressed bytes; 0 where it was not computed
    std::uint16_t method = 0;         ///< 0 stored, 8 DEFLATE, 93 zstd
    std::uint16_t flags = 0;
};

namespace detail::zip {

/// The parsed directory. Memory is linear in its size in the file.
struct directory {
    vec<char> names;               ///< every full name, one after another
    vec<record> entries;           ///< records first, in directory order, then the directory entries
    vec<std::uint64_t> slot_ends;  ///< by entry: where the next local header, or the directory, begins
    vec<bool> exact;               ///< by entry: every byte of its headers must be what torch's writer puts there
    bool by_torch = false;         ///< the archive as a whole is from torch's writer (or ours)
    std::size_t records = 0;
    std::string_view root;  ///< without a slash
};

/// Reads the directory from beginning to end in pieces and proves all that it can prove alone: names, one root, that
/// every record has its own bytes, and that no two records stand further apart than headers can explain.
class directory_reader {
public:
    directory_reader(source& file, const limits& bounds, zip_root roots)
        : file_(file), bounds_(bounds), roots_(roots) {}

    directory read() {
        const end_records end = read_end(file_);
        if (end.entries > std::min<std::uint64_t>(bounds_.records, full32 - 2)) {
            refuse(file_, errc::limit_exceeded,
                   std::to_string(end.entries) + " records are more than limits::records allows (" +
                       std::to_string(bounds_.records) + ")",
                   end.directory);
        }
        end_ = end;
        out_.entries.reserve(end.entries);
        out_.exact.reserve(end.entries);
        name_lengths_.reserve(end.entries);
        window bytes(file_, read_ahead);
        std::uint64_t at = end.directory;
        for (std::uint64_t i = 0; i < end.entries; ++i) at = read_entry(bytes, at);
        if (at != end.directory + end.directory_bytes) {
            refuse(file_, errc::bad_archive, "the directory has more bytes than its entries", at);
        }
        settle_origin();
        set_names();
        separate_folders();
        set_slots();
        return std::move(out_);
    }

private:
    static constexpr std::size_t read_ahead = std::size_t{1} << 20;

    std::uint64_t read_entry(window& bytes, std::uint64_t at) {
        const std::uint64_t left = end_.directory + end_.directory_bytes - at;
        if (left < central_bytes) refuse(file_, errc::bad_archive, "the directory ends within an entry", at);
        const std::byte* p = bytes.get(at, central_bytes);
        if (load<std::uint32_t>(p) != central_signature) {
            refuse(file_, errc::bad_archive, "there is no directory entry where one should be", at);
        }
        const std::size_t name_bytes = load<std::uint16_t>(p + 28), extra_bytes = load<std::uint16_t>(p + 30),
                          comment_bytes = load<std::uint16_t>(p + 32);
        const std::size_t entry_bytes = central_bytes + name_bytes + extra_bytes + comment_bytes;
        if (left < entry_bytes) refuse(file_, errc::bad_archive, "the directory ends within an entry", at);
        p = bytes.get(at, entry_bytes);

        const std::string_view name(reinterpret_cast<const char*>(p + central_bytes), name_bytes);
        check_name(name, at);
        record r;
        r.flags = load<std::uint16_t>(p + 8);
        r.method = load<std::uint16_t>(p + 10);
        r.crc32 = load<std::uint32_t>(p + 16);
        r.stored_size = load<std::uint32_t>(p + 20);
        r.size = load<std::uint32_t>(p + 24);
        r.header_offset = load<std::uint32_t>(p + 42);
        const auto bad = [&](errc code, const std::string& message) {
            refuse(file_, code, "record \"" + printable(name) + "\": " + message, at);
        };
        read_wide_values(r, {p + central_bytes + name_bytes, extra_bytes}, load<std::uint16_t>(p + 34), name, bad);
        check_kind(r, name, bad);

        const bool as_written = load<std::uint16_t>(p + 6) == version_as_written(r.method, name);
        const bool blank = load<std::uint16_t>(p + 4) == 0 && load<std::uint32_t>(p + 12) == 0 && comment_bytes == 0 &&
                           load<std::uint16_t>(p + 36) == 0 && load<std::uint32_t>(p + 38) == 0;
        out_.exact.push_back(as_written);
        exact_ += as_written;
        blank_ += as_written && blank;
        if (as_written && !blank && !first_marked_) first_marked_ = at;
        out_.names.append(name.data(), name.data() + name.size());
        name_lengths_.push_back(static_cast<std::uint16_t>(name_bytes));
        out_.entries.push_back(r);
        return at + entry_bytes;
    }

    void check_name(std::string_view name, std::uint64_t at) const {
        if (name.size() > bounds_.name_bytes) {
            refuse(
                file_, errc::limit_exceeded,
                "a record name of " + std::to_string(name.size()) + " bytes is longer than limits::name_bytes allows",
                at);
        }
        const char* fault = name_fault(name);
        if (fault) refuse(file_, errc::bad_name, "the record name \"" + printable(name) + "\" " + fault, at);
    }

    template <class Bad>
    void read_wide_values(record& r, std::span<const std::byte> extra, std::uint16_t disk, std::string_view name,
                          const Bad& bad) const {
        extra_fields fields;
        if (const char* fault = split_extra(extra, fields)) bad(errc::bad_archive, fault);
        const bool disk_is_wide = disk == full16 && fields.zip64.size() % 8 == 4;
        if (disk_is_wide ? load<std::uint32_t>(fields.zip64.data() + fields.zip64.size() - 4) != 0 : disk != 0) {
            bad(errc::unsupported, "it stands on another disk of a multi-disk archive -- join the parts first");
        }
        const auto values = fields.zip64.first(fields.zip64.size() - (disk_is_wide ? 4 : 0));
        const auto narrow = {&r.size, &r.stored_size, &r.header_offset};
        const auto needed = std::count_if(narrow.begin(), narrow.end(), [](auto* value) { return *value == full32; });
        // APPNOTE: only the values whose 32-bit fields are full. Go writes all three, which is as clear.
        const bool all = values.size() == 24;
        if (values.size() < 8 * static_cast<std::size_t>(needed)) {
            bad(errc::bad_archive, "its size or offset should stand in a ZIP64 field that is not there");
        }
        if (!all && values.size() != 8 * static_cast<std::size_t>(needed)) {
            bad(errc::bad_archive, "its ZIP64 field has other values than it needs");
        }
        zip64_values wide(values);
        for (std::uint64_t* value : narrow) {
            std::uint64_t taken = *value;
            if ((all || taken == full32) && (!wide.take(taken) || (*value != full32 && *value != taken))) {
                bad(errc::bad_archive, "its ZIP64 field contradicts the entry");
            }
            *value = taken;
        }
        // Info-ZIP's Unicode path: version, CRC-32 of the name, then the name that other tools would show instead.
        if (fields.has_unicode_name) {
            const auto text =
                fields.unicode_name.size() < 5 ? fields.unicode_name.first(0) : fields.unicode_name.subspan(5);
            if (std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) != name) {
                bad(errc::bad_archive, "it has a second, different name in an extra field");
            }
        }
    }

    template <class Bad>
    void check_kind(const record& r, std::string_view name, const Bad& bad) const {
        if (r.flags & (flag_encrypted | flag_strong_encryption | flag_masked)) {
            bad(errc::unsupported, "it is encrypted -- decrypt the archive with the tool that made it");
        }
        if (r.flags & flag_patch) bad(errc::unsupported, "it holds compressed patched data, not the data itself");
        if (r.method != stored && r.method != deflated && r.method != zstd) {
            bad(errc::unsupported, "it is compressed with ZIP method " + std::to_string(r.method) +
                                       ", which nothing here reads -- repack it with `zip -0`");
        }
        if (r.method == stored && r.size != r.stored_size) {
            bad(errc::bad_archive, "it is stored, yet takes " + std::to_string(r.stored_size) +
                                       " bytes in the file for " + std::to_string(r.size));
        }
        // Python's zipfile deflates also the nothing of a folder, to two bytes.
        if (name.back() == '/' && (r.size != 0 || r.stored_size > 2)) {
            bad(errc::bad_archive, "it is a folder, yet holds data");
        }
    }

    /// torch's writer needs version 0, which no ZIP tool does, leaves every field 0 that it can, and writes the ZIP64
    /// end records always. In such an archive each byte of a header has one right value, so all damage can be found.
    /// Other tools may have added entries; other programs with the same ZIP library (miniz) fill in times and
    /// attributes.
    void settle_origin() {
        out_.by_torch = end_.zip64 && 2 * blank_ > exact_;
        if (!out_.by_torch) {
            out_.exact.assign(out_.exact.size(), false);
        } else if (first_marked_) {
            refuse(file_, errc::bad_archive, "a field of a directory entry is damaged", *first_marked_);
        } else if (exact_ == out_.entries.size() && !end_.as_torch) {
            refuse(file_, errc::bad_archive, "the end records are damaged", end_.directory + end_.directory_bytes);
        }
    }

    /// The names' buffer has stopped growing.
    void set_names() {
        const char* at = out_.names.data();
        for (std::size_t i = 0; i < out_.entries.size(); ++i) {
            std::string_view name(at, name_lengths_[i]);
            at += name_lengths_[i];
            if (roots_ == zip_root::one) {
                const std::size_t slash = name.find('/');
                if (slash == name.npos) {
                    refuse(file_, errc::bad_archive,
                           "record \"" + printable(name) + "\" stands outside the one top-level folder",
                           out_.entries[i].header_offset);
                }
                const std::string_view root = name.substr(0, slash);
                if (i == 0) out_.root = root;
                if (root != out_.root) {
                    refuse(file_, errc::bad_archive,
                           "there are two top-level folders, \"" + printable(out_.root) + "\" and \"" +
                               printable(root) + "\"",
                           out_.entries[i].header_offset);
                }
                name.remove_prefix(slash + 1);
            }
            out_.entries[i].name = name;
        }
        name_lengths_ = {};
    }

    void separate_folders() {
        const auto is_folder = [&](const record& r) { return r.name.empty() || r.name.back() == '/'; };
        vec<record> folders;
        vec<bool> folders_exact;
        std::size_t kept = 0;
        for (std::size_t i = 0; i < out_.entries.size(); ++i) {
            if (is_folder(out_.entries[i])) {
                folders.push_back(out_.entries[i]);
                folders_exact.push_back(out_.exact[i]);
            } else {
                out_.entries[kept] = out_.entries[i];
                out_.exact[kept++] = out_.exact[i];
            }
        }
        out_.records = kept;
        for (std::size_t i = 0; i < folders.size(); ++i, ++kept) {
            out_.entries[kept] = folders[i];
            out_.exact[kept] = folders_exact[i];
        }
    }

    /// From one local header to the next: there must be room for what the directory says, and no more than that, the
    /// longest extra block and the longest descriptor can fill.
    void set_slots() {
        const vec<record>& entries = out_.entries;
        const vec<std::size_t> order = sorted_numbers(entries.size(), [&](std::size_t a, std::size_t b) {
            return entries[a].header_offset < entries[b].header_offset;
        });
        out_.slot_ends.resize(entries.size());
        std::uint64_t next = end_.directory;
        for (std::size_t i = order.size(); i-- > 0;) {
            const record& r = entries[order[i]];
            const std::uint64_t least = local_bytes + full_name_bytes(r);
            if (r.header_offset > next || next - r.header_offset < least ||
                next - r.header_offset - least < r.stored_size) {
                refuse(file_, errc::bad_archive,
                       "record \"" + printable(r.name) +
                           (next == end_.directory ? "\": its bytes reach past the beginning of the directory"
                                                   : "\": its bytes overlap those of record \"" +
                                                         printable(entries[order[i + 1]].name) + "\""),
                       r.header_offset);
            }
            constexpr std::uint64_t most_extra = full16 + 24u;
            if (next - r.header_offset - least - r.stored_size > most_extra) {
                refuse(file_, errc::bad_archive,
                       "there are bytes behind record \"" + printable(r.name) + "\" that belong to no record",
                       r.header_offset + least + r.stored_size);
            }
            out_.slot_ends[order[i]] = next;
            next = r.header_offset;
        }
        if (next != 0) {
            refuse(file_, errc::bad_archive,
                   "the file is prefixed by " + std::to_string(next) + " bytes that belong to no record", 0);
        }
    }

    [[nodiscard]] std::size_t full_name_bytes(const record& r) const {
        return r.name.size() + (roots_ == zip_root::one ? out_.root.size() + 1 : 0);
    }

    source& file_;
    const limits& bounds_;
    zip_root roots_;
    end_records end_;
    directory out_;
    vec<std::uint16_t> name_lengths_;
    std::size_t exact_ = 0, blank_ = 0;          ///< entries that need version 0, and those of them with all else 0
    std::optional<std::uint64_t> first_marked_;  ///< where the first of the others is
};

}  // namespace detail::zip
}  // namespace tarc
