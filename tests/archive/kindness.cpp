// What a load converts, and what it refuses.
#include "archive/support.hpp"

#include <array>
#include <complex>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>

using namespace tarc_test;
using tarc::tensor;
using tarc::value;

namespace {

template <class T>
struct field {
    T x{};
};

template <class T>
T read(const value& v) {
    return tarc::load<field<T>>(saved(value::dict(items{{"x", v}}))).x;
}
/// What the report says was expected.
template <class T>
std::string refused(const value& v) {
    const tarc::load_report r = report_of([&] { (void)read<T>(v); });
    REQUIRE(r.mismatched.size() == 1);
    CHECK(contains(r.mismatched[0].path, "x"));
    return r.mismatched[0].expected;
}
template <class T>
value element(T x) {
    return tensor<T>::full({}, x);
}
value big(bool negative, std::string_view little_endian) {
    auto t = std::make_shared<tarc::detail::tree>();
    std::string s(little_endian);
    s += negative ? '\xff' : '\0';
    return {t, t->big_integer(s)};
}

TEST_CASE("integers: range checked, bool refused") {
    CHECK(read<std::int8_t>(-128) == -128);
    CHECK(contains(refused<std::int8_t>(128), "int8"));
    CHECK(contains(refused<std::int8_t>(-129), "does not fit"));
    CHECK(read<std::uint8_t>(255) == 255);
    CHECK(contains(refused<std::uint8_t>(256), "uint8"));
    CHECK(contains(refused<std::uint8_t>(-1), "uint8"));
    CHECK(contains(refused<std::uint64_t>(-1), "uint64"));
    CHECK(contains(refused<std::int64_t>(value(std::uint64_t{1} << 63)), "int64"));
    CHECK(read<std::uint64_t>(value(std::uint64_t{1} << 63)) == std::uint64_t{1} << 63);
    CHECK(contains(refused<std::uint64_t>(big(false, std::string(8, '\xff') + '\x01')), "uint64"));
    CHECK(contains(refused<std::int64_t>(big(true, std::string(8, '\0') + '\xfe')), "int64"));
    CHECK(refused<int>(true) == "int32");
    CHECK(refused<bool>(1) == "bool");
    CHECK(refused<bool>(0) == "bool");
    CHECK(refused<bool>(1.0) == "bool");
    CHECK(refused<double>(true) == "float");
    CHECK(refused<int>(1.0) == "int32");
    CHECK(refused<int>("1") == "int32");
    CHECK(refused<int>(nullptr) == "int32");
}

TEST_CASE("a floating field takes an int, and the nearest float") {
    CHECK(read<double>(3) == 3.0);
    CHECK(read<float>(-7) == -7.f);
    CHECK(read<double>(value(std::uint64_t{1} << 63)) == 9223372036854775808.0);
    CHECK(contains(refused<double>((std::int64_t{1} << 53) + 1), "exactly"));
    CHECK(read<float>(0.1) == 0.1f);
    CHECK(read<float>(3.4028235e38) == std::numeric_limits<float>::max());
    CHECK(contains(refused<float>(1e39), "exceeds"));
    CHECK(read<float>(std::numeric_limits<double>::infinity()) == std::numeric_limits<float>::infinity());
    CHECK(read<float>(1e-60) == 0.f);
    CHECK(read<std::complex<double>>(2.5) == std::complex<double>(2.5, 0));
    CHECK(read<std::complex<float>>(2) == std::complex<float>(2, 0));
    CHECK(contains(refused<std::complex<float>>(std::complex<double>(0, 1e300)), "exceeds"));
    CHECK(refused<double>(std::complex<double>(1, 0)) == "float");
}

TEST_CASE("a scalar from a 0-d tensor, where it converts exactly") {
    CHECK(read<double>(element(2.5f)) == 2.5);
    CHECK(read<double>(element(tarc::float16(0.5f))) == 0.5);
    CHECK(read<float>(element(tarc::bfloat16(-3.f))) == -3.f);
    CHECK(read<double>(element(tarc::float8_e4m3fn(1.5f))) == 1.5);
    CHECK(read<float>(element(0.1)) == 0.1f);
    CHECK(read<int>(element(std::int64_t{-5})) == -5);
    CHECK(read<int>(element(7.0f)) == 7);
    CHECK(contains(refused<int>(element(7.5f)), "int32"));
    CHECK(contains(refused<std::int8_t>(element(std::int64_t{300})), "int8"));
    CHECK(read<std::uint64_t>(element(std::numeric_limits<std::uint64_t>::max())) ==
          std::numeric_limits<std::uint64_t>::max());
    CHECK(read<std::uint64_t>(element(9223372036854775808.0)) == std::uint64_t{1} << 63);
    CHECK(contains(refused<std::uint64_t>(element(18446744073709551616.0)), "uint64"));
    CHECK(contains(refused<std::int64_t>(element(std::uint64_t{1} << 63)), "int64"));
    CHECK(contains(refused<int>(element(std::numeric_limits<double>::quiet_NaN())), "int32"));
    CHECK(read<double>(element(std::uint32_t{4000000000u})) == 4e9);
    CHECK(read<bool>(element(true)));
    CHECK_FALSE(read<bool>(element(false)));
    CHECK(refused<bool>(element(std::uint8_t{1})) == "bool");
    CHECK(contains(refused<int>(element(true)), "int32"));
    CHECK(read<std::complex<double>>(element(std::complex<float>(1, 2))) == std::complex<double>(1, 2));
    CHECK(read<std::complex<double>>(element(tarc::complex32{tarc::float16(1.f), tarc::float16(-2.f)})) ==
          std::complex<double>(1, -2));
    CHECK(refused<double>(tensor<double>::full({1}, 1.0)) == "float");  // one element, but not 0-d
    CHECK(read<std::optional<double>>(element(2.5)) == 2.5);
}

struct inner {
    double same = 0;
};
struct with_rest {
    double rate = 0, plain = 0;
    std::pair<float, double> betas;
    inner nested;
    tarc::rest others;
};

TEST_CASE(
    "a tarc::rest knows which floating fields beside it were 0-d tensors, and writes those back that did not change") {
    const auto rate = tensor<double>::full({}, 0.25);
    const value nested = value::dict(items{{"same", element(0.5f)}});
    const value betas = value::tuple({element(0.75f), element(tarc::bfloat16(0.5f))});
    const bytes file = saved(
        value::dict(items{{"rate", rate}, {"plain", 0.125}, {"betas", betas}, {"nested", nested}, {"key", value(7)}}));
    with_rest w = tarc::load<with_rest>(file);
    CHECK(w.rate == 0.25);
    CHECK(saved(tarc::clone(w)) == saved(w));
    CHECK(saved(round_trip(w)) == saved(w));
    const auto written = [&] { return tarc::load<value>(saved(w)); };
    CHECK(written()["rate"].as_tensor().dtype() == tarc::dtype::float64);
    CHECK(written()["rate"].as_tensor().as<double>().item() == 0.25);
    CHECK(written()["plain"].kind() == tarc::value_kind::real);
    CHECK(written()["betas"][0].as_tensor().as<float>().item() == 0.75f);
    CHECK(written()["betas"][1].as_tensor().dtype() == tarc::dtype::bfloat16);
    CHECK(written()["nested"]["same"].as_double() == 0.5);  // no rest beside it
    w.rate = 0.5;
    std::get<1>(w.betas) = 0.25;
    CHECK(written()["rate"].as_double() == 0.5);
    CHECK(written()["betas"][0].kind() == tarc::value_kind::tensor);
    CHECK(written()["betas"][1].as_double() == 0.25);

    with_rest target;
    static_cast<void>(tarc::load_into(target, file));  // not in place: through a copy
    CHECK(tarc::load<value>(saved(target))["rate"].kind() == tarc::value_kind::tensor);
}

TEST_CASE("a 0-d tensor from a scalar, where it converts exactly") {
    using tarc::scalar;
    CHECK(read<tensor<float, scalar>>(3).item() == 3.f);
    CHECK(read<tensor<float>>(0.25).rank() == 0);
    CHECK(contains(refused<tensor<float>>(0.1), "exactly"));
    CHECK(read<tensor<double>>(0.1).item() == 0.1);
    CHECK(contains(refused<tensor<float>>(16777217), "exactly"));
    CHECK(read<tensor<std::uint8_t>>(255).item() == 255);
    CHECK(contains(refused<tensor<std::uint8_t>>(256), "exactly"));
    CHECK(contains(refused<tensor<std::int32_t>>(1.0), "exactly"));
    CHECK(read<tensor<std::uint64_t>>(value(std::uint64_t{1} << 63)).item() == std::uint64_t{1} << 63);
    CHECK(read<tensor<bool>>(true).item());
    CHECK(contains(refused<tensor<bool>>(1), "exactly"));
    CHECK(contains(refused<tensor<std::int64_t>>(true), "exactly"));
    CHECK(read<tensor<tarc::float16>>(0.5).item().bits == tarc::float16(0.5f).bits);
    CHECK(contains(refused<tensor<tarc::float16>>(0.1), "exactly"));
    CHECK(read<tensor<tarc::bfloat16>>(1).item().bits == tarc::bfloat16(1.f).bits);
    CHECK(read<tensor<tarc::float8_e5m2>>(-1.5).item().bits == tarc::float8_e5m2(-1.5f).bits);
    CHECK(read<tensor<std::complex<float>>>(std::complex<double>(1, 2)).item() == std::complex<float>(1, 2));
    CHECK(read<tensor<std::complex<double>>>(3).item() == std::complex<double>(3, 0));
    CHECK(read<tensor<float>>(std::numeric_limits<double>::infinity()).item() ==
          std::numeric_limits<float>::infinity());
    CHECK(refused<tensor<float, tarc::dyn>>(1) == "a tensor of float32 [?]");
    CHECK(refused<tarc::any_tensor>(1) == "a tensor");
    CHECK(refused<tensor<float>>("text") == "a tensor of float32");
}

TEST_CASE("list and tuple are interchangeable; lengths count where the type has one") {
    CHECK(read<std::vector<int>>(value::tuple({1, 2})) == std::vector<int>{1, 2});
    CHECK(read<std::pair<int, std::string>>(value::list({1, "b"})) == std::pair<int, std::string>(1, "b"));
    CHECK(read<std::array<int, 2>>(value::tuple({1, 2}))[1] == 2);
    CHECK(refused<std::array<int, 2>>(value::list({1, 2, 3})) == "a list of 2");
    CHECK(refused<std::tuple<int>>(value::list({1, 2})) == "a tuple of 1");
    CHECK(refused<std::vector<int>>(value::dict(items{})) == "a list");
    CHECK(refused<std::vector<bool>>(value::list({true, 1})) == "bool");
    CHECK(refused<std::map<std::string, int>>(value::list({})) == "a dict");
    CHECK(contains(refused<std::map<std::string, int>>(value::dict(items{{1, 1}})), "str"));
    CHECK(contains(refused<std::map<int, int>>(value::dict(items{{"1", 1}})), "int32"));
    CHECK(refused<std::set<int>>(value::list({1})) == "a set");
}

TEST_CASE("text and bytes") {
    auto t = std::make_shared<tarc::detail::tree>();
    const std::byte b{7};
    const value bytearray(t, t->bytes("\x07", true));
    CHECK(read<std::vector<std::byte>>(bytearray) == std::vector<std::byte>{b});
    CHECK(refused<std::vector<std::byte>>("text") == "bytes");
    CHECK(refused<std::string>(bytearray) == "str");
    const tarc::error e = error_of([] { saved(field<std::string>{"\xff"}); });
    CHECK(e.code() == tarc::errc::unsavable);
    CHECK(e.field() == "x");
    CHECK(contains(e.what(), "std::vector<std::byte>"));
}

enum class level : std::int8_t { low = -1, high = 3 };

}  // namespace

template <>
inline constexpr tarc::enum_name<level> tarc::enum_names<level>[] = {{level::low, "low"}, {level::high, "high"}};

namespace {

TEST_CASE("enums by name") {
    CHECK(read<level>("low") == level::low);
    CHECK(contains(refused<level>("middle"), "\"low\", \"high\""));
    CHECK(contains(refused<level>(-1), "name"));
    const tarc::error e = error_of([] { saved(field<level>{static_cast<level>(2)}); });
    CHECK(e.code() == tarc::errc::unsavable);
}

TEST_CASE("a bool tensor's bytes are 0 and 1") {
    const bytes good = saved(field<tensor<bool>>{tensor<bool>::from({true, false, true}, {3})}, {.manifest = false});
    CHECK(read<tensor<bool>>(tensor<bool>::from({true, false}, {2})).numel() == 2);
    // the same file with a byte of 2: written as uint8 under the same name, with the class of bool
    struct fake {
        tensor<std::uint8_t> x;
    };
    bytes bad = saved(fake{tensor<std::uint8_t>::from({1, 0, 2}, {3})}, {.manifest = false});
    CHECK(bad.size() == good.size());
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(good)));
    tarc::memory_sink out;
    tarc::zip_writer w(out);
    for (const tarc::record& r : zip.records()) {
        std::vector<std::byte> payload = zip.read(r);
        if (r.name == "data/0") payload[2] = std::byte{2};
        w.add(r.name, payload);
    }
    w.finish();
    for (const bool mapped : {false, true}) {
        const tarc::error e = error_of([&] {
            if (mapped)
                (void)tarc::load<field<tensor<bool>>>(out.bytes(), tarc::mapped);
            else
                (void)tarc::load<field<tensor<bool>>>(out.bytes());
        });
        CHECK(e.code() == tarc::errc::bad_tensor);
        CHECK(e.field() == "x");
        CHECK(e.record() == "data/0");
        CHECK(contains(e.what(), "bool"));
    }
    CHECK(error_of([&] { (void)tarc::open(out.bytes()).value(); }).code() == tarc::errc::bad_tensor);
}

}  // namespace
