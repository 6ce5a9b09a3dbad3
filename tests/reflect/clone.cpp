#include <doctest/doctest.h>

#include <tarc/reflect/clone.hpp>
#include <tarc/value/value.hpp>

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

using tensor = tarc::tensor<float>;

namespace {

struct linear {
    tensor weight, bias;
};
struct everything {
    linear fc1;
    tensor tied;  // to fc1.weight
    tensor view;  // of fc1.weight
    std::optional<tensor> optional;
    std::variant<int, tensor> variant;
    std::map<std::string, linear> map;
    std::unordered_map<int, tensor> hash;
    std::vector<tensor> vector;
    std::deque<std::vector<linear>> deque;
    std::array<tensor, 2> array;
    std::tuple<int, tensor, std::optional<linear>> tuple;
    tarc::any_tensor any;
    tarc::value value;
    tarc::rest rest;
    std::string text = "text";
    std::vector<int> numbers{1, 2};
    tensor undefined;
    int cache = 7;
};

everything tied_everywhere() {
    const tensor w = tensor::from({1, 2, 3, 4, 5, 6}, {2, 3});
    everything e;
    e.fc1 = {w, tensor::full({3}, 9.f)};
    e.tied = w;
    e.view = w.transpose(0, 1);
    e.optional = w;
    e.variant = w;
    e.map["a"] = {w, w.select(0, 1)};
    e.hash[3] = w;
    e.vector = {w, w};
    e.deque = {{{w, w}}, {}};
    e.array = {w, w};
    e.tuple = {1, w, linear{w, w}};
    e.any = w;
    e.value = tarc::value::dict({{"inside", tarc::value::list({w, 1})}});
    e.rest.set("more", w);
    return e;
}

std::vector<tarc::storage> storages(const everything& e) {
    const auto value = e.value["inside"][0].as_tensor();
    return {e.fc1.weight.storage(),
            e.tied.storage(),
            e.view.storage(),
            e.optional->storage(),
            std::get<1>(e.variant).storage(),
            e.map.at("a").weight.storage(),
            e.map.at("a").bias.storage(),
            e.hash.at(3).storage(),
            e.vector[0].storage(),
            e.vector[1].storage(),
            e.deque[0][0].bias.storage(),
            e.array[1].storage(),
            std::get<1>(e.tuple).storage(),
            std::get<2>(e.tuple)->weight.storage(),
            e.any.storage(),
            value.storage(),
            e.rest.find("more")->as_tensor().storage()};
}

}  // namespace

template <>
inline constexpr auto tarc::describe<everything> = tarc::transient{"cache"};

TEST_CASE("a clone has storages of its own, and every tie of the original") {
    const everything original = tied_everywhere();
    const everything copy = tarc::clone(original);
    for (const tarc::storage& s : storages(original)) CHECK(s == original.fc1.weight.storage());
    for (const tarc::storage& s : storages(copy)) CHECK(s == copy.fc1.weight.storage());
    CHECK_FALSE(copy.fc1.weight.storage() == original.fc1.weight.storage());
    CHECK_FALSE(copy.fc1.bias.storage() == original.fc1.bias.storage());
    CHECK_FALSE(copy.fc1.bias.storage() == copy.fc1.weight.storage());
}

TEST_CASE("a clone has the values, shapes and strides of the original, and keeps them") {
    everything original = tied_everywhere();
    const everything copy = tarc::clone(original);
    for (float& x : original.fc1.weight.span()) x = -1;
    original.fc1.bias(0) = -1;
    original.text = "other";
    CHECK_EQ(copy.fc1.weight(1, 2), 6);
    CHECK_EQ(copy.view(2, 1), 6);
    CHECK_EQ(copy.view.strides()[0], 1);
    CHECK_EQ(copy.map.at("a").bias(0), 4);
    CHECK_EQ(copy.map.at("a").bias.offset(), 3);
    CHECK_EQ(copy.value["inside"][0].as_tensor().as<float>()(0, 1), 2);
    CHECK_EQ(copy.value["inside"][1].as_int(), 1);
    CHECK_EQ(copy.rest.find("more")->as_tensor().as<float>()(0, 0), 1);
    CHECK_EQ(copy.fc1.bias(0), 9);
    CHECK_EQ(copy.text, "text");
    CHECK_EQ(copy.numbers, std::vector<int>{1, 2});
    CHECK_EQ(copy.cache, 7);
    CHECK_FALSE(copy.undefined.defined());
}

TEST_CASE("assignment is another handle, which a clone is not") {
    linear model{tensor::zeros({2}), tensor::zeros({1})};
    const linear handle = model, best = tarc::clone(model);
    model.weight(0) = 1;
    CHECK_EQ(handle.weight(0), 1);
    CHECK_EQ(best.weight(0), 0);
}

TEST_CASE("empty parts, meta tensors and values that are no structs") {
    CHECK_FALSE(tarc::clone(everything()).fc1.weight.defined());
    CHECK_EQ(tarc::clone(tensor::full({2}, 3.f))(1), 3);
    CHECK_EQ(tarc::clone(std::string("x")), "x");
    CHECK(tarc::clone(std::vector<tensor>(2)).size() == 2);
    const tensor meta = tensor::over(tarc::storage::meta(8), {2});
    CHECK(tarc::clone(meta).device() == tarc::device::meta());
    CHECK_EQ(tarc::clone(tarc::value(3)).as_int(), 3);
    CHECK(tarc::clone(tarc::value()).is_none());
}

TEST_CASE("a clone of borrowed memory owns its bytes") {
    std::array<float, 3> mine{1, 2, 3};
    const tensor t = tensor::over(tarc::storage::borrow(mine.data(), sizeof mine), {3});
    const tensor copy = tarc::clone(t);
    mine[0] = 50;
    CHECK_EQ(t(0), 50);
    CHECK_EQ(copy(0), 1);
}

TEST_CASE("a struct to a device: what is there already stays, ties stay, meta has shapes") {
    linear both;
    both.weight = tensor::full({2, 2}, 1.f);
    both.bias = both.weight.select(0, 1);
    const linear same = tarc::to(both, tarc::device::cpu());
    CHECK(same.weight.storage() == both.weight.storage());
    const linear shapes = tarc::to(both, tarc::device::meta());
    CHECK(shapes.weight.device() == tarc::device::meta());
    CHECK(shapes.bias.storage() == shapes.weight.storage());
    CHECK_EQ(shapes.weight.shape()[1], 2);
    CHECK_THROWS_AS((void)tarc::to(both, tarc::device::cuda(0)), tarc::error);
}
