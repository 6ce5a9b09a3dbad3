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

struct stack {
    std::vector<linear> layers;
    std::map<std::string, linear> heads;
    std::optional<linear> neck;
    linear head;
};
stack make_stack(float f) { return {{layer(f), layer(f + 1)}, {{"x", layer(f)}, {"z", layer(f)}}, layer(f), layer(f)}; }

void check_kept(const stack& s) {
    CHECK(s.layers.size() == 2);
    CHECK(s.layers.at(1).weight(0) == 2);
    CHECK(s.heads.size() == 2);
    CHECK(s.neck.has_value());
}

TEST_CASE("containers of a module keep what takes no part") {
    struct only_head {
        linear head;
    };
    stack s = make_stack(1);
    CHECK(tarc::load_into(s, saved(only_head{layer(9)}), {.select = {"head"}}).clean());
    check_kept(s);
    CHECK(s.head.weight(0) == 9);

    stack file = make_stack(5);
    file.layers.push_back(layer(7));
    file.heads.erase("z");
    file.heads["y"] = layer(8);
    tarc::load_into(s, saved(file), {.skip = {"layers", "heads", "neck"}});
    check_kept(s);
    CHECK(s.head.weight(0) == 5);
    tarc::load_into(s, saved(file), {.select = {"layers.0", "layers.2.bias", "heads.y"}});
    CHECK(s.layers.size() == 3);
    CHECK(s.layers[0].weight(0) == 5);
    CHECK(s.layers[1].weight(0) == 2);
    CHECK_FALSE(s.layers[2].weight.defined());
    CHECK(s.layers[2].bias(0) == 7.5f);
    CHECK(s.heads.size() == 3);
    CHECK(s.heads.at("z").weight(0) == 1);
    CHECK(s.heads.at("y").weight(0) == 8);
    tarc::load_into(s, saved(file), {.select = {"layers", "heads"}});  // whole: the file decides
    CHECK(s.layers.size() == 3);
    CHECK(s.heads.size() == 2);
}

TEST_CASE("plain fields keep what takes no part, whatever the file has there") {
    struct plain {
        std::int64_t a = 1;
        std::optional<double> rate;
        net model;
        std::array<int, 3> three{1, 2, 3};
        std::map<std::string, int> m{{"mine", 1}};
    };
    const auto file = [](tarc::value rate) {
        return saved(tarc::value::dict({{"a", 7},
                                        {"rate", rate},
                                        {"model", nullptr},
                                        {"three", tarc::value::list({1})},
                                        {"m", tarc::value::dict({{"x", 2}})}}));
    };
    plain p;
    CHECK(tarc::load_into(p, file(0.5), {.select = {"a"}}).clean());
    CHECK(p.a == 7);
    CHECK_FALSE(p.rate.has_value());
    p.rate = 2.5;
    CHECK(tarc::load_into(p, file({}), {.skip = {"rate", "model", "three", "m"}}).clean());
    CHECK(p.rate == 2.5);
    CHECK(p.m.count("mine") == 1);
    CHECK(tarc::load_into(p, file({}), {.select = {"m/x"}}).clean());  // taken whole
    CHECK(p.m.at("x") == 2);
    const tarc::load_report r = report_of([&] { tarc::load_into(p, file({}), {.select = {"model/fc1"}}); });
    CHECK(r.mismatched.size() == 1);
}

TEST_CASE("a glob that selects nothing is no clean load") {
    const bytes file = saved(make());
    const tarc::load_report r = report_of([&] { (void)tarc::load<checkpoint>(file, {.select = {"epoch", "modle"}}); });
    CHECK(r.unmatched == strings{"modle"});
    CHECK(contains(r.text(), "\"modle\""));
    CHECK(tarc::load<checkpoint>(file, {.select = {"epoch"}, .skip = {"nothing"}}).epoch == 5);
}

struct embedder {
    linear embed, out;
};

}  // namespace
template <>
inline constexpr auto tarc::describe<embedder> =
    std::tuple{tarc::renamed_from{"embed", "embedding"}, tarc::retyped{"out", tarc::dtype_policy::widen}};
namespace {

TEST_CASE("globs and reports speak of a renamed field by the name that it has") {
    struct old {
        linear embedding, out;
    };
    const bytes file = saved(old{layer(1), layer(2)});
    embedder e;
    CHECK(tarc::load_into(e, file, {.select = {"embed"}}).clean());
    CHECK(e.embed.weight(0) == 1);
    CHECK_FALSE(e.out.weight.defined());
    struct partial {
        struct {
            tensor<float> weight;
        } embedding;
        linear out;
    };
    const partial p{{layer(1).weight}, layer(2)};
    CHECK(report_of([&] { (void)tarc::load<embedder>(saved(p)); }).missing_keys == strings{"embed.bias"});
}

TEST_CASE("a member on its own is read as its struct would be") {
    struct old {
        linear embedding;
        struct {
            tensor<tarc::bfloat16> weight, bias;
        } out;
    };
    const auto half = tensor<tarc::bfloat16>::full({1}, tarc::bfloat16(2.f));
    const bytes file = saved(old{layer(1), {half, half}});
    CHECK(tarc::open(file).load<&embedder::embed>().bias(0) == 1.5f);
    CHECK(tarc::open(file).load<&embedder::out>().weight(0) == 2);
    CHECK(tarc::open(saved(tarc::value::dict({{"epoch", 1}}))).load<&checkpoint::maybe>() == std::nullopt);
    CHECK(report_of([&] { (void)tarc::open(file).load<&net::fc1>(); }).missing_keys.size() == 2);
}

TEST_CASE("keys of one file that become one are told, not lost") {
    using map = std::map<std::string, tensor<float>>;
    const auto one = [](float f) { return tensor<float>::full({1}, f); };
    const tarc::value twice = tarc::value::dict({{"x", tarc::value::dict({{"b", one(1)}})}, {"x.b", one(2)}});
    CHECK(report_of([&] { (void)tarc::load<map>(saved(twice)); }).mismatched.size() == 1);
    const map m{{"a.w", one(1)}, {"b.w", one(2)}};
    const tarc::error e = error_of([&] { (void)saved(m, {.keys = {{"x.", "a."}, {"x.", "b."}}}); });
    CHECK(e.code() == tarc::errc::unsavable);
    CHECK(tarc::load<map>(saved(m, {.keys = {{"x.", "a."}}}), {.keys = {{"x.", "a."}}}).at("a.w")(0) == 1);
    CHECK(tarc::key_map{{"fc", ""}}.wanted("fc2.weight") == "fc2.weight");
}

struct with_lists {
    tensor<float> w;
    std::vector<std::int64_t> sizes;
    tarc::value extra;
    tarc::rest others;
};

}  // namespace
template <>
inline constexpr bool tarc::is_module<with_lists> = true;
namespace {

TEST_CASE("keys of lists, dicts and a rest in a module are mapped too, both ways") {
    const tarc::key_map keys{{"old.", ""}};
    const tarc::value file = tarc::value::dict({{"old.w", tensor<float>::full({1}, 1.f)},
                                                {"old.sizes", tarc::value::list({1, 2})},
                                                {"old.extra", tarc::value::dict({{"k", 1}})},
                                                {"old.more", 4}});
    const with_lists w = tarc::load<with_lists>(saved(file), {.keys = keys});
    CHECK(w.sizes.size() == 2);
    CHECK(w.extra["k"].as_int() == 1);
    CHECK(w.others.begin()->key.as_string() == "more");
    const bytes again = saved(w, {.keys = keys});
    CHECK(tarc::open(again).value().items()[3].key.as_string() == "old.more");
    const tarc::load_report r =
        report_of([&] { (void)tarc::load<with_lists>(saved(file), {.keys = {{"old.more", "w"}, {"old.", ""}}}); });
    CHECK_FALSE(r.clean());
}

TEST_CASE("a key that is too long for a regular expression is refused") {
    const tarc::key_map keys = tarc::key_regex({{R"(^h\.(\d+)\.)", "blocks.$1."}});
    CHECK(keys.wanted("h.3.w") == "blocks.3.w");
    CHECK(error_of([&] { (void)keys.wanted("h." + std::string(400'000, '1') + ".w"); }).code() ==
          tarc::errc::limit_exceeded);
}

}  // namespace
