#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include <tarc/util/vec.hpp>

/// The fixed parts of a ZIP file, and the bytes of each structure exactly as torch.save 2.13 (miniz) writes it. With a
/// `.format_version` record PyTorch *computes* where payloads are from this layout, so any other gives it silently
/// wrong data (torch/serialization.py, `_load._get_offset`).
namespace tarc::detail::zip {

inline constexpr std::uint32_t local_signature = 0x04034B50;
inline constexpr std::uint32_t descriptor_signature = 0x08074B50;
inline constexpr std::uint32_t central_signature = 0x02014B50;
inline constexpr std::uint32_t end64_signature = 0x06064B50;
inline constexpr std::uint32_t locator_signature = 0x07064B50;
inline constexpr std::uint32_t end_signature = 0x06054B50;

inline constexpr std::size_t local_bytes = 30, central_bytes = 46, end64_bytes = 56, locator_bytes = 20, end_bytes = 22;

inline constexpr std::uint16_t full16 = 0xFFFF;
inline constexpr std::uint32_t full32 = 0xFFFFFFFF;  ///< in a 32-bit field: the value stands in the ZIP64 field

inline constexpr std::uint16_t flag_encrypted = 0x0001, flag_descriptor = 0x0008, flag_patch = 0x0020,
                               flag_strong_encryption = 0x0040, flag_utf8 = 0x0800, flag_masked = 0x2000;
inline constexpr std::uint16_t stored = 0, deflated = 8, zstd = 93;

inline constexpr std::uint16_t zip64_field = 0x0001;
inline constexpr std::uint16_t padding_field = 0x4246;  ///< "FB": filler up to the next multiple of the alignment
inline constexpr std::byte padding_byte{0x5A};          ///< "Z"

inline constexpr std::uint32_t max_alignment = 32768;  ///< the length of the padding is a u16

template <std::unsigned_integral T>
[[nodiscard]] T load(const std::byte* from) noexcept {
    T value;
    std::memcpy(&value, from, sizeof value);  // config.hpp: hosts are little-endian, as ZIP is
    return value;
}

using buffer = vec<std::byte>;

/// The values one behind the other, without gaps.
template <std::unsigned_integral... T>
void put(buffer& out, T... values) {
    std::byte* to = out.extend((sizeof values + ...));
    const auto add = [&](const auto& value) {
        std::memcpy(to, &value, sizeof value);
        to += sizeof value;
    };
    (add(values), ...);
}

inline void put_text(buffer& out, std::string_view text) {
    if (!text.empty()) std::memcpy(out.extend(text.size()), text.data(), text.size());
}

inline std::uint16_t low16(std::uint64_t value) {
    return static_cast<std::uint16_t>(std::min<std::uint64_t>(value, full16));
}
inline std::uint32_t low32(std::uint64_t value) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, full32));
}
inline bool is_wide(std::uint64_t value) { return value >= full32; }

/// Of an empty record torch writes no descriptor, and the flag says so.
inline std::uint16_t torch_flags(std::uint64_t size) {
    return static_cast<std::uint16_t>(size == 0 ? flag_utf8 : flag_utf8 | flag_descriptor);
}

/// torch's writer needs nothing; to unpack zstd takes version 6.3 of the specification.
[[nodiscard]] inline std::uint16_t version_needed(std::uint16_t method) {
    return method == zstd ? std::uint16_t{63} : std::uint16_t{0};
}

/// The same of a record that another tool may have added, which only a storage cannot be.
[[nodiscard]] inline std::uint16_t version_as_written(std::uint16_t method, std::string_view name) {
    return version_needed(name.find("data/") != name.npos ? method : std::uint16_t{stored});
}

/// Content bytes of a local header's ZIP64 field for these values; 0 means no field.
inline std::uint16_t torch_zip64_bytes(std::uint64_t size, std::uint64_t header) {
    return static_cast<std::uint16_t>((is_wide(size) ? 16 : 0) + (is_wide(header) ? 8 : 0));
}

/// Up to the payload, of a record `root` + `name`. CRC and sizes are 0, they stand in the descriptor; where the ZIP64
/// field has them, miniz writes the second size as 0, and it puts the header's offset into a *local* header. Not
/// APPNOTE, but what every reader of torch's files has learned.
inline void put_local_header(buffer& out, std::string_view root, std::string_view name, std::uint64_t size,
                             std::uint64_t header, std::uint32_t alignment, std::uint16_t method = stored) {
    const std::uint16_t zip64 = torch_zip64_bytes(size, header);
    const std::uint64_t before_padding =
        header + local_bytes + root.size() + name.size() + (zip64 ? zip64 + 4u : 0u) + 4u;
    const auto padding = static_cast<std::uint16_t>((alignment - before_padding % alignment) % alignment);
    put(out, local_signature, version_needed(method), torch_flags(size), method);
    put(out, std::uint32_t{0}, std::uint32_t{0}, std::uint64_t{0});  // time and date, CRC-32, both sizes
    put(out, static_cast<std::uint16_t>(root.size() + name.size()),
        static_cast<std::uint16_t>((zip64 ? zip64 + 4 : 0) + 4 + padding));
    put_text(out, root);
    put_text(out, name);
    if (zip64) {
        put(out, zip64_field, zip64);
        if (is_wide(size)) put(out, size, std::uint64_t{0});
        if (is_wide(header)) put(out, header);
    }
    put(out, padding_field, padding);
    std::memset(out.extend(padding), std::to_integer<int>(padding_byte), padding);
}

/// `packed`: the bytes in the file, no more than `size`.
inline void put_descriptor(buffer& out, std::uint32_t crc, std::uint64_t size, std::uint64_t packed,
                           std::uint64_t header) {
    if (size == 0) return;
    put(out, descriptor_signature, crc);
    if (is_wide(size) || is_wide(header)) {
        put(out, packed, size);
    } else {
        put(out, static_cast<std::uint32_t>(packed), static_cast<std::uint32_t>(size));
    }
}

inline void put_central_entry(buffer& out, std::string_view root, std::string_view name, std::uint32_t crc,
                              std::uint64_t size, std::uint64_t packed, std::uint64_t header,
                              std::uint16_t method = stored) {
    // the ZIP64 field has only what is too large for its place, and of a record that shrinks below that only one size
    const auto zip64 =
        static_cast<std::uint16_t>(8 * (int{is_wide(size)} + int{is_wide(packed)} + int{is_wide(header)}));
    constexpr std::uint16_t made_by = 0, comment_bytes = 0, disk = 0, internal = 0;
    constexpr std::uint32_t time = 0, external = 0;
    put(out, central_signature, made_by, version_needed(method), torch_flags(size), method, time);
    put(out, crc, low32(packed), low32(size), static_cast<std::uint16_t>(root.size() + name.size()),
        static_cast<std::uint16_t>(zip64 ? zip64 + 4 : 0));
    put(out, comment_bytes, disk, internal, external, low32(header));
    put_text(out, root);
    put_text(out, name);
    if (!zip64) return;
    put(out, zip64_field, zip64);
    if (is_wide(size)) put(out, size);
    if (is_wide(packed)) put(out, packed);
    if (is_wide(header)) put(out, header);
}

/// The end records of ZIP64, which torch writes always.
inline void put_end64(buffer& out, std::uint64_t entries, std::uint64_t directory, std::uint64_t directory_bytes) {
    put(out, end64_signature);
    put(out, std::uint64_t{end64_bytes - 12});
    put(out, std::uint16_t{0x031E});  // made by: 3.0 on Unix
    put(out, std::uint16_t{45});      // version needed: ZIP64
    put(out, std::uint64_t{0});       // disk numbers
    put(out, entries);
    put(out, entries);
    put(out, directory_bytes);
    put(out, directory);
    put(out, locator_signature);
    put(out, std::uint32_t{0});  // disk
    put(out, directory + directory_bytes);
    put(out, std::uint32_t{1});  // disks
}

/// The end record, with those of ZIP64 before it.
inline void put_end(buffer& out, std::uint64_t entries, std::uint64_t directory, std::uint64_t directory_bytes,
                    bool zip64 = true) {
    if (zip64) put_end64(out, entries, directory, directory_bytes);
    put(out, end_signature);
    put(out, std::uint32_t{0});  // disk numbers
    put(out, low16(entries));
    put(out, low16(entries));
    put(out, low32(directory_bytes));
    put(out, low32(directory));
    put(out, std::uint16_t{0});  // comment length
}

}  // namespace tarc::detail::zip
