#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// XXH3-64 (seed 0, default secret) as a constant: equal to tarc::xxh3, which is the one for bytes at run time. Written
/// for compilers that count the steps of a constant: eight bytes are one expression, a stripe is eight statements.
namespace tarc::detail {

class constant_xxh3 {
public:
    [[nodiscard]] static constexpr std::uint64_t of(std::string_view s) {
        const char* p = s.data();
        const std::size_t n = s.size();
        if (n == 0) return avalanche64(word(56) ^ word(64));
        if (n <= 3) return up_to_3(p, n);
        if (n <= 8) return up_to_8(p, n);
        if (n <= 16) return up_to_16(p, n);
        if (n <= 128) return up_to_128(p, n);
        if (n <= 240) return up_to_240(p, n);
        return any_length(p, n);
    }

private:
    static constexpr std::uint64_t prime32_1 = 0x9E3779B1, prime32_2 = 0x85EBCA77, prime32_3 = 0xC2B2AE3D;
    static constexpr std::uint64_t prime64_1 = 0x9E3779B185EBCA87, prime64_2 = 0xC2B2AE3D27D4EB4F,
                                   prime64_3 = 0x165667B19E3779F9, prime64_4 = 0x85EBCA77C2B2AE63,
                                   prime64_5 = 0x27D4EB2F165667C5;
    static constexpr std::uint64_t mix_1 = 0x165667919E3779F9, mix_2 = 0x9FB21C651E98DF25;

    static constexpr std::size_t stripe = 64, block = 1024, secret_bytes = 192;
    /// The 192 bytes of XXH3_kSecret as little-endian words.
    static constexpr std::uint64_t secret[24] = {
        0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072, 0x78e5c0cc4ee679cb,
        0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0, 0xcb00c391bb52283c, 0xa32e531b8b65d088,
        0x4ef90da297486471, 0xd8acdea946ef1938, 0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a,
        0x647378d9c97e9fc8, 0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
        0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af};

    /// Eight bytes of the secret from any offset on.
    static constexpr std::uint64_t word(std::size_t at) {
        const std::size_t i = at / 8, shift = at % 8 * 8;
        return shift == 0 ? secret[i] : secret[i] >> shift | secret[i + 1] << (64 - shift);
    }
    static constexpr std::uint64_t byte(const char* p) { return static_cast<unsigned char>(*p); }
    static constexpr std::uint64_t read32(const char* p) {
        return static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[1])) << 8 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[2])) << 16 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[3])) << 24;
    }
    static constexpr std::uint64_t read64(const char* p) {
        return static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[1])) << 8 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[2])) << 16 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[3])) << 24 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[4])) << 32 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[5])) << 40 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[6])) << 48 |
               static_cast<std::uint64_t>(static_cast<unsigned char>(p[7])) << 56;
    }
    static constexpr std::uint64_t rotate(std::uint64_t x, int by) { return x << by | x >> (64 - by); }
    static constexpr std::uint64_t swap(std::uint64_t x) {
        x = (x & 0x00ff00ff00ff00ff) << 8 | (x >> 8 & 0x00ff00ff00ff00ff);
        x = (x & 0x0000ffff0000ffff) << 16 | (x >> 16 & 0x0000ffff0000ffff);
        return x << 32 | x >> 32;
    }
    /// Both halves of the product, one upon the other.
    static constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
        constexpr std::uint64_t low = 0xffffffff;
        const std::uint64_t ll = (a & low) * (b & low), hl = (a >> 32) * (b & low), lh = (a & low) * (b >> 32);
        const std::uint64_t middle = (ll >> 32) + (hl & low) + lh;
        return ((a >> 32) * (b >> 32) + (hl >> 32) + (middle >> 32)) ^ (middle << 32 | (ll & low));
    }
    static constexpr std::uint64_t avalanche64(std::uint64_t h) {
        h = (h ^ h >> 33) * prime64_2;
        h = (h ^ h >> 29) * prime64_3;
        return h ^ h >> 32;
    }
    static constexpr std::uint64_t avalanche(std::uint64_t h) {
        h = (h ^ h >> 37) * mix_1;
        return h ^ h >> 32;
    }
    static constexpr std::uint64_t mix16(const char* p, std::size_t at) {
        return fold(read64(p) ^ word(at), read64(p + 8) ^ word(at + 8));
    }

    static constexpr std::uint64_t up_to_3(const char* p, std::size_t n) {
        const std::uint64_t all = byte(p) << 16 | byte(p + n / 2) << 24 | byte(p + n - 1) | n << 8;
        return avalanche64(all ^ ((secret[0] & 0xffffffff) ^ secret[0] >> 32));
    }
    static constexpr std::uint64_t up_to_8(const char* p, std::size_t n) {
        std::uint64_t h = (read32(p + n - 4) + (read32(p) << 32)) ^ (word(8) ^ word(16));
        h = (h ^ rotate(h, 49) ^ rotate(h, 24)) * mix_2;
        h = (h ^ ((h >> 35) + n)) * mix_2;
        return h ^ h >> 28;
    }
    static constexpr std::uint64_t up_to_16(const char* p, std::size_t n) {
        const std::uint64_t a = read64(p) ^ word(24) ^ word(32), b = read64(p + n - 8) ^ word(40) ^ word(48);
        return avalanche(n + swap(a) + b + fold(a, b));
    }
    static constexpr std::uint64_t up_to_128(const char* p, std::size_t n) {
        std::uint64_t h = n * prime64_1;
        for (std::size_t i = (n - 1) / 32 + 1; i-- > 0;)
            h += mix16(p + 16 * i, 32 * i) + mix16(p + n - 16 * (i + 1), 32 * i + 16);
        return avalanche(h);
    }
    static constexpr std::uint64_t up_to_240(const char* p, std::size_t n) {
        std::uint64_t h = n * prime64_1;
        for (std::size_t i = 0; i < 8; ++i) h += mix16(p + 16 * i, 16 * i);
        h = avalanche(h);
        for (std::size_t i = 8; i < n / 16; ++i) h += mix16(p + 16 * i, 16 * (i - 8) + 3);
        return avalanche(h + mix16(p + n - 16, 136 - 17));
    }

    struct lanes {
        std::uint64_t a[8] = {prime32_3, prime64_1, prime64_2, prime64_3, prime64_4, prime32_2, prime64_5, prime32_1};

        constexpr void lane(std::size_t i, std::uint64_t data, std::uint64_t key) {
            a[i ^ 1] += data;
            a[i] += ((data ^ key) & 0xffffffff) * ((data ^ key) >> 32);
        }
        constexpr void add(const char* p, std::size_t first_word) {
            for (std::size_t i = 0; i < 8; ++i) lane(i, read64(p + 8 * i), secret[first_word + i]);
        }
        constexpr void scramble() {
            for (std::size_t i = 0; i < 8; ++i) a[i] = (a[i] ^ a[i] >> 47 ^ secret[16 + i]) * prime32_1;
        }
    };
    static constexpr std::uint64_t any_length(const char* p, std::size_t n) {
        lanes l;
        std::size_t at = 0;
        for (; at + block < n; at += block) {
            for (std::size_t s = 0; s < block / stripe; ++s) l.add(p + at + s * stripe, s);
            l.scramble();
        }
        for (std::size_t s = 0; at + stripe < n; ++s, at += stripe) l.add(p + at, s);
        for (std::size_t i = 0; i < 8; ++i)  // the last stripe, which may overlap the one before
            l.lane(i, read64(p + n - stripe + 8 * i), word(secret_bytes - stripe - 7 + 8 * i));
        std::uint64_t h = n * prime64_1;
        for (std::size_t i = 0; i < 8; i += 2) h += fold(l.a[i] ^ word(11 + 8 * i), l.a[i + 1] ^ word(19 + 8 * i));
        return avalanche(h);
    }
};

}  // namespace tarc::detail
