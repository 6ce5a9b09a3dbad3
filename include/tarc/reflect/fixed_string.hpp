#pragma once

#include <algorithm>  // std::copy_n
#include <cstddef>
#include <string_view>

namespace tarc {

/// A string as a template argument, so that compilers print it: `frozen<"weight: float32[...]\n">`.
template <std::size_t N>
struct fixed_string {
    char text[N + 1] = {};

    constexpr fixed_string(const char (&s)[N + 1]) { std::copy_n(s, N + 1, text); }
    /// The first N characters. The end is written too: clang prints an array as text only when all of it was.
    constexpr explicit fixed_string(const char* s) {
        std::copy_n(s, N, text);
        text[N] = 0;
    }

    [[nodiscard]] static constexpr std::size_t size() { return N; }
    [[nodiscard]] constexpr std::string_view view() const { return {text, N}; }
    friend constexpr bool operator==(const fixed_string&, const fixed_string&) = default;
};
template <std::size_t N>
fixed_string(const char (&)[N]) -> fixed_string<N - 1>;

}  // namespace tarc
