#include <doctest/doctest.h>

#include <tarc/value/value.hpp>

#include <complex>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using tarc::errc;
using tarc::value;
using tarc::value_kind;

namespace {

errc code_of(auto&& call) {
    try {
        call();
    } catch (const tarc::error& e) {
        return e.code();
    }
    FAIL("no error");
    return errc::io;
}

}  // namespace

TEST_CASE("scalars go in and come out") {
    CHECK(value().is_none());
    CHECK(value(nullptr).is_none());
    CHECK_EQ(value(true).as_bool(), true);
    CHECK_EQ(value(-3).as_int(), -3);
    CHECK_EQ(value(std::uint8_t{200}).as_int(), 200);
    CHECK_EQ(value(INT64_MIN).as_int(), INT64_MIN);
    CHECK_EQ(value(2.5).as_double(), 2.5);
    CHECK_EQ(value(2.5f).as_double(), 2.5);
    CHECK_EQ(value(std::complex<float>(1, 2)).as_complex(), std::complex<double>(1, 2));
    CHECK_EQ(value("text").as_string(), "text");
    CHECK_EQ(value(std::string("with\0null", 9)).as_string().size(), 9);
    CHECK_EQ(value(std::string_view()).as_string(), "");
    const std::vector<std::byte> raw{std::byte{1}, std::byte{255}};
    CHECK_EQ(value::bytes(raw).as_bytes().size(), 2);
    CHECK_EQ(value::bytes(raw).as_bytes()[1], std::byte{255});
    CHECK_EQ(value::bytes({}).as_bytes().size(), 0);
}

TEST_CASE("kinds") {
    CHECK_EQ(value(true).kind(), value_kind::boolean);
    CHECK_EQ(value(1).kind(), value_kind::integer);
    CHECK_EQ(value(1.0).kind(), value_kind::real);
    CHECK_EQ(value("").kind(), value_kind::string);
    CHECK_EQ(value::list({}).kind(), value_kind::list);
    CHECK_EQ(value::tuple({1, 2}).kind(), value_kind::tuple);
    CHECK_EQ(value::set({1, 2}).kind(), value_kind::set);
    CHECK_EQ(value::dict({}).kind(), value_kind::dict);
    CHECK_EQ(value(tarc::tensor<float>::zeros({1})).kind(), value_kind::tensor);
}

TEST_CASE("another kind is not converted, and says which it is") {
    CHECK_EQ(code_of([] { static_cast<void>(value(1).as_bool()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value(true).as_int()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value(1.0).as_int()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value(true).as_double()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value("1").as_int()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value().as_string()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value("b").as_bytes()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value(1).as_tensor()); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value(1)[0]); }), errc::wrong_type);
    CHECK_EQ(code_of([] { static_cast<void>(value::list({1})["a"]); }), errc::wrong_type);
    try {
        static_cast<void>(value(1.5).as_string());
    } catch (const tarc::error& e) {
        CHECK_EQ(e.message(), "a float was asked for as str");
    }
}

TEST_CASE("numbers convert only exactly") {
    CHECK_EQ(value(3).as_double(), 3.0);
    CHECK_EQ(value(std::int64_t{1} << 60).as_double(), 0x1p60);
    CHECK_EQ(code_of([] { static_cast<void>(value((std::int64_t{1} << 53) + 1).as_double()); }), errc::out_of_range);
    CHECK_EQ(code_of([] { static_cast<void>(value(INT64_MAX).as_double()); }), errc::out_of_range);
    CHECK_EQ(value(INT64_MIN).as_double(), -0x1p63);
    CHECK_EQ(value(UINT64_MAX).kind(), value_kind::integer);
    CHECK_EQ(code_of([] { static_cast<void>(value(UINT64_MAX).as_int()); }), errc::out_of_range);
    CHECK_EQ(code_of([] { static_cast<void>(value(UINT64_MAX).as_double()); }), errc::out_of_range);
    CHECK_EQ(value(static_cast<std::uint64_t>(INT64_MAX)).as_int(), INT64_MAX);
    CHECK_EQ(value(4).as_complex(), std::complex<double>(4, 0));
    CHECK_EQ(value(0.5).as_complex(), std::complex<double>(0.5, 0));
    static_assert(!std::is_constructible_v<value, long double> && !std::is_constructible_v<value, char> &&
                  !std::is_constructible_v<value, int*>);
}

TEST_CASE("lists, tuples and dicts") {
    const value list = value::list({1, "two", 3.0, nullptr, value::tuple({4, 5})});
    CHECK_EQ(list.size(), 5);
    CHECK_EQ(list[0].as_int(), 1);
    CHECK_EQ(list[std::size_t{1}].as_string(), "two");
    CHECK(list[3].is_none());
    CHECK_EQ(list[4][1].as_int(), 5);
    CHECK_EQ(code_of([&] { static_cast<void>(list[5]); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(list[-1]); }), errc::out_of_range);

    const value dict = value::dict({{"a", 1}, {2, "b"}, {"list", list}, {true, 0}, {nullptr, 1}});
    CHECK_EQ(dict.size(), 5);
    CHECK_EQ(dict["a"].as_int(), 1);
    CHECK_EQ(dict["list"][1].as_string(), "two");
    CHECK(dict.contains("a"));
    CHECK_FALSE(dict.contains("b"));
    CHECK_EQ(dict.find("z"), std::nullopt);
    CHECK_EQ(code_of([&] { static_cast<void>(dict["z"]); }), errc::out_of_range);
    const auto items = dict.items();
    REQUIRE_EQ(items.size(), 5);
    CHECK_EQ(items[1].key.as_int(), 2);
    CHECK_EQ(items[3].key.as_bool(), true);
    CHECK(items[4].key.is_none());
    CHECK_EQ(value(3).size(), 0);
    CHECK(value::dict({}).items().empty());
}

TEST_CASE("a key stands once, as Python compares keys") {
    const auto twice = [](const value& a, const value& b) {
        const bool dict = code_of([&] { static_cast<void>(value::dict({{a, 1}, {b, 2}})); }) == errc::invalid_argument;
        const bool set = code_of([&] { static_cast<void>(value::set({a, b})); }) == errc::invalid_argument;
        return dict && set;
    };
    CHECK(twice("a", "a"));
    CHECK(twice(1, true));
    CHECK(twice(1, 1.0));
    CHECK(twice(0.0, -0.0));
    CHECK(twice(std::complex<double>(2, 0), 2));
    CHECK(twice(nullptr, value()));
    CHECK(twice(UINT64_MAX, UINT64_MAX));
    CHECK(twice(value::tuple({1, "a"}), value::tuple({1.0, "a"})));
    CHECK_EQ(value::dict({{1, 0},
                          {"1", 0},
                          {1.5, 0},
                          {std::complex<double>(1, 1), 0},
                          {value::tuple({1}), 0},
                          {value::tuple({"1"}), 0}})
                 .size(),
             6);
    CHECK_EQ(value::set({"ab", value::bytes({}), 1, UINT64_MAX, 0x1p64}).size(), 5);
    CHECK_EQ(value::dict({{value::tuple({"a", "bc"}), 0}, {value::tuple({"ab", "c"}), 0}}).size(), 2);
}

TEST_CASE("what Python cannot hash is no key") {
    for (const value& bad : {value::list({1}), value::dict({}), value::set({1}), value::tuple({1, value::list({})})}) {
        CHECK_EQ(code_of([&] { static_cast<void>(value::dict({{bad, 1}})); }), errc::invalid_argument);
        CHECK_EQ(code_of([&] { static_cast<void>(value::set({bad})); }), errc::invalid_argument);
        tarc::rest r;
        CHECK_EQ(code_of([&] { r.set(bad, 1); }), errc::invalid_argument);
    }
}

TEST_CASE("values are handles: a part keeps the whole alive") {
    value part;
    {
        const value whole = value::dict({{"list", value::list({"kept", 2})}});
        part = whole["list"];
    }
    CHECK_EQ(part[0].as_string(), "kept");
    const value copy = part;
    part = nullptr;
    CHECK_EQ(copy[1].as_int(), 2);
}

TEST_CASE("tensors in values share their storage, also when values are put together") {
    const auto t = tarc::tensor<float>::from({1, 2, 3, 4}, {2, 2});
    const value v = value::list({t, t.transpose(0, 1), value::dict({{"inner", t.select(0, 1)}})});
    CHECK(v[0].as_tensor().storage() == t.storage());
    CHECK(v[1].as_tensor().storage() == t.storage());
    CHECK(v[2]["inner"].as_tensor().storage() == t.storage());
    CHECK_EQ(v[1].as_tensor().as<float>()(1, 0), 2);
    const value around = value::list({v, v[0]});
    CHECK(around[0][0].as_tensor().storage() == around[1].as_tensor().storage());
    CHECK_EQ(code_of([] { static_cast<void>(value(tarc::tensor<float>())); }), errc::invalid_argument);
    const auto meta = tarc::tensor<float>::over(tarc::storage::meta(16), {2, 2});
    CHECK(value(meta).as_tensor().device() == tarc::device::meta());
}

TEST_CASE("rest keeps order, sets in place and finds") {
    tarc::rest r;
    CHECK(r.empty());
    r.set("b", 1);
    r.set("a", 2);
    r.set(3, "three");
    r.set(nullptr, "none");
    r.set("b", 10);
    r.set(3.0, "still three");
    CHECK_EQ(r.size(), 4);
    CHECK_EQ(r.begin()->key.as_string(), "b");
    CHECK_EQ(r.find("b")->as_int(), 10);
    CHECK_EQ((r.begin() + 2)->val.as_string(), "still three");
    CHECK_FALSE(r.find("z"));
    r.clear();
    CHECK(r.empty());
}

TEST_CASE("deep values are built, copied and let go without recursion") {
    value deep = 1;
    for (int i = 0; i < 20; ++i) deep = value::list({deep, i});
    CHECK_EQ(deep[1].as_int(), 19);
    auto tree = std::make_shared<tarc::detail::tree>();
    tarc::detail::node* n = tree->integer(7);
    for (int i = 0; i < 1000000; ++i) {
        auto* list = tree->sequence(value_kind::list);
        tree->append(list, n);
        n = list;
    }
    const value million(tree, n);
    tree.reset();
    const value copy = value::list({million});
    const value again = tarc::clone(copy);
    CHECK_EQ(again[0].size(), 1);
}
