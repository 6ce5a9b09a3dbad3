#include <doctest/doctest.h>

#include "programs/parameters_model.hpp"

#include <tarc/reflect/parameters.hpp>
#include <tarc/value/value.hpp>

#include <string>
#include <variant>
#include <vector>

namespace {

/// The names, joined by spaces.
std::string names(const auto& model) {
    std::string n;
    for (const tarc::parameter& p : tarc::parameters(model)) n += (n.empty() ? "" : " ") + p.name;
    return n;
}

struct older_block {
    linear attention;
};
struct with_rest {
    linear fc;
    tarc::tensor<float> own;
    tarc::value value;
    tarc::rest rest;
    int scalar = 3;
    std::string text;
    int cache = 0;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<older_block> =
    std::tuple{tarc::renamed_from{"attention", "attn"}, tarc::renamed_from{"attention", "self"}};
template <>
inline constexpr auto tarc::describe<block> = tarc::rename{"attention", "self_attn"};

TEST_CASE("own tensors before those of children, under their keys in the archive") {
    block b;
    b.attention = make_linear(2, 2);
    b.scale = tensor::zeros({2});
    std::get<0>(b.mlp) = make_linear(2, 2, false);
    CHECK_EQ(names(b), "scale self_attn.weight self_attn.bias mlp.0.weight");
}

TEST_CASE("what older files call a field is another name of what stands below it") {
    const older_block b{make_linear(2, 2, false)};
    CHECK_EQ(names(b), "attention.weight");
    CHECK_EQ(tarc::parameters(b)[0].other_names, std::vector<std::string>{"attn.weight", "self.weight"});
}

TEST_CASE("parameters are handles on the model's tensors") {
    const linear l = make_linear(3, 2);
    for (const tarc::parameter& p : tarc::parameters(l))
        for (float& x : p.tensor.as<float>().span()) x = 5;
    CHECK_EQ(l.weight(1, 2), 5);
    CHECK_EQ((*l.bias)(1), 5);
}

TEST_CASE("tied tensors are numbered once; another view of one storage is another parameter") {
    const tensor w = tensor::zeros({4, 2});
    struct pair {
        tensor a, tied, turned, part, same_part;
    } const p{w, w, w.transpose(0, 1), w.narrow(0, 0, 2), w.narrow(0, 0, 2)};
    CHECK_EQ(names(p), "a turned part");
    CHECK_EQ(tarc::parameters(p)[0].other_names, std::vector<std::string>{"tied"});
    CHECK_EQ(tarc::parameters(p)[2].other_names, std::vector<std::string>{"same_part"});
}

TEST_CASE("undefined and absent tensors, integers and buffers are no parameters") {
    struct model {
        tensor undefined;
        std::optional<tensor> absent;
        std::optional<linear> no_child;
        tarc::buffer<float> buffer = tensor::zeros({1});
        tarc::tensor<int> integers = tarc::tensor<int>::zeros({1});
        tarc::tensor<bool> mask = tarc::tensor<bool>::zeros({1});
        std::optional<tarc::buffer<double>> optional_buffer = tarc::tensor<double>::zeros({1});
        tarc::tensor<tarc::float8_e4m3fn> tiny = tarc::tensor<tarc::float8_e4m3fn>::empty({2});
    };
    CHECK_EQ(names(model()), "tiny");
}

TEST_CASE("what is no tensor of the struct is passed over") {
    with_rest w;
    w.fc = make_linear(1, 1);
    w.own = tensor::zeros({1});
    w.value = w.fc.weight.clone();
    w.rest.set("k", tensor::zeros({1}));
    CHECK_EQ(names(w), "own fc.weight fc.bias");
}

TEST_CASE("containers at the top, and a lone tensor") {
    CHECK_EQ(names(std::vector<linear>{make_linear(1, 1), make_linear(1, 1, false)}), "0.weight 0.bias 1.weight");
    CHECK_EQ(names(std::map<std::string, tensor>{{"a", tensor::zeros({1})}}), "a");
    CHECK_EQ(names(std::variant<int, linear>(make_linear(1, 1, false))), "weight");
    CHECK(names(std::vector<linear>()).empty());
}
