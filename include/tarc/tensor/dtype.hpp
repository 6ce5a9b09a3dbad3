#pragma once

#include <array>
#include <bit>  // std::bit_cast, std::countl_zero
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include <tarc/fwd.hpp>

namespace tarc {

/// PyTorch's dtypes, with its names.
// clang-format off
enum class dtype : std::uint8_t {
    float64, float32, float16, bfloat16,
    int64, int32, int16, int8, uint8, boolean,
    complex64, complex128,
    float8_e4m3fn, float8_e5m2, float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu, float4_e2m1fn_x2,
    uint16, uint32, uint64, complex32,
    bits1x8, bits2x4, bits4x2, bits8, bits16,
    qint8, quint8, qint32, quint4x2, quint2x4,
};
// clang-format on

namespace detail {

enum class minifloat_nan : std::uint8_t {
    ieee,           // exponent all ones: infinity, NaN
    all_ones,       // "fn": no infinity, only the largest code is NaN
    negative_zero,  // "fnuz": no infinity, no negative zero; its code is NaN
};

constexpr double exp2_int(int n) { return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52); }

/// A floating-point number narrower than float. Storage only: it converts to and from float (round to nearest, ties to
/// even) and has no arithmetic of its own. What is too large becomes infinity where the format has one, the largest
/// number in "fn" formats (also infinity does), NaN in "fnuz" formats: as PyTorch 2.13 has it
/// (torch/headeronly/util/Float8_*.h).
template <class Bits, int Exponent, int Mantissa, int Bias, minifloat_nan Nan>
struct minifloat {
    Bits bits = 0;

    constexpr minifloat() = default;
    constexpr explicit minifloat(float f) : bits(encode(f)) {}
    static constexpr minifloat from_bits(Bits b) {
        minifloat r;
        r.bits = b;
        return r;
    }
    constexpr operator float() const { return decode(bits); }

private:
    static constexpr std::uint32_t sign_bit = 1u << (Exponent + Mantissa);
    static constexpr std::uint32_t exponent_max = (1u << Exponent) - 1;
    static constexpr std::uint32_t infinity = exponent_max << Mantissa;

    static constexpr std::uint32_t nan_code() {
        if constexpr (Nan == minifloat_nan::ieee) return infinity | (1u << (Mantissa - 1));
        if constexpr (Nan == minifloat_nan::all_ones) return sign_bit - 1;
        return sign_bit;
    }

    static constexpr std::uint32_t overflow_code() {
        if constexpr (Nan == minifloat_nan::ieee) return infinity;
        if constexpr (Nan == minifloat_nan::all_ones) return sign_bit - 2;
        return nan_code();
    }

    static constexpr Bits encode(float f) {
        const auto raw = std::bit_cast<std::uint32_t>(f);
        const std::uint32_t sign = (raw >> 31) != 0 ? sign_bit : 0;
        const std::uint32_t magnitude = raw & 0x7fffffffu;
        const auto signed_code = [&](std::uint32_t code) {
            if (Nan == minifloat_nan::negative_zero && (code == 0 || code == sign_bit)) return static_cast<Bits>(code);
            return static_cast<Bits>(code | sign);
        };
        if (magnitude > 0x7f800000u) return signed_code(nan_code());
        if (magnitude == 0x7f800000u) return signed_code(overflow_code());
        if (magnitude == 0) return signed_code(0);
        // f = mantissa * 2^(exponent - 23), with 24 significant bits
        std::uint64_t mantissa = magnitude & 0x7fffffu;
        int exponent = static_cast<int>(magnitude >> 23) - 127;
        if (exponent == -127) {
            const int up = std::countl_zero(static_cast<std::uint32_t>(mantissa)) - 8;
            mantissa <<= up;
            exponent = -126 - up;
        } else {
            mantissa |= 0x800000u;
        }
        constexpr int least = 1 - Bias;
        const bool subnormal = exponent < least;
        const int drop = 23 - Mantissa + (subnormal ? least - exponent : 0);
        if (drop > 25) return signed_code(0);
        const std::uint64_t half = std::uint64_t{1} << (drop - 1);
        const std::uint64_t rest = mantissa & (2 * half - 1);
        std::uint64_t code = mantissa >> drop;
        if (rest > half || (rest == half && (code & 1) != 0)) ++code;
        if (!subnormal) {  // the implicit bit carries into the exponent, as does a mantissa that rounded up
            code += static_cast<std::uint64_t>(exponent - least) << Mantissa;
        }
        const std::uint32_t last = Nan == minifloat_nan::ieee       ? infinity - 1
                                   : Nan == minifloat_nan::all_ones ? sign_bit - 2
                                                                    : sign_bit - 1;
        return code > last ? signed_code(overflow_code()) : signed_code(static_cast<std::uint32_t>(code));
    }

    static constexpr float decode(Bits b) {
        const std::uint32_t magnitude = b & (sign_bit - 1);
        const bool negative = (b & sign_bit) != 0;
        const std::uint32_t sign = negative ? 0x80000000u : 0;
        const float nan = std::bit_cast<float>(0x7fc00000u | sign);
        if constexpr (Nan == minifloat_nan::ieee) {
            if (magnitude == infinity) return std::bit_cast<float>(0x7f800000u | sign);
            if (magnitude > infinity) return nan;
        } else if constexpr (Nan == minifloat_nan::all_ones) {
            if (magnitude == sign_bit - 1) return nan;
        } else {
            if (b == sign_bit) return nan;
        }
        const std::uint32_t mantissa = magnitude & ((1u << Mantissa) - 1);
        const int exponent = static_cast<int>(magnitude >> Mantissa);
        const double value = exponent == 0 ? mantissa * exp2_int(1 - Bias - Mantissa)
                                           : (mantissa + (1u << Mantissa)) * exp2_int(exponent - Bias - Mantissa);
        return static_cast<float>(negative ? -value : value);
    }
};

}  // namespace detail

using float16 = detail::minifloat<std::uint16_t, 5, 10, 15, detail::minifloat_nan::ieee>;
using bfloat16 = detail::minifloat<std::uint16_t, 8, 7, 127, detail::minifloat_nan::ieee>;
using float8_e4m3fn = detail::minifloat<std::uint8_t, 4, 3, 7, detail::minifloat_nan::all_ones>;
using float8_e5m2 = detail::minifloat<std::uint8_t, 5, 2, 15, detail::minifloat_nan::ieee>;
using float8_e4m3fnuz = detail::minifloat<std::uint8_t, 4, 3, 8, detail::minifloat_nan::negative_zero>;
using float8_e5m2fnuz = detail::minifloat<std::uint8_t, 5, 2, 16, detail::minifloat_nan::negative_zero>;

/// A power of two without sign: 2^(bits - 127); 255 is NaN. (OCP Microscaling Formats, E8M0.) From a float the sign is
/// dropped, the nearest power of two taken (the greater of two), infinity becomes NaN: as PyTorch does it.
struct float8_e8m0fnu {
    std::uint8_t bits = 0;

    constexpr float8_e8m0fnu() = default;
    constexpr explicit float8_e8m0fnu(float f) : bits(encode(f)) {}
    static constexpr float8_e8m0fnu from_bits(std::uint8_t b) {
        float8_e8m0fnu r;
        r.bits = b;
        return r;
    }
    constexpr operator float() const {
        if (bits == 255) return std::bit_cast<float>(0x7fc00000u);
        return static_cast<float>(detail::exp2_int(bits - 127));
    }

private:
    static constexpr std::uint8_t encode(float f) {
        const auto raw = std::bit_cast<std::uint32_t>(f) & 0x7fffffffu;
        const std::uint32_t exponent = raw >> 23, fraction = raw & 0x7fffffu;
        if (exponent == 255) return 255;
        const bool up = exponent == 0 ? fraction > 0x400000u : fraction >= 0x400000u;
        return static_cast<std::uint8_t>(exponent + up);
    }
};

/// Two 4-bit floats in one byte, the first in the low half. (OCP Microscaling Formats, E2M1.)
struct float4_e2m1fn_x2 {
    std::uint8_t bits = 0;
};

struct complex32 {
    float16 real, imag;
};

enum class dtype_class : std::uint8_t { floating, complex, integer, boolean, bits, quantized };

/// Facts of a dtype. `storage` is the name of PyTorch's typed storage class (torch/storage.py,
/// `_dtype_to_storage_type_map`); empty for those that torch.save writes over an untyped one (`_rebuild_tensor_v3`).
struct dtype_facts {
    dtype type;
    std::string_view name;
    std::uint8_t size;  ///< bytes an element
    std::uint8_t swap;  ///< bytes that change order together between machines of different endianness
    dtype_class kind;
    std::string_view storage;
};

namespace detail {

// clang-format off
inline constexpr std::array<dtype_facts, 32> dtype_table = {{
    {dtype::float64, "float64", 8, 8, dtype_class::floating, "DoubleStorage"},
    {dtype::float32, "float32", 4, 4, dtype_class::floating, "FloatStorage"},
    {dtype::float16, "float16", 2, 2, dtype_class::floating, "HalfStorage"},
    {dtype::bfloat16, "bfloat16", 2, 2, dtype_class::floating, "BFloat16Storage"},
    {dtype::int64, "int64", 8, 8, dtype_class::integer, "LongStorage"},
    {dtype::int32, "int32", 4, 4, dtype_class::integer, "IntStorage"},
    {dtype::int16, "int16", 2, 2, dtype_class::integer, "ShortStorage"},
    {dtype::int8, "int8", 1, 1, dtype_class::integer, "CharStorage"},
    {dtype::uint8, "uint8", 1, 1, dtype_class::integer, "ByteStorage"},
    {dtype::boolean, "bool", 1, 1, dtype_class::boolean, "BoolStorage"},
    {dtype::complex64, "complex64", 8, 4, dtype_class::complex, "ComplexFloatStorage"},
    {dtype::complex128, "complex128", 16, 8, dtype_class::complex, "ComplexDoubleStorage"},
    {dtype::float8_e4m3fn, "float8_e4m3fn", 1, 1, dtype_class::floating, ""},
    {dtype::float8_e5m2, "float8_e5m2", 1, 1, dtype_class::floating, ""},
    {dtype::float8_e4m3fnuz, "float8_e4m3fnuz", 1, 1, dtype_class::floating, ""},
    {dtype::float8_e5m2fnuz, "float8_e5m2fnuz", 1, 1, dtype_class::floating, ""},
    {dtype::float8_e8m0fnu, "float8_e8m0fnu", 1, 1, dtype_class::floating, ""},
    {dtype::float4_e2m1fn_x2, "float4_e2m1fn_x2", 1, 1, dtype_class::floating, ""},
    {dtype::uint16, "uint16", 2, 2, dtype_class::integer, ""},
    {dtype::uint32, "uint32", 4, 4, dtype_class::integer, ""},
    {dtype::uint64, "uint64", 8, 8, dtype_class::integer, ""},
    {dtype::complex32, "complex32", 4, 2, dtype_class::complex, ""},
    {dtype::bits1x8, "bits1x8", 1, 1, dtype_class::bits, ""},
    {dtype::bits2x4, "bits2x4", 1, 1, dtype_class::bits, ""},
    {dtype::bits4x2, "bits4x2", 1, 1, dtype_class::bits, ""},
    {dtype::bits8, "bits8", 1, 1, dtype_class::bits, ""},
    {dtype::bits16, "bits16", 2, 2, dtype_class::bits, ""},
    {dtype::qint8, "qint8", 1, 1, dtype_class::quantized, "QInt8Storage"},
    {dtype::quint8, "quint8", 1, 1, dtype_class::quantized, "QUInt8Storage"},
    {dtype::qint32, "qint32", 4, 4, dtype_class::quantized, "QInt32Storage"},
    {dtype::quint4x2, "quint4x2", 1, 1, dtype_class::quantized, "QUInt4x2Storage"},
    {dtype::quint2x4, "quint2x4", 1, 1, dtype_class::quantized, "QUInt2x4Storage"},
}};
// clang-format on

consteval bool dtype_table_is_ordered() {
    for (std::size_t i = 0; i < dtype_table.size(); ++i)
        if (static_cast<std::size_t>(dtype_table[i].type) != i) return false;
    return true;
}
static_assert(dtype_table_is_ordered());

}  // namespace detail

[[nodiscard]] constexpr const dtype_facts& facts(dtype t) { return detail::dtype_table[static_cast<std::size_t>(t)]; }
/// PyTorch's name without "torch.": "float32", "bool".
[[nodiscard]] constexpr std::string_view to_string(dtype t) { return facts(t).name; }
[[nodiscard]] constexpr std::size_t size_of(dtype t) { return facts(t).size; }

/// The dtype of a name such as "float32", or nothing. PyTorch's other spellings ("half", "long") are not names of a
/// dtype.
[[nodiscard]] constexpr std::optional<dtype> parse_dtype(std::string_view name) {
    for (const auto& f : detail::dtype_table)
        if (f.name == name) return f.type;
    return std::nullopt;
}

/// The dtype of a typed storage class such as "FloatStorage", or nothing.
[[nodiscard]] constexpr std::optional<dtype> dtype_of_storage_class(std::string_view name) {
    if (name.empty()) return std::nullopt;
    for (const auto& f : detail::dtype_table)
        if (f.storage == name) return f.type;
    return std::nullopt;
}

namespace detail {

template <class T>
concept plain_integer =
    std::integral<T> && sizeof(T) <= 8 && !std::same_as<T, bool> && !std::same_as<T, char> &&
    !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

/// std::complex<float> and std::complex<double>, without their header.
template <class T>
concept complex_like = std::is_class_v<T> && requires(const T& z) {
    typename T::value_type;
    requires std::same_as<typename T::value_type, float> || std::same_as<typename T::value_type, double>;
    { z.real() } -> std::convertible_to<typename T::value_type>;
    { z.imag() } -> std::convertible_to<typename T::value_type>;
    T(z.real(), z.imag());
};

template <class T>
consteval std::optional<dtype> find_dtype() {
    if constexpr (std::same_as<T, float>)
        return dtype::float32;
    else if constexpr (std::same_as<T, double>)
        return dtype::float64;
    else if constexpr (std::same_as<T, bool>)
        return dtype::boolean;
    else if constexpr (std::same_as<T, std::byte>)
        return dtype::uint8;
    else if constexpr (std::same_as<T, tarc::float16>)
        return dtype::float16;
    else if constexpr (std::same_as<T, tarc::bfloat16>)
        return dtype::bfloat16;
    else if constexpr (std::same_as<T, tarc::complex32>)
        return dtype::complex32;
    else if constexpr (complex_like<T> && sizeof(T) == 8)
        return dtype::complex64;
    else if constexpr (complex_like<T> && sizeof(T) == 16)
        return dtype::complex128;
    else if constexpr (std::same_as<T, tarc::float8_e4m3fn>)
        return dtype::float8_e4m3fn;
    else if constexpr (std::same_as<T, tarc::float8_e5m2>)
        return dtype::float8_e5m2;
    else if constexpr (std::same_as<T, tarc::float8_e4m3fnuz>)
        return dtype::float8_e4m3fnuz;
    else if constexpr (std::same_as<T, tarc::float8_e5m2fnuz>)
        return dtype::float8_e5m2fnuz;
    else if constexpr (std::same_as<T, tarc::float8_e8m0fnu>)
        return dtype::float8_e8m0fnu;
    else if constexpr (std::same_as<T, tarc::float4_e2m1fn_x2>)
        return dtype::float4_e2m1fn_x2;
    else if constexpr (plain_integer<T> && std::is_signed_v<T>) {
        switch (sizeof(T)) {
            case 1: return dtype::int8;
            case 2: return dtype::int16;
            case 4: return dtype::int32;
            case 8: return dtype::int64;
            default: return std::nullopt;
        }
    } else if constexpr (plain_integer<T>) {
        switch (sizeof(T)) {
            case 1: return dtype::uint8;
            case 2: return dtype::uint16;
            case 4: return dtype::uint32;
            case 8: return dtype::uint64;
            default: return std::nullopt;
        }
    } else {
        return std::nullopt;
    }
}

}  // namespace detail

/// A C++ type that a tensor can hold: any integer (not a character type), bool, float, double, std::complex of them,
/// std::byte, and tarc's own storage types.
template <class T>
concept element = detail::find_dtype<T>().has_value();

template <element T>
inline constexpr dtype dtype_of = *detail::find_dtype<T>();

}  // namespace tarc
