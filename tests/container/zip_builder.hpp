#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libdeflate.h>

#include <tarc/container/zip_layout.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/io/source.hpp>

namespace tarc_test {

using bytes = std::vector<std::byte>;

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline bytes copy_of(std::string_view text) { return {bytes_of(text).begin(), bytes_of(text).end()}; }
inline std::string text_of(std::span<const std::byte> b) { return {reinterpret_cast<const char*>(b.data()), b.size()}; }

/// One entry of a hand-made ZIP file: what an ordinary writer would put there, unless said otherwise.
struct entry {
    std::string name;
    std::string payload = {};  ///< as it stands in the file
    std::uint16_t method = 0, flags = 0, needed = 20;
    std::optional<std::uint64_t> size = {};  ///< decompressed
    std::optional<std::uint32_t> crc = {};
    std::string local_extra = {}, central_extra = {}, comment = {};
    std::optional<std::string> local_name = {};
    std::optional<std::uint16_t> local_method = {}, local_flags = {};
    std::optional<std::uint32_t> local_crc = {}, local_stored = {}, local_size = {};
    std::optional<std::uint32_t> central_stored = {}, central_size = {}, header = {};
    std::string before = {}, after = {};  ///< other bytes, a descriptor for one
    bool listed = true, local = true;
    std::uint16_t disk = 0;
};

inline std::uint32_t crc_of(const entry& e) { return e.crc.value_or(tarc::crc32(bytes_of(e.payload))); }

/// Its parts lie open, so that a test can put a lie into any of them.
class zip_builder {
public:
    std::string data, directory;
    std::uint64_t entries = 0;

    zip_builder& add(const entry& e) {
        using namespace tarc::detail::zip;
        data += e.before;
        const auto header = e.header.value_or(static_cast<std::uint32_t>(data.size()));
        const auto stored_size = static_cast<std::uint32_t>(e.payload.size());
        const auto size = static_cast<std::uint32_t>(e.size.value_or(e.payload.size()));
        const auto common = [&](buffer& out, std::uint16_t flags, std::uint16_t method, std::uint32_t crc,
                                std::uint32_t packed, std::uint32_t unpacked, std::size_t name, std::size_t extra) {
            put(out, e.needed);
            put(out, flags);
            put(out, method);
            put(out, std::uint32_t{0x54210000});
            put(out, crc);
            put(out, packed);
            put(out, unpacked);
            put(out, static_cast<std::uint16_t>(name));
            put(out, static_cast<std::uint16_t>(extra));
        };
        if (e.local) {
            buffer out;
            const std::string name = e.local_name.value_or(e.name);
            put(out, local_signature);
            common(out, e.local_flags.value_or(e.flags), e.local_method.value_or(e.method),
                   e.local_crc.value_or(crc_of(e)), e.local_stored.value_or(stored_size), e.local_size.value_or(size),
                   name.size(), e.local_extra.size());
            data += text_of(out) + name + e.local_extra + e.payload;
        }
        data += e.after;
        if (!e.listed) return *this;
        buffer out;
        put(out, central_signature);
        put(out, std::uint16_t{0x031E});
        common(out, e.flags, e.method, crc_of(e), e.central_stored.value_or(stored_size), e.central_size.value_or(size),
               e.name.size(), e.central_extra.size());
        put(out, static_cast<std::uint16_t>(e.comment.size()));
        put(out, e.disk);
        put(out, std::uint16_t{0});
        put(out, std::uint32_t{0x81A40000});
        put(out, header);
        directory += text_of(out) + e.name + e.central_extra + e.comment;
        ++entries;
        return *this;
    }

    /// The plain end record, without ZIP64.
    [[nodiscard]] std::string end(std::string_view comment = {}) const {
        using namespace tarc::detail::zip;
        buffer out;
        put(out, end_signature);
        put(out, std::uint32_t{0});
        put(out, low16(entries));
        put(out, low16(entries));
        put(out, low32(directory.size()));
        put(out, low32(data.size()));
        put(out, static_cast<std::uint16_t>(comment.size()));
        put_text(out, comment);
        return text_of(out);
    }
    [[nodiscard]] std::string zip(std::string_view comment = {}) const { return data + directory + end(comment); }
    /// With the three end records that torch writes.
    [[nodiscard]] std::string zip64() const {
        tarc::detail::zip::buffer out;
        tarc::detail::zip::put_end(out, entries, data.size(), directory.size());
        return data + directory + text_of(out);
    }
};

inline std::string deflate(std::string_view text, int level = 6) {
    libdeflate_compressor* c = libdeflate_alloc_compressor(level);
    std::string out(libdeflate_deflate_compress_bound(c, text.size()), '\0');
    out.resize(libdeflate_deflate_compress(c, text.data(), text.size(), out.data(), out.size()));
    libdeflate_free_compressor(c);
    return out;
}

inline std::shared_ptr<tarc::source> memory(std::string_view text) {
    return std::make_shared<tarc::memory_source>(copy_of(text));
}

/// Everything that a reader can be asked about a file: opens it, checks it, reads every record.
inline std::string contents(const std::shared_ptr<tarc::source>& file, tarc::zip_root roots = tarc::zip_root::one) {
    const tarc::zip_reader zip(file, {}, roots);
    zip.check_all();
    std::string all;
    for (const tarc::record& r : zip.records()) {
        all += std::string(r.name) + "=" + text_of(zip.read(r)) + "\n";
    }
    return all;
}
inline std::string contents(std::string_view file, tarc::zip_root roots = tarc::zip_root::one) {
    return contents(memory(file), roots);
}

template <class F>
std::optional<tarc::error> error_of(F&& f) {
    try {
        f();
    } catch (const tarc::error& e) {
        return e;
    }
    return {};
}

}  // namespace tarc_test
