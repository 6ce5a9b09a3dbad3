#include <doctest/doctest.h>

#include <tarc/optim.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using tensor = tarc::tensor<float>;
struct linear {
    tensor weight, bias;
};
struct net {
    linear first, last;
    tarc::buffer<float> mean = tensor::zeros({2});
};

net make_net() { return {{tensor::zeros({3, 2}), tensor::zeros({3})}, {tensor::zeros({2, 3}), tensor::zeros({2})}}; }

tarc::optim::adam_state adam_state(tarc::shape_view shape, float mark) {
    tarc::optim::adam_state s;
    s.step = tarc::tensor<float, tarc::scalar>::full({}, mark);
    s.exp_avg = tensor::full(shape, mark);
    s.exp_avg_sq = tensor::full(shape, mark);
    return s;
}

/// As a file numbers them: what the names say, each parameter's `step` is the place of its name in `names`.
tarc::optim::adam numbered(const std::vector<std::string>& names, bool with_names = true) {
    tarc::optim::adam a;
    a.param_groups.emplace_back();
    std::vector<tarc::value> values;
    const std::vector<std::vector<std::int64_t>> shapes{{3, 2}, {3}, {2, 3}, {2}};
    const std::vector<std::string> model{"first.weight", "first.bias", "last.weight", "last.bias"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        const auto number = static_cast<std::int64_t>(i);
        a.param_groups[0].params.push_back(number);
        values.emplace_back(names[i]);
        const auto at = static_cast<std::size_t>(std::find(model.begin(), model.end(), names[i]) - model.begin());
        a.state[number] = adam_state(at < 4 ? shapes[at] : std::vector<std::int64_t>{1}, static_cast<float>(i));
    }
    if (with_names) a.param_groups[0].others.set("param_names", tarc::value::list(values));
    return a;
}

std::vector<float> steps(const tarc::optim::adam& a) {
    std::vector<float> s;
    for (const auto& [number, state] : a.state) s.push_back(state.step.item());
    return s;
}

}  // namespace

TEST_CASE("a group of all parameters, numbered and named") {
    const net model = make_net();
    tarc::optim::sgd optimizer;
    tarc::optim::add_parameters(optimizer, model).lr = 0.5;
    REQUIRE_EQ(optimizer.param_groups.size(), 1);
    CHECK_EQ(optimizer.param_groups[0].lr, 0.5);
    CHECK_EQ(optimizer.param_groups[0].params, std::vector<std::int64_t>{0, 1, 2, 3});
    const auto names = optimizer.param_groups[0].others.find("param_names");
    REQUIRE(names);
    CHECK_EQ((*names)[2].as_string(), "last.weight");

    tarc::optim::sgd_group second;
    second.momentum = 0.9;
    tarc::optim::add_parameters(optimizer, model.first, second);
    CHECK_EQ(optimizer.param_groups[1].params, std::vector<std::int64_t>{4, 5});
    CHECK_EQ(optimizer.param_groups[1].momentum, 0.9);
}

TEST_CASE("names decide where the file has them") {
    const net model = make_net();
    auto optimizer = numbered({"last.bias", "first.weight", "last.weight", "first.bias"});
    CHECK(tarc::optim::align(optimizer, model).clean());
    CHECK_EQ(steps(optimizer), std::vector<float>{1, 3, 2, 0});
    CHECK_EQ(optimizer.param_groups[0].params, std::vector<std::int64_t>{3, 0, 2, 1});
    CHECK_EQ(optimizer.state.at(0).exp_avg.shape()[1], 2);
    CHECK(tarc::optim::align(optimizer, model).clean());  // it stays so
    CHECK_EQ(steps(optimizer), std::vector<float>{1, 3, 2, 0});
}

TEST_CASE("without names the order decides, if the count and every shape agree") {
    const net model = make_net();
    auto optimizer = numbered({"first.weight", "first.bias", "last.weight", "last.bias"}, false);
    CHECK(tarc::optim::align(optimizer, model).clean());
    CHECK_EQ(steps(optimizer), std::vector<float>{0, 1, 2, 3});
    const auto names = optimizer.param_groups[0].others.find("param_names");
    REQUIRE(names);
    CHECK_EQ((*names)[3].as_string(), "last.bias");

    auto fewer = numbered({"first.weight", "first.bias", "last.weight"}, false);
    const auto report = tarc::optim::align(fewer, model);
    REQUIRE_EQ(report.mismatched.size(), 1);
    CHECK_EQ(report.mismatched[0].archived, "3 parameters without names");
    CHECK_FALSE(fewer.param_groups[0].others.find("param_names"));

    auto swapped = numbered({"first.bias", "first.weight", "last.weight", "last.bias"}, false);
    const auto shapes = tarc::optim::align(swapped, model);
    REQUIRE_EQ(shapes.mismatched.size(), 4);
    CHECK_EQ(shapes.mismatched[0].path, "state/0/exp_avg");
    CHECK_EQ(shapes.mismatched[0].archived, "shape [3]");
    CHECK_EQ(shapes.mismatched[0].expected, "shape [3, 2] of first.weight");
    CHECK_EQ(steps(swapped), std::vector<float>{0, 1, 2, 3});
}

TEST_CASE("what does not fit is reported, and nothing is changed") {
    const net model = make_net();
    auto optimizer = numbered({"first.weight", "first.bias", "head.weight", "last.bias"});
    const auto report = tarc::optim::align(optimizer, model);
    CHECK_EQ(report.missing_keys, std::vector<std::string>{"last.weight"});
    CHECK_EQ(report.unexpected_keys, std::vector<std::string>{"head.weight"});
    CHECK_EQ(optimizer.param_groups[0].params, std::vector<std::int64_t>{0, 1, 2, 3});

    auto twice = numbered({"first.weight", "first.bias", "last.weight", "last.bias"});
    twice.param_groups[0].params[1] = 0;
    CHECK_EQ(tarc::optim::align(twice, model).mismatched.size(), 1);

    auto stray = numbered({"first.weight", "first.bias", "last.weight", "last.bias"});
    stray.state[9] = adam_state({1}, 9);
    CHECK_EQ(tarc::optim::align(stray, model).unexpected_keys, std::vector<std::string>{"state/9"});

    auto wrong = numbered({"first.weight", "first.bias", "last.weight", "last.bias"});
    wrong.state[2].others.set("max_exp_avg_sq", tensor::zeros({7}));
    const auto in_rest = tarc::optim::align(wrong, model);
    REQUIRE_EQ(in_rest.mismatched.size(), 1);
    CHECK_EQ(in_rest.mismatched[0].path, "state/2/max_exp_avg_sq");
}

TEST_CASE("state of several groups, and none before the first step") {
    const net model = make_net();
    tarc::optim::sgd optimizer;
    tarc::optim::add_parameters(optimizer, model.last);
    auto& names = optimizer.param_groups[0].others;
    names.set("param_names", tarc::value::list({"last.weight", "last.bias"}));
    tarc::optim::add_parameters(optimizer, model.first);
    optimizer.param_groups[1].others.set("param_names", tarc::value::list({"first.weight", "first.bias"}));
    optimizer.state[1].momentum_buffer = tensor::full({2}, 4.f);
    CHECK(tarc::optim::align(optimizer, model).clean());
    CHECK_EQ(optimizer.param_groups[0].params, std::vector<std::int64_t>{2, 3});
    CHECK_EQ(optimizer.param_groups[1].params, std::vector<std::int64_t>{0, 1});
    CHECK_EQ(optimizer.state.size(), 1);
    CHECK(optimizer.state.at(3).momentum_buffer.has_value());

    tarc::optim::sgd fresh;
    tarc::optim::add_parameters(fresh, model);
    CHECK(tarc::optim::align(fresh, model).clean());
}
