#include "archive/support.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <variant>

using namespace std::string_literals;
using namespace tarc_test;

namespace {

enum class color : std::uint8_t { red = 1, green = 2, blue = 200 };
enum class plain : std::int64_t { low = -5, high = 1 };

}  // namespace

template <>
inline constexpr tarc::enum_name<color> tarc::enum_names<color>[] = {
    {color::red, "red"}, {color::green, "green"}, {color::blue, "blue"}};

namespace {

struct scalars {
    bool yes = false, no = true;
    std::int8_t i8 = 0;
    std::int16_t i16 = 0;
    std::int32_t i32 = 0;
    std::int64_t i64 = 0;
    std::uint8_t u8 = 0;
    std::uint16_t u16 = 0;
    std::uint32_t u32 = 0;
    std::uint64_t u64 = 0;
    float f = 0;
    double d = 0;
    std::complex<float> cf;
    std::complex<double> cd;
    std::string text;
    color named = color::red;
    plain numbered = plain::high;
    bool operator==(const scalars&) const = default;
};

TEST_CASE("scalars at both ends of their ranges") {
    const auto extreme = []<class T>(T) {
        return std::pair(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    };
    scalars low{true,
                false,
                extreme(std::int8_t{}).first,
                extreme(std::int16_t{}).first,
                extreme(std::int32_t{}).first,
                extreme(std::int64_t{}).first,
                0,
                0,
                0,
                0,
                -3.4028235e38f,
                -1.7976931348623157e308,
                {-0.0f, 1e-45f},
                {0.1, -0.2},
                "",
                color::blue,
                plain::low};
    CHECK(round_trip(low) == low);
    scalars high{true,
                 false,
                 extreme(std::int8_t{}).second,
                 extreme(std::int16_t{}).second,
                 extreme(std::int32_t{}).second,
                 extreme(std::int64_t{}).second,
                 255,
                 65535,
                 4294967295u,
                 18446744073709551615ull,
                 std::numeric_limits<float>::infinity(),
                 -std::numeric_limits<double>::infinity(),
                 {1, 2},
                 {3, 4},
                 "grüße, 世界 \U0001f600 a\0b"s,
                 color::green,
                 plain::high};
    CHECK(round_trip(high) == high);
    high.u64 = 9223372036854775808ull;  // 2^63
    CHECK(round_trip(high).u64 == 9223372036854775808ull);
}

TEST_CASE("signed zero and NaN keep their bits") {
    struct reals {
        double zero, nan;
        float fzero, fnan;
    };
    const reals back = round_trip(
        reals{-0.0, std::numeric_limits<double>::quiet_NaN(), -0.0f, std::numeric_limits<float>::quiet_NaN()});
    CHECK(std::signbit(back.zero));
    CHECK(std::signbit(back.fzero));
    CHECK(back.nan != back.nan);
    CHECK(back.fnan != back.fnan);
}

struct blobs {
    std::vector<std::byte> none, all, longer;
    bool operator==(const blobs&) const = default;
};

TEST_CASE("bytes: empty, each value, long") {
    blobs b;
    for (int i = 0; i < 256; ++i) b.all.push_back(static_cast<std::byte>(i));
    for (int i = 0; i < 100'000; ++i) b.longer.push_back(static_cast<std::byte>(i * 7));
    CHECK(round_trip(b) == b);
}

struct containers {
    std::vector<std::int32_t> numbers;
    std::deque<std::string> words;
    std::vector<bool> flags;
    std::array<float, 3> three{};
    std::array<std::array<std::int8_t, 2>, 2> matrix{};
    std::tuple<int, std::string, double> triple;
    std::pair<std::uint64_t, bool> two;
    std::set<std::string> names;
    std::unordered_set<std::int64_t> ids;
    std::set<color> colors;
    std::map<std::string, std::vector<int>> lists;
    std::unordered_map<std::string, double> rates;
    std::map<std::int64_t, std::string> by_number;
    std::unordered_map<color, int> by_color;
    std::map<plain, int> by_plain;
    std::vector<std::map<std::string, std::optional<int>>> deep;
    bool operator==(const containers&) const = default;
};

TEST_CASE("containers, empty and filled") {
    CHECK(round_trip(containers{}) == containers{});
    containers c;
    c.numbers = {3, -1, 2};
    c.words = {"a", "", "c"};
    c.flags = {true, false, true, true};
    c.three = {1.5f, -2.f, 0.25f};
    c.matrix = {{{1, 2}, {3, 4}}};
    c.triple = {7, "seven", 0.7};
    c.two = {18446744073709551615ull, true};
    c.names = {"x", "y"};
    c.ids = {5, -9, 77, 1};
    c.colors = {color::blue, color::red};
    c.lists = {{"", {}}, {"odd", {1, 3}}};
    c.rates = {{"z", 1.0}, {"a", 2.0}, {"m", 3.0}};
    c.by_number = {{-1, "minus"}, {1, "plus"}};
    c.by_color = {{color::green, 2}, {color::red, 1}};
    c.by_plain = {{plain::low, 0}};
    c.deep = {{}, {{"none", std::nullopt}, {"one", 1}}};
    CHECK(round_trip(c) == c);
}

TEST_CASE("unordered containers are written in key order") {
    std::unordered_map<std::string, int> m;
    for (int i = 0; i < 500; ++i) m["k" + std::to_string(i * 7919 % 500)] = i;
    std::unordered_map<std::string, int> same(10'000);  // other buckets, other order
    for (int i = 499; i >= 0; --i) same["k" + std::to_string(i * 7919 % 500)] = i;
    CHECK(saved(m) == saved(same));
    const tarc::value v = tarc::open(saved(m)).value();
    const auto listed = v.items();
    CHECK(std::is_sorted(listed.begin(), listed.end(),
                         [](const auto& a, const auto& b) { return a.key.as_string() < b.key.as_string(); }));
    const std::unordered_set<double> odd{2.5, -0.5, std::numeric_limits<double>::quiet_NaN(),
                                         std::numeric_limits<double>::infinity()};
    const std::unordered_set<double> odd2(odd.begin(), odd.end(), 97);
    CHECK(saved(odd) == saved(odd2));
}

struct choices {
    std::variant<std::int64_t, std::string, double, bool, std::monostate, std::vector<int>> bare;
    std::variant<std::int32_t, std::int64_t> tagged;
    std::variant<tarc::tensor<float>, std::string> tensor_or_text;
    std::variant<std::vector<int>, std::array<double, 2>> lists;
};

TEST_CASE("variants, told apart by the value or by a tag") {
    choices c;
    c.tensor_or_text = "text";
    const auto check = [&](auto value) {
        c.bare = value;
        const choices back = round_trip(c);
        CHECK(back.bare == c.bare);
    };
    check(std::int64_t{5});
    check(std::string("five"));
    check(5.0);  // stays a double
    check(true);
    check(std::monostate{});
    check(std::vector<int>{1, 2});
    c.tagged = std::int64_t{9};
    c.lists = std::array<double, 2>{1, 2};
    c.tensor_or_text = tarc::tensor<float>::full({2}, 3.f);
    const choices back = round_trip(c);
    CHECK(back.tagged.index() == 1);
    CHECK(std::get<1>(back.tagged) == 9);
    CHECK(std::get<1>(back.lists)[1] == 2);
    CHECK(elements(std::get<0>(back.tensor_or_text)) == std::vector<float>{3, 3});
    const tarc::value v = tarc::open(saved(c)).value();
    CHECK(v["bare"].kind() == tarc::value_kind::list);
    CHECK(v["tagged"].kind() == tarc::value_kind::tuple);
    CHECK(v["tagged"][0].as_int() == 1);
}

struct nested_optional {
    std::optional<std::int64_t> number;
    std::optional<std::vector<std::optional<std::string>>> list;
    std::optional<std::map<std::string, double>> map;
};

TEST_CASE("optional: a value, None, or absent") {
    nested_optional o;
    CHECK_FALSE(round_trip(o).list.has_value());
    o.number = 4;
    o.list = {{std::nullopt, "x"}};
    o.map.emplace();
    const nested_optional back = round_trip(o);
    CHECK(back.number == 4);
    CHECK(back.list == o.list);
    CHECK(back.map.has_value());
    // absent in the file, and None in the file, both empty an optional that holds something
    nested_optional target = o;
    tarc::load_into(target, saved(tarc::value::dict(items{{"list", nullptr}})));
    CHECK_FALSE(target.number.has_value());
    CHECK_FALSE(target.list.has_value());
    CHECK_FALSE(target.map.has_value());
}

struct dynamic {
    int known = 0;
    tarc::value any;
    tarc::rest others;
};

TEST_CASE("tarc::value holds anything, tarc::rest the other keys in order") {
    const std::vector<std::byte> blob{std::byte{1}, std::byte{255}};
    const tarc::tensor<std::int64_t> t = tarc::tensor<std::int64_t>::from({1, 2, 3}, {3});
    const tarc::value v = tarc::value::dict(items{
        {"zeta", 1},
        {"known", 5},
        {7, "int key"},
        {"any", tarc::value::tuple({1, 2.5, true, nullptr, std::complex<double>(1, 2), tarc::value::bytes(blob), t})},
        {"alpha", tarc::value::list({t, tarc::value::dict(items{{"deep", -1}})})}});
    const bytes file = saved(v);
    const dynamic d = tarc::load<dynamic>(file);
    CHECK(d.known == 5);
    REQUIRE(d.any.size() == 7);
    CHECK(d.any[0].as_int() == 1);
    CHECK(d.any[1].as_double() == 2.5);
    CHECK(d.any[2].as_bool());
    CHECK(d.any[3].is_none());
    CHECK(d.any[4].as_complex() == std::complex<double>(1, 2));
    CHECK(d.any[5].as_bytes()[1] == std::byte{255});
    CHECK(elements(d.any[6].as_tensor().as<std::int64_t>()) == std::vector<std::int64_t>{1, 2, 3});
    REQUIRE(d.others.size() == 3);
    std::vector<std::string> keys;
    for (const auto& [key, val] : d.others)
        keys.push_back(key.kind() == tarc::value_kind::string ? std::string(key.as_string()) : "#");
    CHECK(keys == std::vector<std::string>{"zeta", "#", "alpha"});
    // the tensor is one in the value and in the rest
    CHECK(d.others.find("alpha")->operator[](0).as_tensor().storage() == d.any[6].as_tensor().storage());
    const bytes again = saved(d);
    const tarc::value w = tarc::open(again).value();
    std::vector<std::string> order;
    for (const auto& [key, val] : w.items())
        order.push_back(key.kind() == tarc::value_kind::string ? std::string(key.as_string()) : "#");
    CHECK(order == std::vector<std::string>{"known", "any", "zeta", "#", "alpha"});
    CHECK(saved(tarc::load<dynamic>(again)) == again);
    CHECK(saved(tarc::open(again).value(), {.manifest = false}) ==
          saved(tarc::load<dynamic>(again), {.manifest = false}));
}

TEST_CASE("a rest that repeats a field's key is an error on save") {
    dynamic d;
    d.others.append("known", 1);
    const tarc::error e = error_of([&] { saved(d); });
    CHECK(e.code() == tarc::errc::unsavable);
    CHECK(contains(e.what(), "known"));
}

struct engines {
    std::mt19937 mt;
    std::mt19937_64 mt64;
    std::minstd_rand lcg;
    std::ranlux24 lux;
    std::knuth_b knuth;
};

TEST_CASE("random engines go on where they were") {
    engines e;
    e.mt.seed(7);
    e.mt64.discard(1234);
    e.lcg.discard(3);
    e.lux.discard(17);
    e.knuth.discard(5);
    engines back = round_trip(e);
    CHECK(back.mt == e.mt);
    CHECK(back.mt64() == e.mt64());
    CHECK(back.lcg() == e.lcg());
    CHECK(back.lux() == e.lux());
    CHECK(back.knuth() == e.knuth());
    CHECK(tarc::open(saved(e)).value()["mt"].kind() == tarc::value_kind::string);
    const tarc::load_report r = report_of([] {
        struct one {
            std::mt19937 mt;
        };
        (void)tarc::load<one>(saved(tarc::value::dict(items{{"mt", "1 2 3"}})));
    });
    REQUIRE(r.mismatched.size() == 1);
    CHECK(r.mismatched[0].path == "mt");
}

}  // namespace
