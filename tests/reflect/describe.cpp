#include <tarc/fwd.hpp>

#include <tuple>

// What is said about a struct needs <tarc/fwd.hpp> only, so it stands before everything else.
namespace {
struct described;
struct with_one_item;
struct with_names;
struct snapshot;
}  // namespace
template <>
inline constexpr auto tarc::describe<described> =
    std::tuple{tarc::rename{"first", "0"}, tarc::rename{"second", "class"}, tarc::transient{"cache"},
               tarc::defaulted{"note"}, tarc::defaulted{"first"}};
template <>
inline constexpr auto tarc::describe<with_one_item> = tarc::rename{"a", "b"};
template <>
inline constexpr auto tarc::describe<with_names> =
    std::tuple{tarc::field_names{"eins", "zwei"}, tarc::rename{"eins", "1"}};

#include <doctest/doctest.h>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/clone.hpp>
#include <tarc/reflect/schema.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

using tarc::detail::archivable;
using tarc::detail::facts_of;

namespace {

struct described {
    int first, second;
    std::unique_ptr<int> cache;
    std::string note;
};
struct with_one_item {
    int a, c;
};
struct with_names {
    int x, y;
};
struct snapshot {
    const int id = 3;
    tarc::tensor<float> weight;
    std::vector<snapshot> older;
    std::mutex* lock = nullptr;
};
struct inner {
    tarc::tensor<float> w;
    std::unique_ptr<int> handle;
};
struct [[maybe_unused]] outer {
    std::vector<inner> layers;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<snapshot> =
    std::tuple{tarc::transient{"id"}, tarc::transient{"older"}, tarc::transient{"lock"}};
template <>
inline constexpr auto tarc::describe<inner> = tarc::transient{"handle"};

TEST_CASE("rename, transient and defaulted") {
    constexpr const auto& m = facts_of<described>.members;
    static_assert(m.size() == 4 && m[0].name == "0" && m[1].name == "class" && m[3].name == "note");
    static_assert(m[0].defaulted && !m[1].defaulted && m[3].defaulted && m[2].transient && !m[3].transient);
    static_assert(m[2].type == nullptr);
    CHECK_EQ(tarc::schema_text<described>(), "0: int32\nclass: int32\nnote: str\n");
}

TEST_CASE("a description of one item needs no tuple") {
    static_assert(facts_of<with_one_item>.members[0].name == "b" && facts_of<with_one_item>.members[1].name == "c");
}

TEST_CASE("names that the program gives replace those of reflection") {
    static_assert(facts_of<with_names>.members[0].name == "1" && facts_of<with_names>.members[1].name == "zwei");
}

TEST_CASE("a transient field may be of any type") {
    static_assert(archivable<snapshot>);
    const auto& t = facts_of<snapshot>;
    CHECK_FALSE(static_cast<bool>(t.move));  // for its const member
    CHECK(static_cast<bool>(t.copy));
    CHECK(static_cast<bool>(t.create));
    static_assert(tarc::is_module<snapshot>);
    CHECK_EQ(tarc::schema_text<snapshot>(), "weight: float32[...]\n");
}

TEST_CASE("a container of what cannot be copied cannot be copied") {
    static_assert(std::is_copy_constructible_v<std::vector<inner>>);  // says std::vector; it does not compile
    for (const auto* t : {&facts_of<std::vector<inner>>, &facts_of<inner>}) {
        CHECK_FALSE(static_cast<bool>(t->copy));
        CHECK(static_cast<bool>(t->move));
    }
    static_assert(!tarc::detail::copyable<std::vector<inner>>() && tarc::detail::copyable<snapshot>());
#ifndef __clang__  // there PFR itself copies the vector when it counts the fields around it
    CHECK_FALSE(static_cast<bool>(facts_of<outer>.copy));
#endif
}

TEST_CASE("names with dots are found only where a description makes them") {
    static_assert(!facts_of<described>.dotted && !facts_of<inner>.dotted);
}
