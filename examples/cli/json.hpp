#pragma once

#include <cmath>  // std::isfinite
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tarc/archive/python_text.hpp>

/// JSON as Python's json module reads it, for any content.
namespace cli::json {

/// Unpaired surrogates and bytes that are no UTF-8 become \udXXX.
inline void append_string(std::string& out, std::string_view s) {
    out += '"';
    for (std::size_t i = 0; i < s.size();) {
        const std::size_t start = i;
        while (i < s.size() && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\') ++i;
        out.append(s, start, i - start);
        if (i == s.size()) break;
        const std::size_t at = i;
        const std::uint32_t c = tarc::detail::next_code_point(s, i);
        if (c == '"' || c == '\\')
            out.append("\\").append(1, static_cast<char>(c));
        else if (c == '\n')
            out += "\\n";
        else if (c < 0x20 || c == 0x7f || (c >= 0xd800 && c < 0xe000)) {
            out += "\\u";
            tarc::detail::append_hex(out, c, 4);
        } else {
            out.append(s, at, i - at);
        }
    }
    out += '"';
}

/// What is not finite is a string, as in Python's repr().
inline void append_real(std::string& out, double d) {
    const bool finite = std::isfinite(d);
    if (!finite) out += '"';
    tarc::detail::append_float(out, d);
    if (!finite) out += '"';
}

inline void append_hex_bytes(std::string& out, std::string_view bytes) {
    out += '"';
    for (const char b : bytes) tarc::detail::append_hex(out, static_cast<unsigned char>(b), 2);
    out += '"';
}

template <class Range>
void append_integers(std::string& out, const Range& values) {
    out += '[';
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i != 0) out += ", ";
        out += std::to_string(values[i]);
    }
    out += ']';
}

}  // namespace cli::json
