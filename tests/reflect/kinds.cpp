#include <doctest/doctest.h>

#include <tarc/reflect/archivable.hpp>
#include <tarc/value/value.hpp>

#include <array>
#include <complex>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

using tarc::detail::archivable;
using tarc::detail::facts_of;
using tarc::detail::kind;
using tarc::detail::kind_v;

namespace {

struct linear {
    tarc::tensor<float> weight, bias;
};
enum class plain : std::uint16_t { a = 1, b = 40000 };
enum old_style { zero, one };
enum class named : int { red = -1, green = 5 };
struct looks_like_a_pair {
    int first, second;
};
struct empty {};
struct engine_like_names {
    int seed, discard;
};

}  // namespace

template <>
inline constexpr tarc::enum_name<named> tarc::enum_names<named>[] = {{named::red, "red"}, {named::green, "green"}};

TEST_CASE("the kind of every C++ type of the table") {
    static_assert(kind_v<bool> == kind::boolean);
    static_assert(kind_v<int> == kind::integer && kind_v<std::int8_t> == kind::integer &&
                  kind_v<unsigned long long> == kind::integer);
    static_assert(kind_v<float> == kind::real && kind_v<double> == kind::real);
    static_assert(kind_v<std::complex<float>> == kind::complex && kind_v<std::complex<double>> == kind::complex);
    static_assert(kind_v<std::string> == kind::string && kind_v<std::vector<std::byte>> == kind::bytes);
    static_assert(kind_v<plain> == kind::enumeration && kind_v<old_style> == kind::enumeration &&
                  kind_v<named> == kind::enumeration);
    static_assert(kind_v<tarc::tensor<float>> == kind::tensor &&
                  kind_v<tarc::tensor<bool, 3, tarc::dyn>> == kind::tensor);
    static_assert(kind_v<tarc::any_tensor> == kind::tensor && kind_v<tarc::buffer<float, 3>> == kind::tensor);
    static_assert(kind_v<std::optional<int>> == kind::optional && kind_v<std::optional<linear>> == kind::optional);
    static_assert(kind_v<std::vector<int>> == kind::sequence && kind_v<std::deque<std::string>> == kind::sequence);
    static_assert(kind_v<std::vector<linear>> == kind::sequence && kind_v<std::deque<bool>> == kind::sequence);
    static_assert(kind_v<std::vector<bool>> == kind::bits && kind_v<std::array<linear, 2>> == kind::array);
    static_assert(kind_v<std::tuple<int, linear>> == kind::tuple && kind_v<std::pair<int, int>> == kind::tuple &&
                  kind_v<std::tuple<>> == kind::tuple);
    static_assert(kind_v<std::set<int>> == kind::set && kind_v<std::unordered_set<std::string>> == kind::set);
    static_assert(kind_v<std::map<std::string, linear>> == kind::map &&
                  kind_v<std::unordered_map<int, int>> == kind::map);
    static_assert(kind_v<std::variant<int, std::string>> == kind::variant && kind_v<std::monostate> == kind::none);
    static_assert(kind_v<std::mt19937> == kind::text && kind_v<std::minstd_rand> == kind::text &&
                  kind_v<std::ranlux48> == kind::text);
    static_assert(kind_v<tarc::value> == kind::value && kind_v<tarc::rest> == kind::rest &&
                  kind_v<tarc::module_metadata> == kind::metadata);
    static_assert(kind_v<linear> == kind::aggregate && kind_v<empty> == kind::aggregate &&
                  kind_v<looks_like_a_pair> == kind::aggregate);
    static_assert(kind_v<engine_like_names> == kind::aggregate);
}

TEST_CASE("what is none of them") {
    static_assert(kind_v<char> == kind::unknown && kind_v<int*> == kind::unknown && kind_v<std::byte> == kind::unknown);
    static_assert(kind_v<long double> == kind::unknown && kind_v<std::complex<long double>> == kind::unknown);
    static_assert(kind_v<std::multiset<int>> == kind::unknown && kind_v<std::multimap<int, int>> == kind::unknown);
    static_assert(kind_v<std::uniform_real_distribution<float>> == kind::unknown &&
                  kind_v<std::random_device> == kind::unknown);
    static_assert(kind_v<tarc::float16> == kind::unknown && kind_v<tarc::float8_e8m0fnu> == kind::unknown &&
                  kind_v<tarc::complex32> == kind::unknown);
    static_assert(!archivable<char> && !archivable<std::vector<int*>> && !archivable<tarc::rest> &&
                  !archivable<std::optional<tarc::rest>>);
    static_assert(archivable<linear> && archivable<std::vector<std::map<std::string, std::tuple<int, linear>>>> &&
                  archivable<empty>);
}

TEST_CASE("numbers, enums and their names") {
    static_assert(facts_of<std::uint16_t>.size == 2 && !facts_of<std::uint16_t>.is_signed &&
                  facts_of<std::int64_t>.is_signed);
    static_assert(facts_of<plain>.size == 2 && !facts_of<plain>.is_signed && !facts_of<plain>.has_names);
    static_assert(facts_of<named>.has_names && facts_of<named>.names.size() == 2);
    static_assert(facts_of<named>.names[0].name == "red" && facts_of<named>.names[0].value == -1 &&
                  facts_of<named>.names[1].value == 5);
    static_assert(facts_of<std::complex<float>>.size == 4 && facts_of<std::complex<double>>.size == 8);
    const plain b = plain::b;
    CHECK_EQ(tarc::detail::read_signed(facts_of<plain>, &b), 40000);
    const std::int8_t minus = -3;
    CHECK_EQ(tarc::detail::read_signed(facts_of<std::int8_t>, &minus), -3);
    const std::uint64_t most = UINT64_MAX;
    CHECK_EQ(static_cast<std::uint64_t>(tarc::detail::read_signed(facts_of<std::uint64_t>, &most)), UINT64_MAX);
    std::int16_t target = 0;
    tarc::detail::write_integer(facts_of<std::int16_t>, &target, static_cast<std::uint64_t>(-5));
    CHECK_EQ(target, -5);
}

TEST_CASE("tensors: dtype, rank and extents") {
    constexpr const auto& fixed = facts_of<tarc::tensor<float, 6, tarc::dyn>>;
    static_assert(fixed.dtype == tarc::dtype::float32 && fixed.has_rank && !fixed.any_dtype && !fixed.is_buffer);
    static_assert(fixed.extents.size() == 2 && fixed.extents[0] == 6 && fixed.extents[1] == tarc::dyn);
    static_assert(!facts_of<tarc::tensor<float>>.has_rank && facts_of<tarc::any_tensor>.any_dtype &&
                  !facts_of<tarc::any_tensor>.has_rank);
    static_assert(facts_of<tarc::tensor<double, tarc::scalar>>.has_rank &&
                  facts_of<tarc::tensor<double, tarc::scalar>>.extents.empty());
    static_assert(facts_of<tarc::buffer<float, 3>>.is_buffer && facts_of<tarc::buffer<float, 3>>.extents.size() == 1);
    static_assert(facts_of<tarc::buffer<float, tarc::scalar>>.extents.empty());
}

TEST_CASE("a variant whose alternatives are of different kinds is the bare value") {
    static_assert(!facts_of<std::variant<std::monostate, bool, int, double, std::complex<float>, std::string, std::vector<std::byte>,
                                         tarc::tensor<float>, std::vector<int>, std::set<int>, std::map<int, int>>>.tagged);
    static_assert(facts_of<std::variant<int, long>>.tagged && facts_of<std::variant<float, double>>.tagged);
    static_assert(facts_of<std::variant<std::vector<int>, std::tuple<int>>>.tagged &&
                  facts_of<std::variant<linear, std::map<int, int>>>.tagged);
    static_assert(facts_of<std::variant<int, plain>>.tagged && !facts_of<std::variant<int, named>>.tagged &&
                  facts_of<std::variant<std::string, named>>.tagged);
    static_assert(facts_of<std::variant<int, tarc::value>>.tagged &&
                  facts_of<std::variant<int, std::optional<double>>>.tagged);
    static_assert(facts_of<std::variant<std::string, std::mt19937>>.tagged &&
                  facts_of<std::variant<tarc::tensor<float>, tarc::tensor<double>>>.tagged);
    static_assert(facts_of<std::variant<int, std::variant<double, std::string>>>.tagged);
}

TEST_CASE("unordered containers are written in key order, ordered ones as they are") {
    static_assert(facts_of<std::unordered_map<int, int>>.unordered && facts_of<std::unordered_set<int>>.unordered);
    static_assert(!facts_of<std::map<int, int>>.unordered && !facts_of<std::set<int>>.unordered);
}

TEST_CASE("the table's accessors reach the object") {
    struct all {
        std::vector<int> numbers{1, 2};
        std::optional<std::string> text;
        std::map<std::string, int> map{{"a", 1}};
        std::variant<int, std::string> either;
        std::vector<bool> bits{true, false};
        std::set<int> set{3};
        std::tuple<int, float> pair{4, 5.f};
    } x;
    constexpr const auto& t = facts_of<all>;
    static_assert(t.members.size() == 7 && t.members[2].name == "map");
    std::array<void*, 7> at{};
    t.addresses(&x, at.data());
    CHECK_EQ(at[0], &x.numbers);
    CHECK_EQ(at[6], &x.pair);

    const auto& numbers = *t.members[0].type;
    numbers.resize(at[0], 3);
    *static_cast<int*>(numbers.at(at[0], 2)) = 9;
    CHECK_EQ(x.numbers, std::vector<int>{1, 2, 9});
    CHECK_EQ(numbers.get_size(at[0]), 3);

    const auto& text = *t.members[1].type;
    CHECK_EQ(text.get(at[1]), nullptr);
    *static_cast<std::string*>(text.emplace(at[1], 0)) = "hi";
    CHECK_EQ(x.text, "hi");
    text.clear(at[1]);
    CHECK_FALSE(x.text.has_value());

    const auto& map = *t.members[2].type;
    std::string key = "b";
    const auto inserted = map.insert(at[2], &key);
    CHECK(inserted.fresh);
    *static_cast<int*>(inserted.value) = 2;
    CHECK_FALSE(map.insert(at[2], &(key = "b")).fresh);
    CHECK_EQ(x.map, std::map<std::string, int>{{"a", 1}, {"b", 2}});
    const std::string a = "a", none = "z";
    void* found = nullptr;
    CHECK(map.find(at[2], &a, &found));
    CHECK_EQ(*static_cast<int*>(found), 1);
    CHECK_FALSE(map.find(at[2], &none, &found));

    const auto& either = *t.members[3].type;
    *static_cast<std::string*>(either.emplace(at[3], 1)) = "s";
    CHECK_EQ(either.which(at[3]), 1);
    CHECK_EQ(std::get<1>(x.either), "s");
    CHECK_EQ(*static_cast<std::string*>(either.get(at[3])), "s");

    const auto& bits = *t.members[4].type;
    bits.set_bit(at[4], 1, true);
    CHECK(bits.get_bit(at[4], 1));
    CHECK_EQ(x.bits, std::vector<bool>{true, true});

    int four = 4;
    t.members[5].type->insert(at[5], &four);
    CHECK_EQ(x.set, std::set<int>{3, 4});
}
