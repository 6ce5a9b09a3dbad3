#include <tarc/archive/entries.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/container/pickle_reader.hpp>
#include <tarc/error.hpp>

namespace {

using tarc::value_kind;
namespace detail = tarc::detail;

tarc::entry_list list_of(std::string_view pickle, const tarc::limits& limit = {}) {
    auto t = std::make_shared<detail::tree>();
    t->root = detail::read_pickle(std::as_bytes(std::span(pickle.data(), pickle.size())), *t, limit);
    return tarc::entry_list(std::move(t), limit);
}

std::string real(double d) {
    std::string text;
    detail::append_float(text, d);
    return text;
}

std::string quoted(std::string_view s) {
    std::string text;
    detail::append_quoted(text, s);
    return text;
}

}  // namespace

TEST_CASE("a key is a name, an integer of any type, or a bool") {
    const std::string name = "a";
    CHECK_EQ(tarc::key("a"), tarc::key(name));
    CHECK_EQ(tarc::key(std::string_view("a")).name(), "a");
    CHECK(tarc::key(7u).is_index());
    CHECK_EQ(tarc::key(7u), tarc::key(std::int64_t{7}));
    CHECK_EQ(tarc::key(std::uint8_t{7}).index(), 7);
    CHECK(tarc::key(true).is_bool());
    CHECK(!(tarc::key(true) == tarc::key(1)));
    CHECK_EQ(tarc::key(false).text(), "False");
    CHECK(tarc::key(std::numeric_limits<std::uint64_t>::max()).is_large_integer());
    CHECK_EQ(tarc::key(std::numeric_limits<std::uint64_t>::max()).text(), "18446744073709551615");
    CHECK_EQ(tarc::key(std::numeric_limits<std::uint64_t>::max()), tarc::key::large_integer("18446744073709551615"));
    static_assert(!std::is_constructible_v<tarc::key, char>);
    static_assert(!std::is_constructible_v<tarc::key, double>);
    const std::vector<tarc::key> path = {"model", 0, std::string("weight")};
    CHECK_EQ(detail::path_text(path), "model/0/weight");
}

TEST_CASE("floats are printed as Python's repr() prints them") {
    CHECK_EQ(real(0.1), "0.1");
    CHECK_EQ(real(1), "1.0");
    CHECK_EQ(real(-0.0), "-0.0");
    CHECK_EQ(real(1e15), "1000000000000000.0");
    CHECK_EQ(real(9999999999999998), "9999999999999998.0");
    CHECK_EQ(real(1e16), "1e+16");
    CHECK_EQ(real(1.5e300), "1.5e+300");
    CHECK_EQ(real(1e-4), "0.0001");
    CHECK_EQ(real(1.25e-5), "1.25e-05");
    CHECK_EQ(real(std::numeric_limits<double>::denorm_min()), "5e-324");
    CHECK_EQ(real(-std::numeric_limits<double>::infinity()), "-inf");
    CHECK_EQ(real(std::numeric_limits<double>::quiet_NaN()), "nan");
}

TEST_CASE("texts are quoted as Python's repr() quotes them, whatever their bytes") {
    CHECK_EQ(quoted("it's"), "\"it's\"");
    CHECK_EQ(quoted("'\""), "'\\'\"'");
    CHECK_EQ(quoted("\n\t\x01\\"), "'\\n\\t\\x01\\\\'");
    CHECK_EQ(quoted("é\u200b\U0001f600"), "'é\\u200b\U0001f600'");
    CHECK_EQ(quoted("\xed\xa0\x80"), "'\\ud800'");
    CHECK_EQ(quoted("\xff"), "'\\udcff'");
    CHECK_EQ(quoted("\xe4\xb8"), "'\\udce4\\udcb8'");
    CHECK_EQ(quoted("\xc0\x80"), "'\\udcc0\\udc80'");
    CHECK_EQ(quoted("\xf4\x90\x80\x80").size(), 26);
}

TEST_CASE("integers of any size are printed in decimal") {
    using namespace std::string_view_literals;
    CHECK_EQ(detail::big_decimal("\0\0\0\0\0\0\0\0\1"sv), "18446744073709551616");
    CHECK_EQ(detail::big_decimal("\0\0\0\0\0\0\0\0\xff"sv), "-18446744073709551616");
    CHECK_EQ(detail::big_decimal("\xff\xff\xff\xff\xff\xff\xff\xff\xff"sv), "-1");
    CHECK_EQ(detail::big_decimal(""sv), "0");
    CHECK_EQ(detail::big_decimal("\x80"sv), "-128");
    CHECK_EQ(detail::big_decimal("\0\0\xb2\xd3\x59\x5b\xf0\x06"sv), "500000000000000000");
    CHECK_EQ(detail::big_decimal("\0\xca\x9a\x3b"sv), "1000000000");
}

TEST_CASE("entries come in file order, with their paths, and outlive nothing but their list") {
    // {"a": [1, ()], (2, "x"): None, True: 1.5, "e": {}}
    const tarc::entry_list list = list_of(
        std::string_view("\x80\x02}(X\1\0\0\0a](K\1)eK\2X\1\0\0\0x\x86N\x88G\x3f\xf8\0\0\0\0\0\0X\1\0\0\0e}u.", 45));
    const auto e = list.get();
    REQUIRE_EQ(e.size(), 5);
    CHECK_EQ(detail::path_text(e[0].path), "a/0");
    CHECK(e[0].kind == value_kind::integer);
    CHECK_EQ(e[0].value.as_int(), 1);
    CHECK_EQ(detail::path_text(e[1].path), "a/1");
    CHECK(e[1].kind == value_kind::tuple);
    CHECK_EQ(e[2].path[0].name(), "(2, 'x')");
    CHECK(e[2].kind == value_kind::none);
    CHECK(e[3].path[0].is_bool());
    CHECK_EQ(e[3].value.as_double(), 1.5);
    CHECK(e[4].kind == value_kind::dict);
    CHECK_EQ(e[4].value.size(), 0);
}

TEST_CASE("a tree with more paths than its size justifies is refused") {
    std::string pickle = "\x80\x02]q";
    pickle += '\0';
    for (int i = 0; i < 60; ++i) {
        for (const char c : {'0', ']', '(', 'h'}) pickle += c;
        pickle += static_cast<char>(i);
        pickle += 'h';
        pickle += static_cast<char>(i);
        pickle += "eq";
        pickle += static_cast<char>(i + 1);
    }
    pickle += '.';
    try {
        static_cast<void>(list_of(pickle));
        FAIL("2^60 entries were listed");
    } catch (const tarc::error& e) {
        CHECK(e.code() == tarc::errc::limit_exceeded);
    }
    try {
        static_cast<void>(list_of(std::string_view("\x80\x02]q\0h\0a.", 9)));
        FAIL("a list that holds itself was listed");
    } catch (const tarc::error& e) {
        CHECK(e.code() == tarc::errc::bad_pickle);
    }
}
