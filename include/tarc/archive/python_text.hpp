#pragma once

#include <charconv>  // std::to_chars
#include <cmath>     // std::isfinite, std::signbit
#include <cstddef>
#include <cstdint>
#include <cstdlib>  // std::abs
#include <string>
#include <string_view>

#include <tarc/archive/python_printable.hpp>
#include <tarc/util/vec.hpp>

/// Scalars as Python's repr() writes them.
namespace tarc::detail {

/// The code point at `at`, which moves behind it. Surrogates count as characters; a byte that is no UTF-8 gives itself
/// plus 0xDC00, as Python's "surrogateescape".
[[nodiscard]] inline std::uint32_t next_code_point(std::string_view s, std::size_t& at) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(s[i])); };
    const std::uint32_t lead = byte(at++);
    if (lead < 0x80) return lead;
    const std::size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || s.size() - at < more) return 0xdc00 + lead;
    std::uint32_t c = lead & (0x3fu >> more);
    for (std::size_t i = 0; i < more; ++i) {
        if ((byte(at + i) & 0xc0u) != 0x80) return 0xdc00 + lead;
        c = c << 6 | (byte(at + i) & 0x3fu);
    }
    if (c > 0x10ffff || c < (more == 1 ? 0x80u : more == 2 ? 0x800u : 0x10000u)) return 0xdc00 + lead;
    at += more;
    return c;
}

inline void append_hex(std::string& out, std::uint32_t value, int digits) {
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += "0123456789abcdef"[value >> shift & 15u];
}

/// repr() of a float: the shortest decimal that reads back, with an exponent where Python has one. A complex number's
/// parts have no ".0".
inline void append_float(std::string& out, double d, bool point_zero = true) {
    if (!std::isfinite(d)) {
        out += d != d ? "nan" : d < 0 ? "-inf" : "inf";
        return;
    }
    char buffer[32];
    const auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
    static_cast<void>(code);  // 24 characters at most
    const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
    const std::size_t e = text.find('e');
    std::string digits;
    for (const char c : text.substr(0, e))
        if (c >= '0' && c <= '9') digits += c;
    int exponent = 0;
    const char* from = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
    std::from_chars(from, text.data() + text.size(), exponent);

    const auto size = static_cast<int>(digits.size());
    if (std::signbit(d)) out += '-';
    if (exponent < -4 || exponent >= 16) {
        out += digits[0];
        if (size > 1) out.append(".").append(digits, 1);
        out.append(exponent < 0 ? "e-" : "e+")
            .append(std::abs(exponent) < 10 ? "0" : "")
            .append(std::to_string(std::abs(exponent)));
        return;
    }
    if (exponent < 0) {
        out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
        return;
    }
    const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
    if (size > exponent + 1) {
        out.append(digits, 0, whole).append(".").append(digits, whole);
    } else {
        out.append(digits).append(whole - digits.size(), '0').append(point_zero ? ".0" : "");
    }
}

/// repr() of a complex number.
inline void append_complex(std::string& out, double re, double im) {
    const bool imaginary_only = re == 0 && !std::signbit(re);
    if (!imaginary_only) {
        out += '(';
        append_float(out, re, false);
        if (im != im || !std::signbit(im)) out += '+';
    }
    append_float(out, im, false);
    out += imaginary_only ? "j" : "j)";
}

/// repr() of a str: Python's choice of quotes, its escapes, and \x, \u, \U for what is not printable.
inline void append_quoted(std::string& out, std::string_view s) {
    const char quote = s.find('\'') != s.npos && s.find('"') == s.npos ? '"' : '\'';
    out += quote;
    for (std::size_t i = 0; i < s.size();) {
        const std::size_t start = i;
        const std::uint32_t c = next_code_point(s, i);
        if (c == '\\' || c == static_cast<unsigned char>(quote))
            out.append("\\").append(1, static_cast<char>(c));
        else if (c == '\n')
            out += "\\n";
        else if (c == '\r')
            out += "\\r";
        else if (c == '\t')
            out += "\\t";
        else if (is_printable(c))
            out.append(s, start, i - start);
        else {
            out.append("\\").append(c < 0x100 ? "x" : c < 0x10000 ? "u" : "U");
            append_hex(out, c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
        }
    }
    out += quote;
}

/// repr() of bytes.
inline void append_bytes(std::string& out, std::string_view s) {
    const char quote = s.find('\'') != s.npos && s.find('"') == s.npos ? '"' : '\'';
    out.append("b").append(1, quote);
    for (const char b : s) {
        const auto c = static_cast<unsigned char>(b);
        if (b == '\\' || b == quote)
            out.append("\\").append(1, b);
        else if (b == '\n')
            out += "\\n";
        else if (b == '\r')
            out += "\\r";
        else if (b == '\t')
            out += "\\t";
        else if (c >= 0x20 && c < 0x7f)
            out += b;
        else {
            out += "\\x";
            append_hex(out, c, 2);
        }
    }
    out += quote;
}

/// The decimal digits of a big integer (two's complement, little-endian). Takes time by the square of its length.
[[nodiscard]] inline std::string big_decimal(std::string_view bytes) {
    const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80u) != 0;
    vec<std::uint32_t> limbs((bytes.size() + 3) / 4, negative ? UINT32_MAX : 0);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        limbs[i / 4] &= ~(0xffu << i % 4 * 8);
        limbs[i / 4] |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << i % 4 * 8;
    }
    if (negative) {
        std::uint64_t carry = 1;
        for (std::uint32_t& limb : limbs) {
            carry += static_cast<std::uint32_t>(~limb);
            limb = static_cast<std::uint32_t>(carry);
            carry >>= 32;
        }
    }
    vec<std::uint32_t> groups;  // of nine digits, the lowest first
    while (!limbs.empty()) {
        std::uint64_t rest = 0;
        for (std::size_t i = limbs.size(); i-- > 0;) {
            rest = rest << 32 | limbs[i];
            limbs[i] = static_cast<std::uint32_t>(rest / 1000000000);
            rest %= 1000000000;
        }
        groups.push_back(static_cast<std::uint32_t>(rest));
        while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
    }
    std::string out = negative ? "-" : "";
    out += groups.empty() ? "0" : std::to_string(groups.back());
    for (std::size_t i = groups.empty() ? 0 : groups.size() - 1; i-- > 0;) {
        const std::string digits = std::to_string(groups[i]);
        out.append(9 - digits.size(), '0').append(digits);
    }
    return out;
}

}  // namespace tarc::detail
