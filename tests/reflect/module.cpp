#include <doctest/doctest.h>

#include <tarc/reflect/archivable.hpp>
#include <tarc/value/value.hpp>

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

using tarc::is_module;
using tarc::detail::archivable;
using tarc::detail::facts_of;

namespace {

using tensor = tarc::tensor<float>;
struct linear {
    tensor weight, bias;
};
struct relu {};
struct norm {
    tensor weight;
    tarc::buffer<float> running_mean;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct net {
    linear fc1;
    std::tuple<linear, relu, norm> layers;
    std::vector<linear> more;
    std::array<linear, 2> pair;
    std::optional<tensor> scale;
    std::optional<linear> head;
    std::map<std::string, linear> experts;
    std::map<std::string, tensor> raw;
    std::vector<std::optional<tarc::any_tensor>> list;
};
struct with_scalar {
    linear fc1;
    int heads;
};
struct with_text {
    tensor w;
    std::string s;
};
struct with_int_map {
    std::map<int, tensor> m;
};
struct with_variant {
    std::variant<tensor, linear> v;
};
struct with_value {
    tensor w;
    tarc::value v;
};
struct with_rest {
    tensor w;
    tarc::rest others;
};
struct with_metadata {
    tensor w;
    tarc::module_metadata metadata;
};
struct with_transient {
    tensor w;
    int cache;
};
struct chain {
    tensor w;
    std::vector<chain> next;
};
struct stated_true {
    linear fc1;
    int heads;
    std::vector<with_scalar> blocks;
    std::vector<int> sizes;
    std::map<std::string, double> table;
    with_scalar inner;
};
struct stated_false {
    tensor w;
};
struct around {
    stated_false part;
};
struct around_true {
    stated_true part;
    tensor w;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<with_transient> = tarc::transient{"cache"};
template <>
inline constexpr bool tarc::is_module<stated_true> = true;
template <>
inline constexpr bool tarc::is_module<stated_false> = false;

TEST_CASE("a module is an aggregate all of whose leaves are tensors") {
    static_assert(is_module<linear> && is_module<norm> && is_module<net>);
    static_assert(is_module<relu>);  // an empty struct writes nothing
    static_assert(is_module<with_metadata> && is_module<with_transient>);
    static_assert(!is_module<with_scalar> && !is_module<with_text> && !is_module<with_int_map> &&
                  !is_module<with_variant>);
    static_assert(!is_module<with_value> && !is_module<with_rest>);
}

TEST_CASE("what is no aggregate is no module") {
    static_assert(!is_module<tensor> && !is_module<std::vector<linear>> && !is_module<int> &&
                  !is_module<std::tuple<linear, relu>>);
}

TEST_CASE("a struct that contains itself is never a module") { static_assert(!is_module<chain> && !archivable<chain>); }

TEST_CASE("it can be stated either way") {
    static_assert(is_module<stated_true> && facts_of<stated_true>.is_module && facts_of<stated_true>.flattens);
    static_assert(!is_module<stated_false> && !facts_of<stated_false>.flattens);
    static_assert(!is_module<around>);  // a leaf of it is a dict
    static_assert(is_module<around_true>);
}

TEST_CASE("inside a module structs and containers of them flatten, scalars and containers of scalars are leaves") {
    static_assert(facts_of<with_scalar>.flattens && facts_of<std::vector<with_scalar>>.flattens);
    static_assert(!facts_of<std::vector<int>>.flattens && !facts_of<std::map<std::string, double>>.flattens &&
                  !facts_of<int>.flattens);
    static_assert(facts_of<std::tuple<linear, relu, norm>>.flattens &&
                  facts_of<std::map<std::string, tensor>>.flattens);
    static_assert(!facts_of<std::map<int, tensor>>.flattens && !facts_of<std::vector<stated_false>>.flattens);
}
