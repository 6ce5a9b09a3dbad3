#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>

/// Elements of 2, 4 or 8 bytes taken apart into planes: all first bytes, all second bytes, and so on. The sign and
/// exponent of floating-point numbers stand in the last planes and take few values; the rest is noise, which disturbs a
/// compressor of the whole.
namespace tarc::detail {

/// Compilers at -O2 do not vectorize such loops by themselves; these are 16-byte vectors of any machine.
typedef unsigned char byte_vector __attribute__((vector_size(16)));

[[nodiscard]] inline byte_vector load_vector(const std::byte* from) noexcept {
    byte_vector v;
    std::memcpy(&v, from, sizeof v);
    return v;
}
inline void store_vector(std::byte* to, byte_vector v) noexcept { std::memcpy(to, &v, sizeof v); }

/// K vectors of elements become the vectors of K planes: those of even and those of odd bytes, and so on.
template <unsigned K>
inline void part_vectors(const byte_vector* in, byte_vector* out) noexcept {
    if constexpr (K == 1) {
        *out = *in;
    } else {
        byte_vector even[K / 2], odd[K / 2], evens[K / 2], odds[K / 2];
        for (unsigned i = 0; i < K / 2; ++i) {
            even[i] = __builtin_shufflevector(in[2 * i], in[2 * i + 1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24,
                                              26, 28, 30);
            odd[i] = __builtin_shufflevector(in[2 * i], in[2 * i + 1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25,
                                             27, 29, 31);
        }
        part_vectors<K / 2>(even, evens);
        part_vectors<K / 2>(odd, odds);
        for (unsigned i = 0; i < K / 2; ++i) {
            out[2 * i] = evens[i];
            out[2 * i + 1] = odds[i];
        }
    }
}

template <unsigned K>
inline void unite_vectors(const byte_vector* in, byte_vector* out) noexcept {
    if constexpr (K == 1) {
        *out = *in;
    } else {
        byte_vector even[K / 2], odd[K / 2], evens[K / 2], odds[K / 2];
        for (unsigned i = 0; i < K / 2; ++i) {
            evens[i] = in[2 * i];
            odds[i] = in[2 * i + 1];
        }
        unite_vectors<K / 2>(evens, even);
        unite_vectors<K / 2>(odds, odd);
        for (unsigned i = 0; i < K / 2; ++i) {
            out[2 * i] =
                __builtin_shufflevector(even[i], odd[i], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            out[2 * i + 1] =
                __builtin_shufflevector(even[i], odd[i], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
    }
}

/// `planes` has room for as many bytes as `elements`, which are whole elements of K bytes.
template <unsigned K>
void split_planes(std::span<const std::byte> elements, std::byte* planes) noexcept {
    const std::size_t n = elements.size() / K;
    const std::byte* const from = elements.data();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        byte_vector in[K], out[K];
        for (unsigned k = 0; k < K; ++k) in[k] = load_vector(from + i * K + std::size_t{16} * k);
        part_vectors<K>(in, out);
        for (unsigned k = 0; k < K; ++k) store_vector(planes + k * n + i, out[k]);
    }
    for (; i < n; ++i)
        for (unsigned k = 0; k < K; ++k) planes[k * n + i] = from[i * K + k];
}

/// The way back, from planes that may stand anywhere.
template <unsigned K>
void join_planes(const std::byte* const* planes, std::span<std::byte> elements) noexcept {
    const std::size_t n = elements.size() / K;
    std::byte* const to = elements.data();
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        byte_vector in[K], out[K];
        for (unsigned k = 0; k < K; ++k) in[k] = load_vector(planes[k] + i);
        unite_vectors<K>(in, out);
        for (unsigned k = 0; k < K; ++k) store_vector(to + i * K + std::size_t{16} * k, out[k]);
    }
    for (; i < n; ++i)
        for (unsigned k = 0; k < K; ++k) to[i * K + k] = planes[k][i];
}

/// Whether there are elements of so many bytes.
[[nodiscard]] constexpr bool is_plane_count(std::uint64_t n) noexcept { return n == 1 || n == 2 || n == 4 || n == 8; }

}  // namespace tarc::detail
