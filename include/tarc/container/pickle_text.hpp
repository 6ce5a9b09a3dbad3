#pragma once

#include <charconv>  // std::from_chars
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <string>
#include <string_view>

#include <tarc/util/vec.hpp>

/// The texts inside pickles: UTF-8 with lone surrogates, Python's escapes, decimal numbers.
namespace tarc::detail {

/// The index of the first byte that is not UTF-8, or npos. Lone surrogates (U+D800 to U+DFFF) pass, encoded as if they
/// were characters: Python's "surrogatepass", which pickle uses.
[[nodiscard]] inline std::size_t find_bad_utf8(std::string_view s) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const auto follows = [&](std::size_t i, unsigned low, unsigned high) {
        return i < s.size() && at(i) >= low && at(i) <= high;
    };
    std::size_t i = 0;
    while (i < s.size()) {
        if (i + 8 <= s.size()) {
            std::uint64_t word = 0;
            std::memcpy(&word, s.data() + i, 8);
            if ((word & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        const unsigned lead = at(i);
        std::size_t more = 0;
        unsigned low = 0x80, high = 0xbf;  // of the second byte
        if (lead < 0x80)
            more = 0;
        else if (lead >= 0xc2 && lead <= 0xdf)
            more = 1;
        else if (lead >= 0xe0 && lead <= 0xef) {
            more = 2;
            if (lead == 0xe0) low = 0xa0;
        } else if (lead >= 0xf0 && lead <= 0xf4) {
            more = 3;
            if (lead == 0xf0) low = 0x90;
            if (lead == 0xf4) high = 0x8f;
        } else {
            return i;
        }
        for (std::size_t k = 1; k <= more; ++k) {
            if (!follows(i + k, low, high)) return i;
            low = 0x80;
            high = 0xbf;
        }
        i += more + 1;
    }
    return std::string_view::npos;
}

/// Appends a code point up to U+10FFFF, a surrogate as if it were a character.
inline void append_utf8(std::string& out, std::uint32_t c) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0 | (c >> 6));
        put(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        put(0xe0 | (c >> 12));
        put(0x80 | ((c >> 6) & 0x3f));
        put(0x80 | (c & 0x3f));
    } else {
        put(0xf0 | (c >> 18));
        put(0x80 | ((c >> 12) & 0x3f));
        put(0x80 | ((c >> 6) & 0x3f));
        put(0x80 | (c & 0x3f));
    }
}

/// Bytes as the text whose code points they are, in UTF-8.
[[nodiscard]] inline std::string latin1_to_utf8(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() + bytes.size() / 2);
    for (const char c : bytes) append_utf8(out, static_cast<unsigned char>(c));
    return out;
}

/// The reverse; nothing when a character is above U+00FF. The text must be valid.
[[nodiscard]] inline std::optional<std::string> utf8_to_latin1(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x80) {
            out.push_back(text[i]);
        } else {
            if (c > 0xc3 || i + 1 == text.size()) return std::nullopt;
            ++i;
            out.push_back(static_cast<char>(((c & 3u) << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu)));
        }
    }
    return out;
}

/// `count` hexadecimal digits at the start of s, or nothing.
[[nodiscard]] inline std::optional<std::uint32_t> parse_hex(std::string_view s, std::size_t count) {
    std::uint32_t value = 0;
    if (s.size() < count) return std::nullopt;
    const auto [end, code] = std::from_chars(s.data(), s.data() + count, value, 16);
    if (code != std::errc{} || end != s.data() + count) return std::nullopt;
    return value;
}

/// What stands in a protocol-0 UNICODE line (Python's raw-unicode-escape): Latin-1 with \uXXXX and \UXXXXXXXX.
[[nodiscard]] inline std::optional<std::string> decode_raw_unicode_escape(std::string_view line) {
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        std::size_t digits = 0;
        if (line[i] == '\\' && i + 1 < line.size()) digits = line[i + 1] == 'u' ? 4 : line[i + 1] == 'U' ? 8 : 0;
        if (digits == 0) {
            append_utf8(out, static_cast<unsigned char>(line[i]));
            if (line[i] == '\\' && i + 1 < line.size()) append_utf8(out, static_cast<unsigned char>(line[++i]));
            continue;
        }
        const auto c = parse_hex(line.substr(i + 2), digits);
        if (!c || *c > 0x10ffff) return std::nullopt;
        append_utf8(out, *c);
        i += 1 + digits;
    }
    return out;
}

/// What stands in a protocol-0 STRING line: repr() of a Python 2 str, quotes and escapes.
[[nodiscard]] inline std::optional<std::string> decode_python_repr(std::string_view line) {
    if (line.size() < 2 || (line[0] != '\'' && line[0] != '"') || line.back() != line[0]) return std::nullopt;
    line = line.substr(1, line.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] != '\\') {
            out.push_back(line[i]);
            continue;
        }
        if (++i == line.size()) return std::nullopt;
        constexpr std::string_view names = "\\'\"abfnrtv", values = "\\'\"\a\b\f\n\r\t\v";
        if (const auto k = names.find(line[i]); k != std::string_view::npos) {
            out.push_back(values[k]);
        } else if (line[i] == 'x') {
            const auto c = parse_hex(line.substr(i + 1), 2);
            if (!c) return std::nullopt;
            out.push_back(static_cast<char>(static_cast<unsigned char>(*c)));
            i += 2;
        } else if (line[i] >= '0' && line[i] <= '7') {
            unsigned c = 0;
            std::size_t n = 0;
            for (; n < 3 && i + n < line.size() && line[i + n] >= '0' && line[i + n] <= '7'; ++n)
                c = c * 8 + static_cast<unsigned>(line[i + n] - '0');
            out.push_back(static_cast<char>(static_cast<unsigned char>(c & 0xffu)));
            i += n - 1;
        } else {  // as Python: an escape that it does not know stands for itself
            out.push_back('\\');
            out.push_back(line[i]);
        }
    }
    return out;
}

/// Digits that a decimal integer may have: Python's own limit (sys.int_info.default_max_str_digits), because reading
/// them takes time by their square.
inline constexpr std::size_t max_decimal_digits = 4300;

/// A decimal integer as two's complement, little-endian; nothing when it is malformed or has too many digits.
[[nodiscard]] inline std::optional<std::string> parse_decimal(std::string_view s) {
    const bool negative = !s.empty() && s[0] == '-';
    if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
    if (s.empty() || s.size() > max_decimal_digits) return std::nullopt;
    vec<std::uint32_t> limbs;  // base 2^32
    for (std::size_t i = 0; i < s.size();) {
        const std::size_t n = std::size_t{9} < s.size() - i ? std::size_t{9} : s.size() - i;
        std::uint64_t carry = 0, scale = 1;
        for (std::size_t k = 0; k < n; ++k, ++i) {
            if (s[i] < '0' || s[i] > '9') return std::nullopt;
            carry = carry * 10 + static_cast<std::uint64_t>(s[i] - '0');
            scale *= 10;
        }
        for (auto& limb : limbs) {
            carry += scale * limb;
            limb = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
        if (carry != 0) limbs.push_back(static_cast<std::uint32_t>(carry));
    }
    std::string out;
    for (const std::uint32_t limb : limbs)
        for (unsigned k = 0; k < 32; k += 8) out.push_back(static_cast<char>(static_cast<unsigned char>(limb >> k)));
    out.push_back(0);  // room for the sign
    if (negative) {
        bool carry = true;
        for (char& c : out) {
            const auto inverted = static_cast<unsigned char>(~static_cast<unsigned char>(c));
            c = static_cast<char>(static_cast<unsigned char>(inverted + (carry ? 1 : 0)));
            carry = carry && c == 0;
        }
    }
    return out;
}

/// A float as Python's repr() writes it, "nan" and "inf" included; nothing when there is anything else.
[[nodiscard]] inline std::optional<double> parse_real(std::string_view s) {
    if (!s.empty() && s[0] == '+') s.remove_prefix(1);
    double value = 0;
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), value);
    if (s.empty() || end != s.data() + s.size() || code != std::errc{}) return std::nullopt;
    return value;
}

}  // namespace tarc::detail
