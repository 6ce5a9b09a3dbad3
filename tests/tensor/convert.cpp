#include <doctest/doctest.h>

#include <tarc/tensor/convert.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using tarc::dtype;
using tarc::detail::can_cast;
using tarc::detail::can_widen;
using tarc::detail::convert_elements;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The layout of a floating type, and what its numbers are by it: apart from the library's own.
struct layout {
    int exponent_bits, fraction_bits, bias;
    char nan;  // 'i': IEEE; 'n': only the last code; 'z': the code of -0; 'e': exponent alone, the last code
};

const std::map<dtype, layout> layouts = {
    {dtype::float64, {11, 52, 1023, 'i'}},     {dtype::float32, {8, 23, 127, 'i'}},
    {dtype::float16, {5, 10, 15, 'i'}},        {dtype::bfloat16, {8, 7, 127, 'i'}},
    {dtype::float8_e5m2, {5, 2, 15, 'i'}},     {dtype::float8_e4m3fn, {4, 3, 7, 'n'}},
    {dtype::float8_e4m3fnuz, {4, 3, 8, 'z'}},  {dtype::float8_e5m2fnuz, {5, 2, 16, 'z'}},
    {dtype::float8_e8m0fnu, {8, 0, 127, 'e'}},
};

struct integer_range {
    long double least, greatest;
};
const std::map<dtype, integer_range> integers = {
    {dtype::boolean, {0, 1}},
    {dtype::uint8, {0, 255}},
    {dtype::uint16, {0, 65535}},
    {dtype::uint32, {0, 4294967295.0L}},
    {dtype::uint64, {0, 18446744073709551615.0L}},
    {dtype::int8, {-128, 127}},
    {dtype::int16, {-32768, 32767}},
    {dtype::int32, {-2147483648.0L, 2147483647}},
    {dtype::int64, {-9223372036854775808.0L, 9223372036854775807.0L}},
};
const std::map<dtype, dtype> complexes = {
    {dtype::complex128, dtype::float64}, {dtype::complex64, dtype::float32}, {dtype::complex32, dtype::float16}};

double float_of(const layout& l, std::uint64_t code) {
    const std::uint64_t fraction = code & ((std::uint64_t{1} << l.fraction_bits) - 1);
    const auto exponent = static_cast<int>(code >> l.fraction_bits & ((1u << l.exponent_bits) - 1));
    const int last = (1 << l.exponent_bits) - 1;
    const bool negative = l.nan != 'e' && (code >> (l.exponent_bits + l.fraction_bits) & 1) != 0;
    const double sign = negative ? -1 : 1;
    if (l.nan == 'e') return exponent == last ? NAN : std::ldexp(1.0, exponent - l.bias);
    if (l.nan == 'i' && exponent == last) return fraction == 0 ? sign * infinity : NAN;
    if (l.nan == 'n' && exponent == last && fraction + 1 == std::uint64_t{1} << l.fraction_bits) return NAN;
    if (l.nan == 'z' && negative && exponent == 0 && fraction == 0) return NAN;
    const auto m = static_cast<double>(fraction);
    return sign * (exponent == 0
                       ? std::ldexp(m, 1 - l.bias - l.fraction_bits)
                       : std::ldexp(m + std::ldexp(1.0, l.fraction_bits), exponent - l.bias - l.fraction_bits));
}

std::uint64_t code_of(const std::byte* p, std::size_t size) {
    std::uint64_t code = 0;
    std::memcpy(&code, p, size);
    return code;
}

/// A real dtype as the tables have it, looked up once.
struct real_type {
    explicit real_type(dtype t) : size(tarc::size_of(t)) {
        if (const auto l = layouts.find(t); l != layouts.end()) floating = &l->second;
        if (const auto i = integers.find(t); i != integers.end()) integer = &i->second;
    }

    std::size_t size;
    const layout* floating = nullptr;
    const integer_range* integer = nullptr;

    /// The number in an element.
    [[nodiscard]] long double number(const std::byte* p) const {
        const std::uint64_t code = code_of(p, size);
        if (floating != nullptr) return float_of(*floating, code);
        const auto value = static_cast<long double>(code);
        return value > integer->greatest ? value - std::ldexp(1.0L, static_cast<int>(8 * size)) : value;
    }

    /// All finite values of a small floating type without their sign; the index of one is its code.
    [[nodiscard]] std::vector<double> magnitudes() const {
        std::vector<double> all;
        if (floating == nullptr || size > 2) return all;
        for (std::uint64_t c = 0; c < std::uint64_t{1} << (floating->exponent_bits + floating->fraction_bits); ++c)
            if (const double f = float_of(*floating, c); std::isfinite(f)) all.push_back(f);
        return all;
    }
};

bool same(long double a, long double b) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    return a == b && std::signbit(a) == std::signbit(b);
}

/// What `x`, which float holds exactly, becomes in a real dtype; nothing where it cannot be held.
std::optional<long double> expected(long double x, const real_type& to, const std::vector<double>& values) {
    if (to.integer != nullptr) {
        if (to.integer->greatest == 1) return x != 0 ? 1 : 0;
        if (!std::isfinite(x)) return {};
        const long double whole = std::trunc(x) + 0.0L;  // no -0
        if (whole < to.integer->least || whole > to.integer->greatest) return {};
        return whole;
    }
    const layout& l = *to.floating;
    if (std::isnan(x) || to.size > 2) return x;
    if (std::isinf(x)) return l.nan == 'i' ? std::optional(x) : std::nullopt;
    const long double m = std::fabs(x);
    const auto signed_value = [&](long double v) { return l.nan == 'z' && v == 0 ? 0 : std::copysign(v, x); };
    if (l.nan == 'e') {
        if (x < 0) return {};
        if (m <= values[0]) return values[0];
        if (m < values[1]) return values[1];  // PyTorch: up, however near to the least
        const auto above = std::upper_bound(values.begin(), values.end(), static_cast<double>(m));
        const long double low = above[-1];
        if (m < low * 1.5L) return low;
        if (above == values.end()) return {};
        return *above;
    }
    const auto above = std::upper_bound(values.begin(), values.end(), static_cast<double>(m));
    const auto low = static_cast<std::size_t>(above - values.begin()) - 1;
    const bool beyond = low + 1 == values.size();
    const long double next = beyond ? 2 * static_cast<long double>(values[low]) - values[low - 1] : values[low + 1];
    const long double middle = (static_cast<long double>(values[low]) + next) / 2;
    const bool up = m > middle || (m == middle && low % 2 == 1);
    if (up && beyond) return {};
    return signed_value(up ? next : static_cast<long double>(values[low]));
}

std::vector<std::byte> every_code(dtype t) {
    const std::size_t size = tarc::size_of(t);
    const std::uint32_t count = t == dtype::boolean ? 2 : 1u << (8 * size);
    std::vector<std::byte> all(count * size);
    for (std::uint32_t c = 0; c < count; ++c) std::memcpy(all.data() + c * size, &c, size);
    return all;
}

/// Each of some elements converted; zeros for what cannot be held.
struct all_converted {
    all_converted(dtype from, const std::vector<std::byte>& in, dtype to) {
        const std::size_t a = tarc::size_of(from), b = tarc::size_of(to), n = in.size() / a;
        std::vector<std::byte> unaligned(n * b + 1);
        held.assign(n, true);
        const auto convert = [&](std::size_t first, std::size_t count) {
            return convert_elements(from, in.data() + first * a, to, unaligned.data() + 1 + first * b, count);
        };
        constexpr std::size_t group = 700;
        for (std::size_t first = 0; first < n; first += group) {
            const std::size_t count = std::min(group, n - first);
            const std::size_t good = convert(first, count);
            for (std::size_t i = first + good; i < first + count; ++i)
                if (convert(i, 1) == 0) {
                    held[i] = false;
                    std::memset(unaligned.data() + 1 + i * b, 0, b);
                }
            if (good < count) CHECK(!held[first + good]);
        }
        out.assign(unaligned.begin() + 1, unaligned.end());
    }

    std::vector<std::byte> out;
    std::vector<bool> held;
};

template <class A, class B>
std::optional<B> converted(A x) {
    std::byte in[sizeof(A)], out[sizeof(B)];
    std::memcpy(in, &x, sizeof x);
    if (convert_elements(tarc::dtype_of<A>, in, tarc::dtype_of<B>, out, 1) == 0) return {};
    B y;
    std::memcpy(&y, out, sizeof y);
    return y;
}

bool is_number(dtype t) { return layouts.contains(t) || integers.contains(t) || complexes.contains(t); }

}  // namespace

TEST_CASE("every value of 8 and 16 bits becomes what arithmetic says, and widens where nothing is lost") {
    for (const tarc::dtype_facts& a : tarc::detail::dtype_table) {
        const dtype from = a.type;
        if (a.size > 2 || !is_number(from)) continue;
        const std::vector<std::byte> in = every_code(from);
        std::vector<long double> numbers;
        for (std::size_t at = 0; at < in.size(); at += a.size) numbers.push_back(real_type(from).number(&in[at]));
        for (const tarc::dtype_facts& b : tarc::detail::dtype_table) {
            const dtype to = b.type;
            if (!is_number(to) || complexes.contains(to) || from == to) continue;
            const std::string pair = std::string(a.name) + " to " + std::string(b.name);
            CAPTURE(pair);
            const all_converted made(from, in, to);
            const real_type target(to);
            const std::vector<double> values = target.magnitudes();
            std::size_t wrong = 0, lost = 0;
            for (std::size_t i = 0; i < numbers.size(); ++i) {
                const std::optional<long double> want = expected(numbers[i], target, values);
                const bool held = made.held[i];
                const long double got = target.number(&made.out[i * b.size]);
                wrong += held != want.has_value() || (held && !same(*want, got));
                lost += !held || !same(numbers[i], got);
            }
            CHECK_EQ(wrong, 0);
            CHECK_EQ(can_widen(from, to), lost == 0);
        }
    }
}

TEST_CASE("as a complex number, a real one is what it is as its part, and zero") {
    for (const tarc::dtype_facts& a : tarc::detail::dtype_table) {
        if (a.size > 2 || !is_number(a.type)) continue;
        const std::vector<std::byte> in = every_code(a.type);
        for (const auto& [to, part] : complexes) {
            const std::string pair = std::string(a.name) + " to " + std::string(tarc::to_string(to));
            CAPTURE(pair);
            const all_converted complex(a.type, in, to), real(a.type, in, part);
            CHECK(complex.held == real.held);
            const std::size_t size = tarc::size_of(part);
            std::vector<std::byte> want(2 * real.out.size());
            for (std::size_t i = 0; i < real.held.size(); ++i)
                std::memcpy(&want[2 * i * size], &real.out[i * size], size);
            CHECK(complex.out == want);
        }
    }
}

TEST_CASE("what no plain number is converts to nothing, and complex numbers to complex ones") {
    for (const tarc::dtype_facts& a : tarc::detail::dtype_table)
        for (const tarc::dtype_facts& b : tarc::detail::dtype_table) {
            const bool numbers = is_number(a.type) && is_number(b.type);
            CHECK_EQ(can_cast(a.type, b.type), numbers && (!complexes.contains(a.type) || complexes.contains(b.type)));
            if (!can_cast(a.type, b.type)) CHECK(!can_widen(a.type, b.type));
            if (complexes.contains(b.type) && numbers) {
                const dtype part = complexes.contains(a.type) ? complexes.at(a.type) : a.type;
                CHECK_EQ(can_widen(a.type, b.type), can_widen(part, complexes.at(b.type)));
            }
            if (numbers && a.type == b.type) CHECK(can_widen(a.type, b.type));
        }
}

TEST_CASE("numbers of 32 and 64 bits widen where all their digits fit") {
    using enum dtype;
    const std::map<dtype, std::vector<dtype>> wider = {
        {float32, {float64}}, {float64, {}}, {int32, {int64, float64}}, {uint32, {int64, uint64, float64}},
        {int64, {}},          {uint64, {}}};
    for (const auto& [from, some] : wider)
        for (const tarc::dtype_facts& b : tarc::detail::dtype_table) {
            if (b.type == from || complexes.contains(b.type)) continue;
            const std::string pair = std::string(tarc::to_string(from)) + " to " + std::string(b.name);
            CAPTURE(pair);
            CHECK_EQ(can_widen(from, b.type), std::find(some.begin(), some.end(), b.type) != some.end());
        }
    static_assert(can_widen(bfloat16, float32) && can_widen(float64, complex128) && !can_widen(float64, complex64));
}

TEST_CASE("the last value in range is taken, the next one is not") {
    using limits = std::numeric_limits<std::int64_t>;
    constexpr double two63 = 9223372036854775808.0, two64 = 2 * two63;
    CHECK(converted<double, std::int64_t>(-two63) == limits::min());
    CHECK(converted<double, std::int64_t>(two63 - 1024) == limits::max() - 1023);
    CHECK(!converted<double, std::int64_t>(two63));
    CHECK(!converted<double, std::int64_t>(std::nextafter(-two63, -infinity)));
    CHECK(converted<double, std::uint64_t>(two64 - 2048) == UINT64_MAX - 2047);
    CHECK(converted<double, std::uint64_t>(-0.999) == 0u);
    CHECK(!converted<double, std::uint64_t>(-1));
    CHECK(!converted<double, std::uint64_t>(two64));
    CHECK(!converted<double, std::uint64_t>(NAN));
    CHECK(!converted<double, std::uint64_t>(infinity));
    CHECK(converted<float, std::int32_t>(2147483520.0f) == 2147483520);
    CHECK(!converted<float, std::int32_t>(2147483648.0f));
    CHECK(converted<double, std::int32_t>(-2147483648.9) == limits::min() / (std::int64_t{1} << 32));
    CHECK(converted<double, std::uint8_t>(255.999) == 255);
    CHECK(!converted<double, std::uint8_t>(256));

    CHECK(converted<std::uint64_t, std::int64_t>(limits::max()) == limits::max());
    CHECK(!converted<std::uint64_t, std::int64_t>(std::uint64_t{1} << 63));
    CHECK(!converted<std::int64_t, std::uint64_t>(-1));
    CHECK(!converted<std::uint64_t, std::uint8_t>(256));
    CHECK(!converted<std::int64_t, std::uint32_t>(std::int64_t{1} << 32));
    // Not by way of double, which has 53 bits.
    CHECK(converted<std::int64_t, std::uint64_t>(limits::max() - 1) == UINT64_MAX / 2 - 1);
    CHECK(converted<std::uint64_t, float>(UINT64_MAX) == 18446744073709551616.0f);
    CHECK(converted<std::int64_t, float>((std::int64_t{1} << 53) + (1 << 29) + 1) == 9007200328482816.0f);

    const double largest = std::numeric_limits<float>::max();
    CHECK(converted<double, float>(largest) == std::numeric_limits<float>::max());
    CHECK(converted<double, float>(std::nextafter(largest + 0x1p103, 0)) == std::numeric_limits<float>::max());
    CHECK(!converted<double, float>(largest + 0x1p103));
    CHECK(!converted<double, float>(-1e300));
    CHECK(converted<double, float>(-infinity) == -std::numeric_limits<float>::infinity());
    CHECK(!converted<std::int32_t, tarc::float16>(65520));
    CHECK(converted<std::int32_t, tarc::float16>(65519)->bits == 0x7bff);
    CHECK(converted<float, tarc::float8_e4m3fn>(464)->bits == 0x7e);
    CHECK(!converted<float, tarc::float8_e4m3fn>(464.0001f));
}

TEST_CASE("floats become the float16 and bfloat16 that those types say") {
    std::size_t wrong = 0;
    for (std::uint64_t code = 0; code < std::uint64_t{1} << 32; code += 9973) {
        const auto x = std::bit_cast<float>(static_cast<std::uint32_t>(code));
        const tarc::float16 h(x);
        const tarc::bfloat16 b(x);
        const auto bad = [&](auto made, auto want) {
            if (std::isnan(x)) return !made || !std::isnan(float(*made));
            if (std::isinf(float(want)) && !std::isinf(x)) return made.has_value();
            return !made || made->bits != want.bits;
        };
        wrong += bad(converted<float, tarc::float16>(x), h) + bad(converted<float, tarc::bfloat16>(x), b);
    }
    CHECK_EQ(wrong, 0);
}

TEST_CASE("the first element that does not fit is named, wherever it stands") {
    for (const std::size_t at : {0u, 1u, 511u, 512u, 513u, 1500u}) {
        CAPTURE(at);
        std::vector<double> in(1501, 3);
        std::vector<std::byte> out(in.size() * 16);
        const auto* bytes = reinterpret_cast<const std::byte*>(in.data());
        for (const dtype to : {dtype::float16, dtype::int8, dtype::float32, dtype::complex32, dtype::complex64}) {
            in[at] = 3;
            CHECK_EQ(convert_elements(dtype::float64, bytes, to, out.data(), in.size()), in.size());
            in[at] = 1e300;
            CHECK_EQ(convert_elements(dtype::float64, bytes, to, out.data(), in.size()), at);
        }
        // Two in one block, of which a later step meets the first one.
        if (at + 2 < in.size()) {
            in[at] = 70000;
            in[at + 1] = 1e300;
            CHECK_EQ(convert_elements(dtype::float64, bytes, dtype::float16, out.data(), in.size()), at);
        }
    }
    const float parts[] = {1, 2, 3, 70000};
    std::byte out[8];
    CHECK_EQ(convert_elements(dtype::complex64, reinterpret_cast<const std::byte*>(parts), dtype::complex32, out, 2),
             1);
    const std::byte bools[] = {std::byte{1}, std::byte{2}};
    CHECK_EQ(convert_elements(dtype::boolean, bools, dtype::float32, out, 2), 1);
    CHECK_EQ(convert_elements(dtype::boolean, bools, dtype::complex32, out, 2), 1);
}

TEST_CASE("no element is needed, and equal dtypes are a copy") {
    CHECK_EQ(convert_elements(dtype::float32, nullptr, dtype::bfloat16, nullptr, 0), 0);
    CHECK_EQ(convert_elements(dtype::float32, nullptr, dtype::float32, nullptr, 0), 0);
    CHECK_EQ(convert_elements(dtype::int8, nullptr, dtype::complex64, nullptr, 0), 0);
    const std::byte in[] = {std::byte{0x12}, std::byte{0xff}};
    std::byte out[2] = {};
    CHECK_EQ(convert_elements(dtype::float4_e2m1fn_x2, in, dtype::float4_e2m1fn_x2, out, 2), 2);
    CHECK_EQ(std::memcmp(in, out, 2), 0);
}
