#include <doctest/doctest.h>

#include "support/errors.hpp"

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

std::vector<std::string> names(const tarc::optim::adam& a, std::size_t group = 0) {
    std::vector<std::string> n;
    const auto list = a.param_groups[group].others.find("param_names");
    for (std::size_t i = 0; list && i < list->size(); ++i) n.emplace_back((*list)[i].as_string());
    return n;
}

using numbers = std::vector<std::int64_t>;
using texts = std::vector<std::string>;

/// A later shape of a model: `first` was called `input`.
struct renamed {
    linear first, last;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<renamed> = tarc::renamed_from{"first", "input"};

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

    auto by_address = tarc::optim::adam{};  // as before PyTorch 1.5
    by_address.param_groups.emplace_back().params = {900, 700, 100, 300};
    by_address.state[700] = optimizer.state.at(1);
    CHECK(tarc::optim::align(by_address, model).clean());
    CHECK_EQ(by_address.param_groups[0].params, std::vector<std::int64_t>{0, 1, 2, 3});
    CHECK_EQ(by_address.state.at(1).step.item(), 1);

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

TEST_CASE("not strict: state follows the parameters that are there, the rest is dropped and reported") {
    const net model = make_net();
    const tarc::optim::align_options loose{.strict = false};
    auto optimizer = numbered({"last.bias", "head.weight", "first.weight", "last.weight"});
    const auto report = tarc::optim::align(optimizer, model, loose);
    CHECK_EQ(report.missing_keys, texts{"first.bias"});
    CHECK_EQ(report.unexpected_keys, texts{"head.weight"});
    CHECK_EQ(steps(optimizer), std::vector<float>{2, 3, 0});
    // The order in the group is the file's, and what is new is in no group: it may be frozen.
    CHECK_EQ(optimizer.param_groups[0].params, numbers{3, 0, 2});
    CHECK_EQ(names(optimizer), texts{"last.bias", "first.weight", "last.weight"});

    auto wrong = numbered({"first.weight", "first.bias", "last.weight", "last.bias"});
    wrong.state[2].exp_avg = tensor::zeros({});
    const auto shapes = tarc::optim::align(wrong, model, loose);
    REQUIRE_EQ(shapes.mismatched.size(), 1);
    CHECK_EQ(shapes.mismatched[0].path, "state/2/exp_avg");
    CHECK_EQ(shapes.mismatched[0].archived, "shape []");
    CHECK_EQ(steps(wrong), std::vector<float>{0, 1, 3});
    CHECK_EQ(wrong.param_groups[0].params, numbers{0, 1, 2, 3});
}

TEST_CASE("not strict: parameters that the file lacks go where the program says") {
    const net model = make_net();
    auto in_order = numbered({"first.weight", "last.weight", "last.bias"});
    CHECK_FALSE(tarc::optim::align(in_order, model, {.strict = false, .missing_to = 0}).clean());
    CHECK_EQ(in_order.param_groups[0].params, numbers{0, 1, 2, 3});  // as PyTorch numbers the new model
    CHECK_EQ(steps(in_order), std::vector<float>{0, 1, 2});
    CHECK_FALSE(in_order.state.contains(1));

    auto turned = numbered({"last.bias", "last.weight", "first.weight"});
    auto sorted = tarc::clone(turned);
    CHECK_FALSE(tarc::optim::align(turned, model, {.strict = false, .missing_to = 0}).clean());
    CHECK_EQ(turned.param_groups[0].params, numbers{3, 2, 0, 1});
    CHECK_FALSE(tarc::optim::align(sorted, model, {.strict = false, .missing_to = 0, .model_order = true}).clean());
    CHECK_EQ(sorted.param_groups[0].params, numbers{0, 1, 2, 3});
    CHECK_EQ(names(sorted), texts{"first.weight", "first.bias", "last.weight", "last.bias"});
    CHECK_EQ(sorted.state.at(3).step.item(), 0);

    const auto no_group = [&] { return tarc::optim::align(turned, model, {.strict = false, .missing_to = 1}); };
    CHECK_EQ(tarc_test::error_of(no_group).code(), tarc::errc::invalid_argument);
}

TEST_CASE("a tied parameter goes by any of its names, a renamed field by its old ones, prefixes come off") {
    net tied = make_net();
    tied.last.weight = tied.first.weight;
    auto optimizer = numbered({"last.weight", "last.bias", "first.bias"});
    optimizer.state[0] = adam_state({3, 2}, 7);
    CHECK(tarc::optim::align(optimizer, tied).clean());
    CHECK_EQ(optimizer.param_groups[0].params, numbers{0, 2, 1});
    CHECK_EQ(names(optimizer)[0], "first.weight");
    CHECK_EQ(optimizer.state.at(0).step.item(), 7);

    // Two states for what is one parameter here: which is meant, nobody can say.
    for (const bool strict : {true, false}) {
        auto apart = numbered({"first.weight", "first.bias", "last.weight", "last.bias"});
        const auto report = tarc::optim::align(apart, tied, {.strict = strict});
        REQUIRE_EQ(report.mismatched.size(), 1);
        CHECK_EQ(report.mismatched[0].archived, "first.weight and last.weight");
        CHECK_EQ(steps(apart), std::vector<float>{0, 1, 2, 3});
    }

    const net plain = make_net();
    const renamed model{plain.first, plain.last};
    auto older = numbered({"first.weight", "first.bias", "last.weight", "last.bias"});
    const tarc::value old_names =
        tarc::value::list({"module.input.weight", "module.input.bias", "module.last.weight", "last.bias"});
    older.param_groups[0].others.set("param_names", old_names);
    CHECK(tarc::optim::align(older, model, {.strip_prefix = "module."}).clean());
    CHECK_EQ(names(older), texts{"first.weight", "first.bias", "last.weight", "last.bias"});
}

TEST_CASE("names that are no answer are reported, never guessed around") {
    const net model = make_net();
    const texts all{"first.weight", "first.bias", "last.weight", "last.bias"};
    const auto said = [&](auto edit) {
        auto optimizer = numbered(all);
        edit(optimizer);
        const auto report = tarc::optim::align(optimizer, model, {.strict = false});
        CHECK_EQ(steps(optimizer), std::vector<float>{0, 1, 2, 3});
        return report.mismatched.empty() ? std::string()
                                         : report.mismatched[0].path + ": " + report.mismatched[0].archived;
    };
    const auto set = [](tarc::value v) {
        return [v](tarc::optim::adam& a) { a.param_groups[0].others.set("param_names", v); };
    };
    CHECK_EQ(said(set(tarc::value::list({"first.weight"}))),
             "param_groups/0/param_names: what is no list of a name for each parameter");
    CHECK_EQ(said(set(tarc::value::list({1, 2, 3, 4}))),
             "param_groups/0/param_names: what is no list of a name for each parameter");
    CHECK_EQ(said(set(tarc::value::list({"last.bias", "first.bias", "last.weight", "last.bias"}))),
             "param_groups: last.bias twice");
    CHECK_EQ(said([](tarc::optim::adam& a) {
                 a.param_groups[0].params = {0, 1, 2};
                 a.param_groups[0].others.set("param_names",
                                              tarc::value::list({"first.weight", "first.bias", "last.weight"}));
                 a.param_groups.emplace_back().params = {3};
             }),
             "param_groups: names of the parameters in some groups only");
}

TEST_CASE("several groups without names: every parameter needs a shape to be known by") {
    const net model = make_net();
    auto optimizer = numbered({"first.weight", "first.bias", "last.weight", "last.bias"}, false);
    optimizer.param_groups.emplace_back().params = {2, 3};
    optimizer.param_groups[0].params = {0, 1};
    optimizer.param_groups.emplace_back();  // an empty one says nothing
    auto bare = tarc::clone(optimizer);
    CHECK(tarc::optim::align(optimizer, model).clean());
    CHECK_EQ(names(optimizer, 1), texts{"last.weight", "last.bias"});
    CHECK(tarc::optim::align(optimizer, model).clean());

    bare.state.erase(3);
    const auto report = tarc::optim::align(bare, model, {.strict = false});
    REQUIRE_EQ(report.mismatched.size(), 1);
    CHECK_EQ(report.mismatched[0].archived, "several groups without names, and of parameter 3 no shape");
    CHECK(names(bare, 1).empty());
}
