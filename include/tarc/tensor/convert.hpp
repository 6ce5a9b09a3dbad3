#pragma once

#include <algorithm>  // std::min
#include <bit>        // std::bit_cast
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <limits>
#include <type_traits>
#include <utility>  // std::in_range

#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/number_facts.hpp>

namespace tarc::detail {

// convert_one(x, y): y becomes x; false where x is out of the range of its type.

constexpr std::uint32_t float_infinity = 0x7f800000u;

/// The least float (its bits) that becomes no finite T any more.
template <class T>
consteval std::uint32_t too_large_for() {
    // The code behind 448 is NaN; 464 lies half way to it, and 448 is the even one.
    if (std::same_as<T, float8_e4m3fn>) return std::bit_cast<std::uint32_t>(464.0f) + 1;
    constexpr number_facts f = number_facts_of(dtype_of<T>);
    return std::bit_cast<std::uint32_t>(static_cast<float>(exp2_int(f.highest + 1) - exp2_int(f.highest - f.digits)));
}

template <class T>
concept small_float = element<T> && std::is_class_v<T> && std::convertible_to<const T&, float>;

template <small_float T>
constexpr T encode(float x) {
    return T(x);
}
// The two that matter, without branches.
template <>
constexpr bfloat16 encode(float x) {
    const auto b = std::bit_cast<std::uint32_t>(x);
    const bool nan = (b & 0x7fffffffu) > float_infinity;
    return bfloat16::from_bits(
        static_cast<std::uint16_t>(nan ? b >> 16 | 0x7fc0u : (b + 0x7fffu + (b >> 16 & 1)) >> 16));
}
template <>
constexpr float16 encode(float x) {
    const auto b = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t magnitude = b & 0x7fffffffu, sign = b >> 16 & 0x8000u;
    // Below 2^-14: adding 0.5 leaves a multiple of 2^-24, rounded.
    const std::uint32_t tiny = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
    const std::uint32_t normal = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1)) >> 13;
    const std::uint32_t large = magnitude > float_infinity ? 0x7e00u : 0x7c00u;
    const std::uint32_t code = magnitude < 113u << 23 ? tiny : magnitude < 143u << 23 ? normal : large;
    return float16::from_bits(static_cast<std::uint16_t>(code | sign));
}

template <small_float T>
constexpr bool convert_one(float x, T& y) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    constexpr number_facts f = number_facts_of(dtype_of<T>);
    y = encode<T>(x);
    if (!f.negative && bits > 0x80000000u && magnitude <= float_infinity) return false;
    return magnitude < too_large_for<T>() || magnitude >= float_infinity + !f.infinity;
}

template <small_float T>
constexpr bool convert_one(T x, float& y) {
    y = x;
    return true;
}
constexpr bool convert_one(bfloat16 x, float& y) {
    y = std::bit_cast<float>(std::uint32_t{x.bits} << 16);
    return true;
}
constexpr bool convert_one(float16 x, float& y) {
    const std::uint32_t magnitude = (x.bits & 0x7fffu) << 13, sign = (x.bits & 0x8000u) << 16;
    const float tiny = std::bit_cast<float>(magnitude + (113u << 23)) - std::bit_cast<float>(113u << 23);
    const std::uint32_t normal = magnitude + ((magnitude >= 31u << 23 ? 224u : 112u) << 23);
    y = std::bit_cast<float>((magnitude < 1u << 23 ? std::bit_cast<std::uint32_t>(tiny) : normal) | sign);
    return true;
}

constexpr bool convert_one(float x, double& y) {
    y = x;
    return true;
}
constexpr bool convert_one(double x, float& y) {
    y = static_cast<float>(x);
    const double magnitude = x < 0 ? -x : x;
    return (std::bit_cast<std::uint32_t>(y) & 0x7fffffffu) != float_infinity ||
           magnitude > std::numeric_limits<double>::max();
}
template <std::integral A, std::floating_point B>
constexpr bool convert_one(A x, B& y) {
    y = static_cast<B>(x);
    return true;
}
template <std::integral A, std::integral B>
constexpr bool convert_one(A x, B& y) {
    y = static_cast<B>(x);
    return std::in_range<B>(x);
}
constexpr bool convert_one(double x, std::int64_t& y) {
    if (!(x >= -exp2_int(63) && x < exp2_int(63))) return false;
    y = static_cast<std::int64_t>(x);
    return true;
}
constexpr bool convert_one(double x, std::uint64_t& y) {
    if (!(x > -1 && x < exp2_int(64))) return false;
    y = static_cast<std::uint64_t>(x);
    return true;
}

/// The byte of a bool in a file, which may be none.
struct bool_byte {
    std::uint8_t bits = 0;
};
constexpr bool convert_one(bool_byte x, std::int64_t& y) {
    y = x.bits;
    return x.bits <= 1;
}
template <class A>
    requires std::is_arithmetic_v<A>
constexpr bool convert_one(A x, bool_byte& y) {
    y.bits = x != 0;
    return true;
}

using convert_loop = std::size_t (*)(const std::byte* in, std::byte* out, std::size_t n);

template <class A, class B>
std::size_t convert_each(const std::byte* in, std::byte* out, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        A x;
        B y;
        std::memcpy(&x, in + i * sizeof x, sizeof x);
        if (!convert_one(x, y)) return i;
        std::memcpy(out + i * sizeof y, &y, sizeof y);
    }
    return n;
}

// A conversion goes through at most three of float32, float64, int64 and uint64, so that there are few loops. From
// float64 and integers to smaller floating types it goes through float32 and so rounds twice, because PyTorch does: a
// cast here has the bits that tensor.to() has.

/// The next dtype on the way from one to another.
constexpr dtype convert_step(dtype from, dtype to) {
    const bool integer = facts(to).kind == dtype_class::integer;
    switch (from) {
        case dtype::float32: return integer ? dtype::float64 : to;
        case dtype::float64:
            if (integer) return to == dtype::uint64 ? to : dtype::int64;
            break;
        case dtype::int64:
            if (integer) return to;
            break;
        case dtype::uint64:
            if (integer) return dtype::int64;
            break;
        default: return facts(from).kind == dtype_class::floating ? dtype::float32 : dtype::int64;
    }
    return to == dtype::float64 || to == dtype::boolean ? to : dtype::float32;
}

template <class A>
constexpr convert_loop convert_loop_from(dtype to) {
    switch (to) {
        case dtype::boolean: return convert_each<A, bool_byte>;
        case dtype::float32:
            if constexpr (!std::same_as<A, float>) return convert_each<A, float>;
            break;
        case dtype::float64:
            if constexpr (!std::same_as<A, double>) return convert_each<A, double>;
            break;
        default: break;
    }
    if constexpr (std::same_as<A, float>) switch (to) {
            case dtype::float16: return convert_each<A, float16>;
            case dtype::bfloat16: return convert_each<A, bfloat16>;
            case dtype::float8_e4m3fn: return convert_each<A, float8_e4m3fn>;
            case dtype::float8_e5m2: return convert_each<A, float8_e5m2>;
            case dtype::float8_e4m3fnuz: return convert_each<A, float8_e4m3fnuz>;
            case dtype::float8_e5m2fnuz: return convert_each<A, float8_e5m2fnuz>;
            case dtype::float8_e8m0fnu: return convert_each<A, float8_e8m0fnu>;
            default: break;
        }
    if constexpr (std::same_as<A, double> || std::same_as<A, std::uint64_t>)
        if (to == dtype::int64) return convert_each<A, std::int64_t>;
    if constexpr (std::same_as<A, double> || std::same_as<A, std::int64_t>)
        if (to == dtype::uint64) return convert_each<A, std::uint64_t>;
    if constexpr (std::same_as<A, std::int64_t>) switch (to) {
            case dtype::int32: return convert_each<A, std::int32_t>;
            case dtype::int16: return convert_each<A, std::int16_t>;
            case dtype::int8: return convert_each<A, std::int8_t>;
            case dtype::uint32: return convert_each<A, std::uint32_t>;
            case dtype::uint16: return convert_each<A, std::uint16_t>;
            case dtype::uint8: return convert_each<A, std::uint8_t>;
            default: break;
        }
    return nullptr;
}

/// The loop of one step.
constexpr convert_loop convert_loop_of(dtype from, dtype to) {
    switch (from) {
        case dtype::float32: return convert_loop_from<float>(to);
        case dtype::float64: return convert_loop_from<double>(to);
        case dtype::int64: return convert_loop_from<std::int64_t>(to);
        case dtype::uint64: return convert_loop_from<std::uint64_t>(to);
        case dtype::float16: return convert_each<float16, float>;
        case dtype::bfloat16: return convert_each<bfloat16, float>;
        case dtype::float8_e4m3fn: return convert_each<float8_e4m3fn, float>;
        case dtype::float8_e5m2: return convert_each<float8_e5m2, float>;
        case dtype::float8_e4m3fnuz: return convert_each<float8_e4m3fnuz, float>;
        case dtype::float8_e5m2fnuz: return convert_each<float8_e5m2fnuz, float>;
        case dtype::float8_e8m0fnu: return convert_each<float8_e8m0fnu, float>;
        case dtype::boolean: return convert_each<bool_byte, std::int64_t>;
        case dtype::int32: return convert_each<std::int32_t, std::int64_t>;
        case dtype::int16: return convert_each<std::int16_t, std::int64_t>;
        case dtype::int8: return convert_each<std::int8_t, std::int64_t>;
        case dtype::uint32: return convert_each<std::uint32_t, std::int64_t>;
        case dtype::uint16: return convert_each<std::uint16_t, std::int64_t>;
        case dtype::uint8: return convert_each<std::uint8_t, std::int64_t>;
        default: return nullptr;
    }
}
inline constexpr std::size_t convert_block = 512;

inline std::size_t convert_real(dtype from, const std::byte* in, dtype to, std::byte* out, std::size_t n) {
    if (convert_step(from, to) == to) return convert_loop_of(from, to)(in, out, n);
    std::byte between[2][convert_block * sizeof(std::uint64_t)];
    for (std::size_t done = 0; done < n;) {
        const std::size_t count = std::min(convert_block, n - done);
        std::size_t good = count;
        const std::byte* source = in + done * size_of(from);
        bool odd = false;
        for (dtype at = from; at != to; odd = !odd) {
            const dtype next = convert_step(at, to);
            std::byte* target = next == to ? out + done * size_of(to) : between[odd];
            good = convert_loop_of(at, next)(source, target, good);
            source = target;
            at = next;
        }
        done += good;
        if (good != count) return done;
    }
    return n;
}

/// Converts n elements (in the machine's byte order, at any alignment) to the nearest values of `to`, ties to even,
/// with the bits that PyTorch's tensor.to() gives (but for a NaN's sign and payload); floats to integers toward zero,
/// all but 0 to true (NaN too), reals to complex numbers without imaginary part. Returns n, or the index of the first
/// element that `to` cannot hold: out of the range of an integer type, NaN or infinite for one; finite, and rounded to
/// infinity, or to more than the greatest value of a type without infinity; infinite for such a type; negative for
/// float8_e8m0fnu; a bool whose byte is neither 0 nor 1. `out` is unspecified from there on. The two ranges must not
/// overlap. Needs from == to (a copy, of any dtype, checked in no way) or can_cast(from, to); after can_widen only a
/// bool can fail.
[[nodiscard]] inline std::size_t convert_elements(dtype from, const std::byte* in, dtype to, std::byte* out,
                                                  std::size_t n) {
    if (from == to) {
        if (n != 0) std::memcpy(out, in, n * size_of(to));
        return n;
    }
    const dtype part = part_of_complex(to);
    if (is_complex(from)) return convert_real(part_of_complex(from), in, part, out, 2 * n) / 2;
    if (part == to) return convert_real(from, in, to, out, n);
    const std::size_t size = size_of(part);
    for (std::size_t done = 0; done < n;) {
        const std::size_t count = std::min(convert_block, n - done);
        std::byte parts[convert_block * sizeof(double)];
        const std::size_t good = convert_elements(from, in + done * size_of(from), part, parts, count);
        for (std::size_t i = 0; i < good; ++i, out += 2 * size) {
            std::memcpy(out, parts + i * size, size);
            std::memset(out + size, 0, size);
        }
        done += good;
        if (good != count) return done;
    }
    return n;
}

}  // namespace tarc::detail
