#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/fixed_string.hpp>

/// Errors of a comparison that must hold, with long texts as template arguments that compilers print whole.
namespace tarc::detail {

inline constexpr std::size_t piece_size = 24;  // clang cuts a text at 36 characters

/// Part I of a text, as one template argument.
template <std::size_t Size, std::size_t I>
consteval auto piece(std::string_view text) {
    constexpr std::size_t n = Size - I * piece_size < piece_size ? Size - I * piece_size : piece_size;
    char part[n + 1] = {};
    for (std::size_t i = 0; i < n; ++i) part[i] = text[I * piece_size + i];
    return fixed_string<n>(static_cast<const char*>(part));
}

/// `Of<"the first 24 characters", "the next", …>`; Text() gives the text.
template <template <fixed_string...> class Of, auto Text>
consteval auto in_pieces() {
    constexpr std::string_view text = Text();
    return []<std::size_t... I>(std::index_sequence<I...>) {
        return Of<piece<Text().size(), I>(Text())...>{};
    }(std::make_index_sequence<(text.size() + piece_size - 1) / piece_size>{});
}

/// How a comparison that must hold says what is wrong, once: as a default template argument of it. An error in the body
/// of a constexpr function would make clang refuse the call as well.
template <class Result>
struct verdict;
template <class One>
struct verdict<type_list<One>> {
    static constexpr bool said = One::said;
};

/// Instantiates the function whose errors say why.
template <class T>
struct not_archivable {
    static constexpr bool instantiate(void (*)()) { return true; }
    static constexpr bool said = instantiate(&require_archivable<T>);
};

}  // namespace tarc::detail
