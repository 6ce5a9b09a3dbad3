#pragma once

#include <cstddef>
#include <string_view>

namespace tarc::detail {

/// Whether text is UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
[[nodiscard]] inline bool is_utf8(std::string_view s) {
    for (std::size_t i = 0; i < s.size();) {
        const auto byte = [&](std::size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
        const unsigned a = byte(i);
        std::size_t more = 0;
        unsigned low = 0x80, high = 0xbf;
        if (a < 0x80) {
            ++i;
            continue;
        }
        if (a >= 0xc2 && a <= 0xdf)
            more = 1;
        else if (a >= 0xe0 && a <= 0xef) {
            more = 2;
            if (a == 0xe0) low = 0xa0;
            if (a == 0xed) high = 0x9f;
        } else if (a >= 0xf0 && a <= 0xf4) {
            more = 3;
            if (a == 0xf0) low = 0x90;
            if (a == 0xf4) high = 0x8f;
        } else {
            return false;
        }
        for (std::size_t k = 1; k <= more; ++k) {
            const unsigned b = byte(i + k);
            if (b < (k == 1 ? low : 0x80) || b > (k == 1 ? high : 0xbf)) return false;
        }
        i += more + 1;
    }
    return true;
}

}  // namespace tarc::detail
