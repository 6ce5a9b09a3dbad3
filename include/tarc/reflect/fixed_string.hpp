#pragma once

#include <algorithm>  // std::copy_n
#include <cstddef>
#include <string_view>

namespace tarc {

/// A string as a template argument, so that compilers print it: `frozen<"weight: float32[...]\n">`.
template <std::size_t N>
struct fixed_string {
    char text[N + 1] = {};

    constexpr fixed_string() = default;
    constexpr fixed_string(const char (&s)[N + 1]) { std::copy_n(s, N + 1, text); }

    [[nodiscard]] static constexpr std::size_t size() { return N; }
    [[nodiscard]] constexpr std::string_view view() const { return {text, N}; }
    friend constexpr bool operator==(const fixed_string&, const fixed_string&) = default;
};
template <std::size_t N>
fixed_string(const char (&)[N]) -> fixed_string<N - 1>;

}  // namespace tarc
