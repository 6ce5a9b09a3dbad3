#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Text in constants, where std::string of libstdc++ 12 fails and std::char_traits takes several steps a character.
namespace tarc::detail {

/// Equality, from the end on: names with one beginning are more frequent than names with one end.
[[nodiscard]] constexpr bool same_text(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    const char *p = a.data(), *q = b.data();
    for (std::size_t i = a.size(); i-- > 0;)
        if (p[i] != q[i]) return false;
    return true;
}

/// Calls `put` for each character of a step of a path, in front of which what separates the steps of paths is escaped.
template <class Put>
constexpr void for_each_escaped(std::string_view name, Put&& put) {
    for (const char c : name) {
        if (c == '/' || c == ':' || c == '\\') put('\\');
        put(c);
    }
}

/// 16 lower-case hexadecimal digits, most significant first.
constexpr void write_hex(char* to, std::uint64_t n) {
    for (std::size_t i = 16; i-- > 0; n >>= 4) to[i] = "0123456789abcdef"[n & 15];
}

/// Where text goes: it is counted, and written where there is room for it. What exceeds `room` is left out.
struct text_sink {
    char* to = nullptr;  // null to count only
    std::size_t size = 0;
    std::size_t room = SIZE_MAX;

    constexpr void append(std::string_view s) {
        if (s.size() > room - size) s = s.substr(0, room - size);
        if (to != nullptr) {
            char* out = to + size;
            for (const char c : s) *out++ = c;
        }
        size += s.size();
    }
    constexpr void append(char c) {
        if (size == room) return;
        if (to != nullptr) to[size] = c;
        ++size;
    }
    constexpr void number(std::uint64_t n) {
        char digits[20];
        std::size_t at = sizeof digits;
        do digits[--at] = static_cast<char>('0' + n % 10);
        while ((n /= 10) != 0);
        append(std::string_view(digits + at, sizeof digits - at));
    }
    constexpr void escaped(std::string_view name) {
        for_each_escaped(name, [this](char c) { append(c); });
    }
};

}  // namespace tarc::detail
