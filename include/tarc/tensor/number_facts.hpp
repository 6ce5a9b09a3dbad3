#pragma once

#include <tarc/fwd.hpp>
#include <tarc/tensor/dtype.hpp>

namespace tarc::detail {

/// Which numbers a dtype has: multiples of 2^lowest of `digits` significant bits, the greatest of which is at most
/// 2^highest. Those of a complex dtype are its parts'.
struct number_facts {
    int digits = 0;  ///< 0: no plain numbers (several in a byte, quantized, bits)
    int lowest = 0;
    int highest = 0;
    bool negative = false;
    bool zero = true;
    bool negative_zero = false;
    bool infinity = false;
    bool nan = false;
};

constexpr number_facts number_facts_of(dtype t) {
    const auto integer = [](int bits) { return number_facts{.digits = bits, .highest = bits - 1}; };
    const auto with_sign = [](int bits) {
        return number_facts{.digits = bits - 1, .highest = bits - 1, .negative = true};
    };
    const auto ieee = [](int digits, int lowest, int highest) {
        return number_facts{digits, lowest, highest, true, true, true, true, true};
    };
    const auto fnuz = [](int digits, int lowest, int highest) {
        return number_facts{digits, lowest, highest, true, true, false, false, true};
    };
    switch (t) {
        case dtype::boolean: return integer(1);
        case dtype::uint8: return integer(8);
        case dtype::uint16: return integer(16);
        case dtype::uint32: return integer(32);
        case dtype::uint64: return integer(64);
        case dtype::int8: return with_sign(8);
        case dtype::int16: return with_sign(16);
        case dtype::int32: return with_sign(32);
        case dtype::int64: return with_sign(64);
        case dtype::float64:
        case dtype::complex128: return ieee(53, -1074, 1023);
        case dtype::float32:
        case dtype::complex64: return ieee(24, -149, 127);
        case dtype::float16:
        case dtype::complex32: return ieee(11, -24, 15);
        case dtype::bfloat16: return ieee(8, -133, 127);
        case dtype::float8_e5m2: return ieee(3, -16, 15);
        case dtype::float8_e4m3fn: return {4, -9, 8, true, true, true, false, true};
        case dtype::float8_e4m3fnuz: return fnuz(4, -10, 7);
        case dtype::float8_e5m2fnuz: return fnuz(3, -17, 15);
        case dtype::float8_e8m0fnu: return {1, -127, 127, false, false, false, false, true};
        default: return {};
    }
}

constexpr bool is_complex(dtype t) { return facts(t).kind == dtype_class::complex; }

constexpr dtype part_of_complex(dtype t) {
    switch (t) {
        case dtype::complex128: return dtype::float64;
        case dtype::complex64: return dtype::float32;
        case dtype::complex32: return dtype::float16;
        default: return t;
    }
}

/// Whether elements of `from` can be converted to `to`, each to the nearest value: between all plain numbers, but not
/// from complex ones to others, as the imaginary part would be lost.
[[nodiscard]] constexpr bool can_cast(dtype from, dtype to) {
    return number_facts_of(from).digits != 0 && number_facts_of(to).digits != 0 &&
           (is_complex(to) || !is_complex(from));
}

/// Whether every value of `from` is a value of `to` too: infinities, -0 and NaN (which counts as one value) where
/// `from` has them. So bool widens to all numbers but float8_e8m0fnu, which has no zero.
[[nodiscard]] constexpr bool can_widen(dtype from, dtype to) {
    const number_facts a = number_facts_of(from), b = number_facts_of(to);
    return can_cast(from, to) && a.digits <= b.digits && a.lowest >= b.lowest && a.highest <= b.highest &&
           a.negative <= b.negative && a.zero <= b.zero && a.negative_zero <= b.negative_zero &&
           a.infinity <= b.infinity && a.nan <= b.nan;
}

/// Whether a load with this policy takes elements of `from` for a field of another dtype.
[[nodiscard]] constexpr bool can_convert(dtype_policy policy, dtype from, dtype to) {
    switch (policy) {
        case dtype_policy::widen: return can_widen(from, to);
        case dtype_policy::cast: return can_cast(from, to);
        case dtype_policy::exact: break;
    }
    return false;
}

}  // namespace tarc::detail
