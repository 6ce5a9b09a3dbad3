#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcmp
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/zip_directory.hpp>
#include <tarc/container/zip_end.hpp>
#include <tarc/container/zip_extra.hpp>
#include <tarc/container/zip_layout.hpp>
#include <tarc/error.hpp>
#include <tarc/io/source.hpp>

/// What stands around a payload: its local header and its descriptor, held against the directory.
namespace tarc::detail::zip {

class local_check {
public:
    local_check(source& file, window& bytes, const directory& d, std::size_t entry, std::string_view full_name)
        : file_(file),
          bytes_(bytes),
          record_(d.entries[entry]),
          name_(full_name),
          slot_end_(d.slot_ends[entry]),
          by_torch_(d.by_torch),
          exact_(d.exact[entry]) {}

    /// Where the payload begins, after all that stands around it was found good. The directory has proved that header,
    /// name and payload fit before `slot_end`.
    std::uint64_t payload() {
        const std::uint64_t header = record_.header_offset;
        const std::uint64_t room = slot_end_ - header - local_bytes - name_.size() - record_.stored_size;
        const std::byte* p = bytes_.get(header, local_bytes + name_.size());
        if (load<std::uint32_t>(p) != local_signature) refuse("there is no local header where the directory says", 0);
        const std::size_t extra_bytes = load<std::uint16_t>(p + 28);
        if (load<std::uint16_t>(p + 26) != name_.size()) refuse("its local header has another name", 26);
        if (extra_bytes > room) refuse("its local header reaches into the next record", 28);

        p = bytes_.get(header, local_bytes + name_.size() + extra_bytes);
        if (std::string_view(reinterpret_cast<const char*>(p + local_bytes), name_.size()) != name_) {
            refuse("its local header has another name", local_bytes);
        }
        if (load<std::uint16_t>(p + 6) != record_.flags) refuse("its local header has other flags", 6);
        if (load<std::uint16_t>(p + 8) != record_.method) refuse("its local header has another compression method", 8);
        const bool as_written = load<std::uint16_t>(p + 4) == version_as_written(record_.method, name_);
        if ((by_torch_ && as_written != exact_) ||
            (exact_ && !is_all(std::byte{0}, {p + 10, 16}))) {  // time, date, CRC, both sizes
            refuse("a field of its local header is damaged", 4);
        }
        check_extra({p + local_bytes + name_.size(), extra_bytes}, p);
        if (!is_value(load<std::uint32_t>(p + 14), record_.crc32)) refuse("its local header has another CRC-32", 14);

        const std::uint64_t payload = header + local_bytes + name_.size() + extra_bytes;
        check_descriptor(payload + record_.stored_size, room - extra_bytes);
        return payload;
    }

private:
    [[noreturn]] void refuse(const char* message, std::uint64_t at) const {
        error e(errc::bad_archive, message);
        e.in_record(record_.name).at_offset(record_.header_offset + at);
        throw std::move(e.in_archive(file_.name()));
    }

    [[nodiscard]] bool has_descriptor() const { return (record_.flags & flag_descriptor) != 0; }
    /// With a descriptor behind the payload, a local field may still be 0.
    [[nodiscard]] bool is_value(std::uint64_t local, std::uint64_t right) const {
        return local == right || (local == 0 && has_descriptor());
    }

    [[nodiscard]] static bool is_all(std::byte b, std::span<const std::byte> bytes) {
        return bytes.empty() || (bytes[0] == b && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
    }

    void check_extra(std::span<const std::byte> extra, const std::byte* header) const {
        extra_fields fields;
        if (const char* fault = split_extra(extra, fields)) refuse(fault, local_bytes + name_.size());
        if (!is_all(padding_byte, fields.padding)) {
            refuse("the padding before its payload holds other bytes than filler", local_bytes + name_.size());
        }
        if (exact_ && (!fields.has_padding || fields.has_others)) {
            refuse("the padding before its payload is damaged", local_bytes + name_.size());
        }
        if (fields.has_unicode_name && (fields.unicode_name.size() < 5 ||
                                        std::string_view(reinterpret_cast<const char*>(fields.unicode_name.data() + 5),
                                                         fields.unicode_name.size() - 5) != name_)) {
            refuse("its local header has a second, different name in an extra field", local_bytes);
        }

        const auto packed = load<std::uint32_t>(header + 18), size = load<std::uint32_t>(header + 22);
        const auto sizes_differ = [&] { refuse("its local header has other sizes", 18); };
        if (!fields.has_zip64) {
            if (!is_value(packed, record_.stored_size) || !is_value(size, record_.size)) sizes_differ();
            return;
        }
        // APPNOTE: both sizes in this order, and the fields say 0xFFFFFFFF. miniz: see put_local_header(). Python and
        // Info-ZIP have the field also where the sizes turned out to be small.
        const auto is_narrow = [&](std::uint32_t local, std::uint64_t right) {
            return local == full32 || is_value(local, right);
        };
        if (!is_narrow(packed, record_.stored_size) || !is_narrow(size, record_.size)) sizes_differ();
        zip64_values wide(fields.zip64);
        std::uint64_t value = 0;
        if (fields.zip64.size() >= 16) {
            if (!wide.take(value) || !is_value(value, record_.size)) sizes_differ();
            if (!wide.take(value) || !is_value(value, record_.stored_size)) sizes_differ();
        } else if (packed == full32 || size == full32) {
            sizes_differ();
        }
        if (wide.take(value) && value != record_.header_offset) {
            refuse("its local header has another offset", local_bytes + name_.size());
        }
        if (!wide.empty()) refuse("the ZIP64 field of its local header is malformed", local_bytes + name_.size());
    }

    /// All bytes up to the next record, of which there may be none, or a descriptor in one of its four forms: with and
    /// without signature, with sizes of 32 and of 64 bits.
    void check_descriptor(std::uint64_t at, std::uint64_t bytes) {
        const bool allowed = has_descriptor() ? bytes == 12 || bytes == 16 || bytes == 20 || bytes == 24 : bytes == 0;
        const bool empty = record_.size == 0 && record_.stored_size == 0 && record_.crc32 == 0;
        if (bytes == 0 && empty) return;
        const std::uint64_t where = at - record_.header_offset;
        if (!allowed) {
            refuse(bytes == 0 ? "its data descriptor is missing" : "there are bytes behind it that belong to no record",
                   where);
        }
        if (bytes == 0) return;
        const std::byte* p = bytes_.get(at, bytes);
        if (bytes % 8 == 0) {
            if (load<std::uint32_t>(p) != descriptor_signature) refuse("its data descriptor has no signature", where);
            p += 4;
            bytes -= 4;
        }
        const bool wide = bytes == 20;
        const std::uint64_t packed = wide ? load<std::uint64_t>(p + 4) : load<std::uint32_t>(p + 4);
        const std::uint64_t size = wide ? load<std::uint64_t>(p + 12) : load<std::uint32_t>(p + 8);
        if (load<std::uint32_t>(p) != record_.crc32 || packed != record_.stored_size || size != record_.size) {
            refuse("its data descriptor differs from the directory", where);
        }
    }

    source& file_;
    window& bytes_;
    const record& record_;
    std::string_view name_;
    std::uint64_t slot_end_;
    bool by_torch_, exact_;  ///< see directory
};

}  // namespace tarc::detail::zip
