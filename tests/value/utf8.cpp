#include <doctest/doctest.h>

#include <tarc/value/utf8.hpp>

#include <cstdint>
#include <string>
#include <string_view>

using tarc::detail::is_utf8;

namespace {

/// A code point by the bit pattern of RFC 3629, whether it may be encoded or not.
std::string encoded(std::uint32_t c, int bytes) {
    std::string s;
    if (bytes == 1) return {static_cast<char>(c)};
    const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    s += static_cast<char>(lead[bytes] | (c >> (6 * (bytes - 1))));
    for (int i = bytes - 2; i >= 0; --i) s += static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3f));
    return s;
}
int bytes_of(std::uint32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

}  // namespace

TEST_CASE("every code point but the surrogates is UTF-8, in its shortest form only") {
    std::size_t wrong = 0;
    for (std::uint32_t c = 0; c < 0x110000; ++c) {
        const bool surrogate = c >= 0xd800 && c <= 0xdfff;
        wrong += is_utf8(encoded(c, bytes_of(c))) == surrogate;
        for (int longer = bytes_of(c) + 1; longer <= 4; ++longer) wrong += is_utf8(encoded(c, longer));
    }
    for (std::uint32_t c = 0x110000; c < 0x200000; ++c) wrong += is_utf8(encoded(c, 4));
    CHECK_EQ(wrong, 0);
}

TEST_CASE("cut and stray bytes") {
    CHECK(is_utf8(""));
    CHECK(is_utf8("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80"));
    CHECK(is_utf8(std::string_view("\0a\0", 3)));
    for (const std::string_view bad : {"\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "a\xffz", "\xfe", "\xc3(",
                                       "\xe2(\x82", "\xf0\x9f(\x80", "\xf8\x88\x80\x80\x80"})
        CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("every two bytes") {
    std::size_t valid = 0;
    for (int a = 0; a < 256; ++a)
        for (int b = 0; b < 256; ++b) valid += is_utf8(std::string{static_cast<char>(a), static_cast<char>(b)});
    CHECK_EQ(valid, 128 * 128 + 30 * 64);
}
