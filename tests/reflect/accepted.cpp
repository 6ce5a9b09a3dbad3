#include <doctest/doctest.h>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/schema.hpp>
#include <tarc/value/value.hpp>

#include <any>
#include <array>
#include <atomic>
#include <complex>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

/// What stands next to the cases of tests/compile_fail, on the right side of the line.

using tarc::detail::archivable;

namespace {

using tensor = tarc::tensor<float>;
struct linear {
    tensor weight, bias;
};

struct pointers_that_are_transient {
    tensor w;
    int* raw;
    std::unique_ptr<int> owner;
    std::function<void()> hook;
    std::mutex mutex;
    std::atomic<int> counter;
    std::any anything;
    const int id;
    std::string_view name;
};
struct first_takes_anything {
    std::any a;
    int n;
};
struct base {
    int id;
};
struct base_as_field {
    base common;
    int n;
};
struct arrays {
    std::array<float, 3> mean;
    std::array<std::array<int, 2>, 2> matrix;
    std::vector<std::string> names;
    std::complex<float> z;
    tarc::any_tensor any;
};
struct with_defaults {
    int a = 3;
    tensor w = tensor::zeros({2});
    std::optional<linear> o = std::nullopt;
    std::vector<int> v = {1, 2, 3};
};
enum class key : std::uint8_t { a, b };
struct maps {
    std::map<std::string, linear> s;
    std::unordered_map<std::uint8_t, int> i;
    std::map<key, int> e;
    std::set<double> numbers;
    std::set<std::vector<std::byte>> blobs;
    std::set<key> enums;
};
struct sibling_names {
    tensor weight;
    linear fc1;
    linear fc11;
};
struct dotted {
    tensor w;
    linear fc1;
    std::tuple<linear> layers;
};
struct dotted_dict {
    tensor w;
    linear fc1;
    int makes_it_a_dict;
};
struct dotted_onto_vector {
    tensor w;
    std::vector<linear> layers;
};
struct rest_beside_its_name {
    int a;
    tarc::rest others;
};
struct forty {
    int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    tensor c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
};
template <class T>
struct templated {
    tarc::tensor<T> w;
    std::vector<T> v;
};
struct move_only {
    tensor w;
    std::unique_ptr<int> handle;
};
struct twins {
    linear a, b;
    std::vector<twins> transient_children;
};
struct empty {};

}  // namespace

template <>
inline constexpr auto tarc::describe<pointers_that_are_transient> = std::tuple{
    tarc::transient{"raw"},     tarc::transient{"owner"},    tarc::transient{"hook"}, tarc::transient{"mutex"},
    tarc::transient{"counter"}, tarc::transient{"anything"}, tarc::transient{"id"},   tarc::transient{"name"}};
template <>
inline constexpr auto tarc::describe<first_takes_anything> = tarc::transient{"a"};
template <>
inline constexpr auto tarc::describe<dotted> =
    std::tuple{tarc::rename{"w", "fc1.other"}, tarc::rename{"layers", "fc1.layers"}};
template <>
inline constexpr auto tarc::describe<dotted_dict> = tarc::rename{"w", "fc1.weight"};
template <>
inline constexpr auto tarc::describe<dotted_onto_vector> = tarc::rename{"w", "layers.0.weight"};
template <>
inline constexpr auto tarc::describe<rest_beside_its_name> = tarc::rename{"a", "others"};
template <>
inline constexpr auto tarc::describe<move_only> = tarc::transient{"handle"};
template <>
inline constexpr auto tarc::describe<twins> = tarc::transient{"transient_children"};

TEST_CASE("what can be archived") {
    static_assert(archivable<pointers_that_are_transient> && archivable<first_takes_anything> &&
                  archivable<base_as_field>);
    static_assert(archivable<arrays> && archivable<with_defaults> && archivable<maps> && archivable<sibling_names>);
    static_assert(archivable<dotted> && archivable<dotted_dict> && archivable<dotted_onto_vector> &&
                  archivable<rest_beside_its_name>);
    static_assert(archivable<forty> && archivable<templated<int>> && archivable<templated<double>> &&
                  archivable<move_only> && archivable<twins>);
    static_assert(archivable<std::vector<move_only>> && archivable<empty> &&
                  archivable<std::variant<std::monostate, linear, std::vector<int>>>);
    static_assert(archivable<std::optional<std::vector<std::optional<int>>>>);
}

TEST_CASE("local types and types of unnamed namespaces have their field names") {
    struct local {
        int alpha;
        std::vector<linear> beta;
    };
    CHECK_EQ(tarc::schema_text<local>(), "alpha: int32\nbeta/*/weight: float32[...]\nbeta/*/bias: float32[...]\n");
    CHECK_EQ(tarc::schema_text<pointers_that_are_transient>(), "w: float32[...]\n");
    CHECK_EQ(tarc::schema_text<twins>(),
             "a.weight: float32[...]\na.bias: float32[...]\nb.weight: float32[...]\nb.bias: float32[...]\n");
    CHECK_EQ(tarc::schema_text<dotted>(),
             "fc1.other: float32[...]\nfc1.weight: float32[...]\nfc1.bias: float32[...]\n"
             "fc1.layers.0.weight: float32[...]\nfc1.layers.0.bias: float32[...]\n");
}
