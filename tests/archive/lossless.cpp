// What a struct holds comes back, or saving it is refused: nothing is lost in silence.

#include <doctest/doctest.h>

#include <tarc/tarc.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

using tensor = tarc::tensor<float>;

struct with_rest {
    tensor weight;
    tarc::rest others;
};
struct empties {
    tensor w;
    std::optional<std::vector<int>> engaged;
    std::vector<int> list{1, 2, 3};
    std::map<std::string, int> map{{"a", 1}};
    std::optional<tarc::value> any;
};
struct relu {};
struct rest_twice {
    int a = 1;
    tarc::rest others;
};

template <class T>
std::vector<std::byte> bytes_of(const T& object) {
    std::vector<std::byte> bytes;
    tarc::save(object, bytes);
    return bytes;
}

template <class T>
tarc::errc refusal(const T& object) {
    try {
        bytes_of(object);
    } catch (const tarc::error& e) {
        CHECK_FALSE(e.field().empty());
        return e.code();
    }
    return tarc::errc::io;
}

tensor one() { return tensor::full({1}, 1); }

}  // namespace

template <>
inline constexpr bool tarc::is_module<with_rest> = true;
template <>
inline constexpr bool tarc::is_module<empties> = true;
template <>
inline constexpr auto tarc::describe<empties> = std::tuple{tarc::defaulted{"list"}, tarc::defaulted{"map"}};

TEST_CASE("tarc::rest in a module keeps containers whole, empty ones too") {
    using tarc::value;
    const value extra = value::dict({{"a", 1}, {"e", value::list({})}, {"t", value::tuple({1, 2})}});
    const value file =
        value::dict({{"weight", one()}, {"_extra_state", extra}, {"b", value::list({})}, {"c", value::list({1, 2})}});
    const auto bytes = bytes_of(file);
    const auto loaded = tarc::load<with_rest>(bytes);
    REQUIRE(loaded.others.size() == 3);
    REQUIRE(loaded.others.find("_extra_state").has_value());
    CHECK(loaded.others.find("_extra_state")->items().size() == 3);
    CHECK(loaded.others.find("b")->kind() == tarc::value_kind::list);
    CHECK(loaded.others.find("c")->size() == 2);
    const auto again = bytes_of(loaded);
    CHECK(bytes_of(tarc::load<with_rest>(again)) == again);
}

TEST_CASE("empty containers in a module that holds scalars are there, not absent") {
    empties e;
    e.w = one();
    e.engaged.emplace();
    e.list.clear();
    e.map.clear();
    e.any = tarc::value::dict({});
    const auto back = tarc::load<empties>(bytes_of(e));
    REQUIRE(back.engaged.has_value());
    CHECK(back.engaged->empty());
    CHECK(back.list.empty());
    CHECK(back.map.empty());
    REQUIRE(back.any.has_value());
    CHECK(back.any->kind() == tarc::value_kind::dict);
}

TEST_CASE("an element that a flat state_dict cannot hold is refused, not dropped") {
    struct lists {
        std::vector<std::vector<tensor>> v;
    };
    struct maps {
        std::map<std::string, std::vector<tensor>> m;
    };
    struct optionals {
        std::vector<std::optional<tensor>> v;
    };
    struct structs {
        std::vector<relu> v;
        tensor t;
    };
    CHECK(refusal(lists{{{one()}, {}, {one()}, {}}}) == tarc::errc::unsavable);
    CHECK(refusal(maps{{{"a", {}}, {"b", {one()}}}}) == tarc::errc::unsavable);
    CHECK(refusal(optionals{{one(), std::nullopt}}) == tarc::errc::unsavable);
    CHECK(refusal(structs{std::vector<relu>(3), one()}) == tarc::errc::unsavable);
    const auto inner = tarc::load<lists>(bytes_of(lists{{{one()}, {}, {one()}}}));
    REQUIRE(inner.v.size() == 3);
    CHECK(inner.v[1].empty());
}

TEST_CASE("no key stands twice, whatever it is") {
    rest_twice r;
    r.others.append(tarc::value(7), tarc::value(1.5));
    CHECK_NOTHROW(bytes_of(r));
    r.others.append(tarc::value(7), tarc::value(2.5));
    CHECK_THROWS_AS(bytes_of(r), tarc::error);
    rest_twice s;
    s.others.append(tarc::value("a"), tarc::value(1));
    CHECK_THROWS_WITH_AS(bytes_of(s), doctest::Contains("\"a\" and \"tarc::rest\""), tarc::error);
}

TEST_CASE("elements of a set that fall together are a mismatch") {
    const auto bytes = bytes_of(std::set<double>{0.1, 0.1 + 1e-12});
    CHECK(tarc::load<std::set<double>>(bytes).size() == 2);
    CHECK_THROWS_AS(static_cast<void>(tarc::load<std::set<float>>(bytes)), tarc::mismatch_error);
}

TEST_CASE("a path with a NUL is refused") {
    const std::string path("x\0y", 3);
    CHECK_THROWS_AS(tarc::save(one(), path), tarc::error);
    CHECK_THROWS_AS(static_cast<void>(tarc::load<tensor>(path)), tarc::error);
}
