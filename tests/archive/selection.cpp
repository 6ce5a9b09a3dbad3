#include "archive/support.hpp"

#include <map>
#include <optional>
#include <tuple>

#include <tarc/archive/key_regex.hpp>

using namespace tarc_test;
using tarc::tensor;
using strings = std::vector<std::string>;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct net {
    linear fc1, fc2;
};
struct checkpoint {
    std::int64_t epoch = 0;
    net model;
    std::vector<int> sizes;
    std::map<std::string, double> rates;
    std::array<int, 2> pair{};
    std::optional<int> maybe;
};

linear layer(float f, std::int64_t n = 2) { return {tensor<float>::full({n}, f), tensor<float>::full({n}, f + 0.5f)}; }
checkpoint make() { return {5, {layer(1), layer(2)}, {1, 2}, {{"lr", 0.5}}, {3, 4}, 6}; }

TEST_CASE("globs") {
    const auto covers = tarc::detail::glob_covers;
    CHECK(covers("fc1.weight", "fc1.weight"));
    CHECK(covers("fc1", "fc1.weight"));
    CHECK(covers("model", "model/fc1.weight"));
    CHECK_FALSE(covers("fc", "fc1.weight"));
    CHECK_FALSE(covers("fc1.weight.x", "fc1.weight"));
    CHECK(covers("*", ""));
    CHECK(covers("*.bias", "model/fc1.bias"));
    CHECK_FALSE(covers("*.bias", "model/fc1.biased"));
    CHECK(covers("fc?.weight", "fc1.weight"));
    CHECK_FALSE(covers("fc?", "fc"));
    CHECK(covers("*1*", "fc1.weight"));
    CHECK(covers("a*b*c", "aXbYbZc"));
    CHECK_FALSE(covers("a*b*c", "aXbYbZ"));
    CHECK(covers("", "/x"));
    CHECK_FALSE(covers("", "x"));
    CHECK_FALSE(covers(std::string(60, '*') + "b", std::string(20000, 'a')));  // at once, not in exponential time
}

TEST_CASE("what is selected is read, and nothing else") {
    const bytes file = saved(make());
    checkpoint c;
    c.rates = {{"mine", 1}};
    c.maybe = 8;
    const tarc::load_report r = tarc::load_into(c, file, {.select = {"model/fc1", "epoch", "sizes/*"}});
    CHECK(r.clean());
    CHECK(c.epoch == 5);
    CHECK(c.model.fc1.bias(0) == 1.5f);
    CHECK_FALSE(c.model.fc2.weight.defined());
    CHECK(c.sizes == std::vector<int>{1, 2});
    CHECK(c.rates.count("mine") == 1);
    CHECK(c.pair[1] == 0);
    CHECK(c.maybe == 8);
    checkpoint large = make();
    large.model = {layer(1, 100'000), layer(2, 100'000)};
    const bytes larger = saved(large);
    const auto source = std::make_shared<scripted_source>(larger);
    (void)tarc::load<checkpoint>(source, {.select = {"model/fc1.weight"}});
    int touched = 0;
    for (const payload& p : payloads(larger))  // the ends stand beside headers
        if (const auto middle = (p.begin + p.end) / 2; p.name.starts_with("data/"))
            touched += source->touched(middle, middle + 1);
    CHECK(touched == 1);
}

TEST_CASE("what is skipped is neither missing nor unexpected") {
    struct other {
        std::int64_t epoch = 0;
        net model;
        tensor<double> extra;
    };
    const bytes file = saved(make());
    other o;
    CHECK(report_of([&] { tarc::load_into(o, file); }).missing_keys == strings{"extra"});
    CHECK(tarc::load_into(o, file, {.skip = {"extra", "sizes", "rates", "pair", "maybe", "*.bias"}}).clean());
    CHECK(o.model.fc2.weight(0) == 2);
    CHECK_FALSE(o.model.fc2.bias.defined());
    const tarc::load_report r = tarc::load_into(o, file, {.strict = false, .select = {"model"}, .skip = {"model/fc2"}});
    CHECK(r.clean());
}

struct open_ended {
    net model;
    tarc::rest others;
};

TEST_CASE("a rest keeps what takes no part") {
    const bytes file = saved(make());
    open_ended o = tarc::load<open_ended>(file, {.select = {"model", "epoch"}});
    CHECK(o.others.size() == 1);
    tarc::load_into(o, file, {.select = {"sizes"}});
    CHECK(o.others.size() == 2);
    CHECK(o.others.begin()->key.as_string() == "epoch");
}

struct renamed_net {
    linear encoder, decoder;
};

TEST_CASE("keys by table, function and regular expression") {
    const bytes file = saved(net{layer(1), layer(2)});
    const auto check = [&](const tarc::key_map& keys) {
        const renamed_net n = tarc::load<renamed_net>(file, {.keys = keys});
        CHECK(n.encoder.weight(0) == 1);
        CHECK(n.decoder.bias(0) == 2.5f);
    };
    const tarc::key_map table{{"fc1.", "encoder."}, {"fc2.weight", "decoder.weight"}, {"fc2.bias", "decoder.bias"}};
    check(table);
    const auto to_wanted = [](std::string_view key) {
        return (key.starts_with("fc1") ? "encoder" : "decoder") + std::string(key.substr(3));
    };
    check(to_wanted);
    check(tarc::key_regex({{"^fc1", "encoder"}, {R"(^fc(\d)\.(\w+)$)", "decoder.$2"}}));
    CHECK(error_of([] { (void)tarc::key_regex({{"(", ""}}); }).code() == tarc::errc::invalid_argument);

    renamed_net n{layer(1), layer(2)};
    CHECK(saved(n, {.keys = table, .manifest = false}) == saved(net{layer(1), layer(2)}, {.manifest = false}));
    CHECK(error_of([&] { (void)saved(n, {.keys = to_wanted}); }).code() == tarc::errc::invalid_argument);
    const auto to_archived = [](std::string_view key) {
        return (key.starts_with("enc") ? "fc1" : "fc2") + std::string(key.substr(7));
    };
    CHECK(tarc::load<net>(saved(n, {.keys = {to_wanted, to_archived}})).fc2.bias(0) == 2.5f);
}

TEST_CASE("keys that are mapped onto each other are told apart, or reported") {
    const bytes file = saved(net{layer(1), layer(2)});
    const tarc::key_map swap{{"fc1.", "fc2."}, {"fc2.", "fc1."}};
    CHECK(tarc::load<net>(file, {.keys = swap}).fc1.weight(0) == 2);
    const tarc::load_report r = report_of([&] { (void)tarc::load<net>(file, {.keys = {{"fc1.", "fc2."}}}); });
    CHECK(r.missing_keys == strings{"fc1.weight", "fc1.bias"});
    CHECK(r.unexpected_keys == strings{"fc2.weight", "fc2.bias"});
}

TEST_CASE("strip_prefix comes first, an added prefix is a row, and a map of tensors has keys too") {
    struct wrapped {
        net module;
    };
    const bytes file = saved(wrapped{{layer(1), layer(2)}});
    CHECK(
        tarc::load<renamed_net>(file, {.strip_prefix = "module.", .keys = {{"fc1.", "encoder."}, {"fc2.", "decoder."}}})
            .decoder.weight(0) == 2);
    CHECK(tarc::load<wrapped>(saved(net{layer(1), layer(2)}), {.keys = {{"", "module."}}}).module.fc1.weight(0) == 1);
    const auto flat = tarc::load<std::map<std::string, tensor<float>>>(file, {.keys = {{"module.", ""}}});
    CHECK(flat.at("fc2.bias")(0) == 2.5f);
}

}  // namespace
