#include <doctest/doctest.h>

#include <xxhash.h>

#include <cstdint>
#include <string>
#include <string_view>

#include <tarc/util/xxh3.hpp>

using tarc::detail::constant_xxh3;

namespace {

/// "abc…zabc…" of so many characters, as a constant.
template <std::size_t N>
constexpr std::uint64_t hash_of_letters() {
    char s[N + 1] = {};
    for (std::size_t i = 0; i < N; ++i) s[i] = static_cast<char>('a' + i % 26);
    return constant_xxh3::of({s, N});
}

template <std::size_t N>
void check_constant() {
    constexpr std::uint64_t h = hash_of_letters<N>();
    std::string s;
    for (std::size_t i = 0; i < N; ++i) s += static_cast<char>('a' + i % 26);
    CHECK_EQ(h, XXH3_64bits(s.data(), s.size()));
}

}  // namespace

TEST_CASE("the constant hash is the library's, whatever the length and the bytes") {
    std::string s;
    std::uint64_t state = 1;
    for (std::size_t n = 0; n <= 5000; ++n) {
        if (constant_xxh3::of(s) != XXH3_64bits(s.data(), n)) FAIL_CHECK("length " << n);
        state = state * 6364136223846793005u + 1442695040888963407u;
        s += static_cast<char>(state >> 56);
    }
}

TEST_CASE("it is the same at compile time") {
    check_constant<0>();
    check_constant<1>();
    check_constant<3>();
    check_constant<8>();
    check_constant<16>();
    check_constant<17>();
    check_constant<128>();
    check_constant<240>();
    check_constant<241>();
    check_constant<1024>();
    check_constant<1025>();
    check_constant<3000>();
    static_assert(constant_xxh3::of("") == 0x2d06800538d394c2);
}
