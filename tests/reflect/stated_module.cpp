#include <doctest/doctest.h>

#include <tarc/tarc.hpp>

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace {

using tensor = tarc::tensor<float>;
struct linear {
    tensor weight, bias;
};
struct attention {
    linear out;
    int heads = 0;
    std::vector<int> sizes = {};
};
struct settings {
    int width = 0;
    std::string name = {};
};
struct model {
    linear first;
    double temperature = 0;
    std::vector<attention> blocks = {};
    std::map<std::string, attention> by_name = {};
    std::tuple<int, linear> pair = {};
    std::optional<attention> maybe = {};
    std::optional<int> limit = {};
    std::vector<std::string> words = {};
    settings inner = {};
    settings other = {};
};
struct checkpoint {
    model net;
    int epoch = 0;
};

linear make(float x) { return {tensor::full({2, 2}, x), tensor::full({2}, x)}; }

}  // namespace

template <>
inline constexpr bool tarc::is_module<model> = true;

TEST_CASE("a module with scalars is one flat dict, and comes back from it") {
    model m;
    m.first = make(1);
    m.temperature = 0.5;
    m.blocks = {{make(2), 4, {1, 2}}, {make(3), 8, {}}};
    m.by_name["a"] = {make(4), 16, {3}};
    m.pair = {7, make(5)};
    m.limit = 9;
    m.words = {"x", "y"};
    m.inner = {3, "n"};
    m.other = {4, "d"};
    const std::string path = "stated_module.pt";
    tarc::save(checkpoint{m, 6}, path);

    const tarc::value all = tarc::open(path).value()["net"];
    std::string keys;
    for (const auto& [key, v] : all.items()) keys += std::string(key.as_string()) + " ";
    CHECK_EQ(keys,
             "first.weight first.bias temperature blocks.0.out.weight blocks.0.out.bias blocks.0.heads blocks.0.sizes "
             "blocks.1.out.weight "
             "blocks.1.out.bias blocks.1.heads blocks.1.sizes by_name.a.out.weight by_name.a.out.bias by_name.a.heads "
             "by_name.a.sizes pair.0 "
             "pair.1.weight pair.1.bias limit words inner.width inner.name other.width other.name ");

    const auto back = tarc::load<checkpoint>(path).net;
    CHECK_EQ(back.temperature, 0.5);
    REQUIRE_EQ(back.blocks.size(), 2);
    CHECK_EQ(back.blocks[1].heads, 8);
    CHECK_EQ(back.blocks[0].sizes, std::vector<int>{1, 2});
    CHECK_EQ(back.blocks[1].out.weight(1, 1), 3);
    CHECK_EQ(back.by_name.at("a").heads, 16);
    CHECK_EQ(std::get<0>(back.pair), 7);
    CHECK_EQ(std::get<1>(back.pair).bias(0), 5);
    CHECK_FALSE(back.maybe.has_value());
    CHECK_EQ(back.limit, 9);
    CHECK_EQ(back.words, std::vector<std::string>{"x", "y"});
    CHECK_EQ(back.inner.width, 3);
    CHECK_EQ(back.other.name, "d");
}
