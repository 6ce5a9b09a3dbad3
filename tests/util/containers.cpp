#include <doctest/doctest.h>

#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

#include <cstdint>
#include <memory>
#include <string>

using namespace tarc::detail;

TEST_CASE("vec keeps its elements through growth, copies and moves") {
    vec<std::string> v;
    for (int i = 0; i < 100; ++i) v.push_back(std::string(40, static_cast<char>('a' + i % 26)));
    v.push_back(v.front());  // an element of its own, while it grows
    CHECK(v.size() == 101);
    CHECK(v.back() == std::string(40, 'a'));
    const vec<std::string> copy = v;
    vec<std::string> moved = static_cast<vec<std::string>&&>(v);
    CHECK(v.empty());
    CHECK(moved.size() == copy.size());
    CHECK(moved[99] == copy[99]);
    v = copy;
    v.resize(3);
    v.resize(5);
    CHECK(v[2] == copy[2]);
    CHECK(v[4].empty());
    v.assign(2, v[0]);
    CHECK(v.size() == 2);
    CHECK(v[1] == copy[0]);
}

TEST_CASE("vec destroys what it holds, once") {
    const auto counted = std::make_shared<int>(0);
    {
        vec<std::shared_ptr<int>> v(3, counted);
        v.push_back(counted);
        CHECK(counted.use_count() == 5);
        v.pop_back();
        v.resize(1);
        CHECK(counted.use_count() == 2);
        v.clear();
        CHECK(counted.use_count() == 1);
        v.push_back(counted);
    }
    CHECK(counted.use_count() == 1);
}

TEST_CASE("keys are numbered in the order of their first appearance") {
    vec<std::string> names;
    for (int i = 0; i < 1000; ++i) names.push_back("key " + std::to_string(i));
    text_set texts;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const numbered n = texts.add(names[i]);
        CHECK_UNARY(n.fresh);
        CHECK_EQ(n.number, i);
    }
    const std::string same = names[500];
    CHECK_UNARY_FALSE(texts.add(same).fresh);
    CHECK_EQ(texts.find(same), 500);
    CHECK_EQ(texts.find("key"), text_set::none);
    CHECK_EQ(text_set().find("key"), text_set::none);
}

TEST_CASE("a map holds one value for each key") {
    numbered_map<std::uint64_t, int> m;
    for (std::uint64_t i = 0; i < 300; ++i) m[i << 32] = static_cast<int>(i);
    for (std::uint64_t i = 0; i < 300; ++i) {
        REQUIRE(m.find(i << 32) != nullptr);
        CHECK(*m.find(i << 32) == static_cast<int>(i));
    }
    CHECK(m.find(7) == nullptr);
    CHECK(m.at(7, 9) == 9);
    CHECK(m.at(7, 10) == 9);
}

TEST_CASE("numbers are sorted by what they stand for, equal ones by themselves") {
    const int values[] = {3, 1, 2, 1, 3};
    const vec<std::size_t> order =
        sorted_numbers(5, [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    const std::size_t expected[] = {1, 3, 2, 0, 4};
    REQUIRE(order.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) CHECK(order[i] == expected[i]);
}

TEST_CASE("addresses keep their numbers however they lie") {
    const auto number_all = [](std::size_t pages, std::size_t apart) {
        tarc::detail::address_set numbers;
        const auto key = [&](std::size_t page, std::size_t i) {
            return reinterpret_cast<const void*>(std::uintptr_t{0x7f0000000000} + page * apart + i * 32);
        };
        for (std::size_t page = 0; page < pages; ++page)
            for (std::size_t i = 0; i < 128; ++i) REQUIRE(numbers.add(key(page, i)).fresh);
        for (std::size_t page = 0; page < pages; ++page)
            for (std::size_t i = 0; i < 128; ++i) {
                REQUIRE(numbers.find(key(page, i)) == page * 128 + i);
                REQUIRE_FALSE(numbers.add(key(page, i)).fresh);
            }
        CHECK(numbers.find(key(pages, 0)) == tarc::detail::address_set::none);
    };
    number_all(100, 4096);                  // one behind the other
    number_all(400, std::size_t{1} << 22);  // full pages that would all have one place in the table
}
