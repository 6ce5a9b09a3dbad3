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
    /// A step of a path: what separates the steps of a path is escaped.
    constexpr void escaped(std::string_view name) {
        for (const char c : name) {
            if (c == '/' || c == ':' || c == '\\') append('\\');
            append(c);
        }
    }
};

}  // namespace tarc::detail
