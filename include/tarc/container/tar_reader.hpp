#pragma once

#include <algorithm>  // std::all_of, std::min
#include <array>
#include <charconv>  // std::from_chars
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/io/source_window.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>

namespace tarc::detail {

struct tar_member {
    std::string name;
    std::uint64_t offset = 0, size = 0;  // of the content, in the file
};

/// The members of a tar file (POSIX.1-2008 pax, "ustar Interchange Format" and "pax Header Block"): regular files, each
/// with a PAX header perhaps. Folders are passed over; links, devices and the extensions of GNU tar are refused.
class tar_reader {
public:
    /// Errors: errc::bad_archive, errc::duplicate_name, errc::truncated, errc::unsupported, errc::limit_exceeded.
    tar_reader(source& file, const limits& limit) : in_(file, 0, file.size()), limits_(limit) {
        while (read_member()) {
        }
        text_set names;
        for (const tar_member& m : members_)
            if (!names.add(m.name).fresh)
                raise_at(errc::duplicate_name, "two members of the tar file have the same name", m.name, 0);
    }

    [[nodiscard]] std::span<const tar_member> members() const { return members_; }

    /// Errors: errc::no_record.
    [[nodiscard]] const tar_member& get(std::string_view name) const {
        for (const tar_member& m : members_)
            if (m.name == name) return m;
        throw std::move(
            error(errc::no_record, "the tar file has no such member: torch.save did not write it, or it is damaged")
                .in_record(name));
    }

private:
    static constexpr std::uint64_t block_size = 512;

    // What a PAX header says of the member behind it.
    struct extension {
        std::optional<std::string> path;
        std::optional<std::uint64_t> size;
    };

    struct header {
        std::array<char, block_size> raw;

        [[nodiscard]] std::string_view text(std::size_t at, std::size_t n) const {
            const std::string_view field(raw.data() + at, n);
            return field.substr(0, std::min(field.find('\0'), n));
        }
        [[nodiscard]] char type() const { return raw[156]; }
        [[nodiscard]] std::string name() const {
            const std::string_view prefix = text(345, 155);
            return (prefix.empty() ? "" : std::string(prefix) + "/") + std::string(text(0, 100));
        }
        /// Octal digits, perhaps between spaces.
        [[nodiscard]] std::optional<std::uint64_t> number(std::size_t at, std::size_t n) const {
            std::string_view digits = text(at, n);
            while (digits.starts_with(' ')) digits.remove_prefix(1);
            while (digits.ends_with(' ')) digits.remove_suffix(1);
            std::uint64_t value = 0;
            const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
            if (digits.empty() || code != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
            return value;
        }
        /// The sum of all bytes, those of the field with the sum itself as spaces.
        [[nodiscard]] bool sum_agrees() const {
            std::uint64_t sum = 8 * ' ';
            for (std::size_t i = 0; i < raw.size(); ++i)
                if (i < 148 || i >= 156) sum += static_cast<unsigned char>(raw[i]);
            return number(148, 8) == sum;
        }
        [[nodiscard]] bool blank() const {
            return std::all_of(raw.begin(), raw.end(), [](char c) { return c == 0; });
        }
    };

    bool read_member() {
        extension more;
        header h = next_header();
        while (h.type() == 'x' && !h.blank()) {
            read_extension(h, more);
            h = next_header();
        }
        if (h.blank()) {
            if (more.path || more.size) fail(errc::bad_archive, "a PAX header has no member");
            read_end();
            return false;
        }
        std::uint64_t size = size_of_content(h);
        if (more.size) size = *more.size;
        const bool folder = h.type() == '5';
        if (h.type() != '0' && h.type() != '\0' && !folder)
            fail(errc::unsupported, std::string("a member has the type '") + h.type() +
                                        "', neither a file nor a folder: torch.save did not write it");
        tar_member m{more.path ? *std::move(more.path) : h.name(), in_.offset(), folder ? 0 : size};
        skip_content(m.size);
        if (folder) return true;
        if (members_.size() >= limits_.records)
            fail(errc::limit_exceeded, "the tar file has too many members (limits::records)");
        members_.push_back(std::move(m));
        return true;
    }

    header next_header() {
        header h;
        header_at_ = in_.position();
        if (in_.left() == 0) fail(errc::truncated, "the tar file has no end: it was cut short");
        h.raw = in_.number<std::array<char, block_size>>();
        if (h.blank()) return h;
        if (!h.sum_agrees()) fail(errc::bad_archive, "the checksum of a tar header is wrong");
        if (h.text(257, 5) != "ustar") fail(errc::bad_archive, "a tar header is not of the ustar format");
        return h;
    }

    std::uint64_t size_of_content(const header& h) const {
        const auto size = h.number(124, 12);
        if (!size) fail(errc::bad_archive, "the size of a tar member is not an octal number");
        return *size;
    }

    void skip_content(std::uint64_t size) {
        in_.skip(size);
        in_.skip((block_size - size % block_size) % block_size);
    }

    // Lines "length key=value\n", where the length is that of the whole line.
    void read_extension(const header& h, extension& more) {
        const std::uint64_t size = size_of_content(h), at = in_.position();
        if (size > limits_.name_bytes + 65536)
            fail(errc::limit_exceeded, "a PAX header of " + std::to_string(size) + " bytes");
        skip_content(size);
        const std::vector<std::byte> bytes = in_.bytes(at, size);
        std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        while (!text.empty()) {
            std::size_t length = 0;
            const auto [space, code] = std::from_chars(text.data(), text.data() + text.size(), length);
            const auto digits = static_cast<std::size_t>(space - text.data());
            if (code != std::errc{} || length > text.size() || length < digits + 2 || *space != ' ' ||
                text[length - 1] != '\n')
                fail(errc::bad_archive, "a PAX header is malformed");
            const std::string_view line = text.substr(digits + 1, length - digits - 2);
            const std::size_t equals = line.find('=');
            if (equals == line.npos) fail(errc::bad_archive, "a PAX header is malformed");
            take(line.substr(0, equals), line.substr(equals + 1), more);
            text.remove_prefix(length);
        }
    }

    void take(std::string_view key, std::string_view value, extension& more) const {
        if (key == "path") {
            if (value.size() > limits_.name_bytes) fail(errc::limit_exceeded, "a name of more than limits::name_bytes");
            more.path = value;
        } else if (key == "size") {
            std::uint64_t size = 0;
            const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), size);
            if (code != std::errc{} || value.empty() || end != value.data() + value.size())
                fail(errc::bad_archive, "the size in a PAX header is not a number");
            more.size = size;
        }
    }

    // A second block of zeros, and perhaps more up to a full tape record.
    void read_end() {
        constexpr std::uint64_t longest = std::uint64_t{1} << 20;
        if (in_.left() < block_size) fail(errc::truncated, "the end of the tar file is cut short");
        if (in_.left() > longest) fail(errc::bad_archive, "much follows the end of the tar file");
        const std::vector<std::byte> rest = in_.bytes(in_.position(), in_.left());
        if (!std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == std::byte{0}; }))
            fail(errc::bad_archive, "something follows the end of the tar file");
    }

    [[noreturn]] void fail(errc code, std::string message) const { raise_at(code, std::move(message), {}, header_at_); }

    source_window in_;
    const limits& limits_;
    std::uint64_t header_at_ = 0;  // of the header in hand
    std::vector<tar_member> members_;
};

}  // namespace tarc::detail
