#include "archive/support.hpp"

#include <array>
#include <map>
#include <optional>
#include <tuple>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct relu {};
struct norm {
    tensor<float> weight, bias;
    tarc::buffer<float> running_mean, running_var;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct net {
    linear fc1;
    std::tuple<linear, relu, linear> body;
    std::vector<linear> blocks;
    std::array<norm, 2> norms;
    std::optional<linear> head;
    std::map<std::string, linear> heads;
    std::map<std::string, tensor<float>> extra;
};

linear make_linear(float f) { return {tensor<float>::full({2, 3}, f), tensor<float>::full({2}, f + 0.5f)}; }
norm make_norm(float f) {
    return {tensor<float>::full({3}, f), tensor<float>::full({3}, f + 1), tensor<float>::full({3}, f + 2),
            tensor<float>::full({3}, f + 3),
            tarc::buffer<std::int64_t, tarc::scalar>::full({}, static_cast<std::int64_t>(f))};
}
net make_net() {
    net n;
    n.fc1 = make_linear(1);
    n.body = {make_linear(2), relu{}, make_linear(3)};
    n.blocks = {make_linear(4), make_linear(5)};
    n.norms = {make_norm(6), make_norm(7)};
    n.head = make_linear(8);
    n.heads = {{"a", make_linear(9)}, {"b", make_linear(10)}};
    n.extra = {{"any.name", tensor<float>::full({1}, 11.f)}, {"x", tensor<float>::full({1}, 12.f)}};
    return n;
}
const std::vector<std::string> net_keys = {"fc1.weight",
                                           "fc1.bias",
                                           "body.0.weight",
                                           "body.0.bias",
                                           "body.2.weight",
                                           "body.2.bias",
                                           "blocks.0.weight",
                                           "blocks.0.bias",
                                           "blocks.1.weight",
                                           "blocks.1.bias",
                                           "norms.0.weight",
                                           "norms.0.bias",
                                           "norms.0.running_mean",
                                           "norms.0.running_var",
                                           "norms.0.num_batches_tracked",
                                           "norms.1.weight",
                                           "norms.1.bias",
                                           "norms.1.running_mean",
                                           "norms.1.running_var",
                                           "norms.1.num_batches_tracked",
                                           "head.weight",
                                           "head.bias",
                                           "heads.a.weight",
                                           "heads.a.bias",
                                           "heads.b.weight",
                                           "heads.b.bias",
                                           "extra.any.name",
                                           "extra.x"};

std::vector<std::string> keys_of(const tarc::value& dict) {
    std::vector<std::string> keys;
    for (const auto& i : dict.items()) keys.emplace_back(i.key.as_string());
    return keys;
}
float first(const tensor<float>& t) { return t.span()[0]; }

struct branch {
    std::vector<std::string> names;
    std::vector<branch> below;
    std::optional<tarc::value> leaf;

    branch& at(const std::string& name) {
        for (std::size_t i = 0; i < names.size(); ++i)
            if (names[i] == name) return below[i];
        names.push_back(name);
        return below.emplace_back();
    }
    [[nodiscard]] tarc::value get() const {
        if (leaf) return *leaf;
        items out;
        for (std::size_t i = 0; i < names.size(); ++i) out.push_back({names[i], below[i].get()});
        return tarc::value::dict(out);
    }
};

/// A flat state_dict as a nested one.
tarc::value nested(const tarc::value& flat) {
    branch root;
    for (const auto& [key, val] : flat.items()) {
        branch* at = &root;
        for (std::string rest(key.as_string()); !rest.empty();) {
            const auto dot = rest.find('.');
            at = &at->at(rest.substr(0, dot));
            rest = dot == std::string::npos ? "" : rest.substr(dot + 1);
        }
        at->leaf = val;
    }
    return root.get();
}

void check_net(const net& n) {
    CHECK(first(n.fc1.weight) == 1);
    CHECK(first(std::get<0>(n.body).weight) == 2);
    CHECK(first(std::get<2>(n.body).bias) == 3.5f);
    REQUIRE(n.blocks.size() == 2);
    CHECK(first(n.blocks[1].bias) == 5.5f);
    CHECK(first(n.norms[0].running_var) == 9);
    CHECK(n.norms[1].num_batches_tracked() == 7);
    REQUIRE(n.head.has_value());
    CHECK(first(n.head->weight) == 8);
    REQUIRE(n.heads.size() == 2);
    CHECK(first(n.heads.at("b").weight) == 10);
    REQUIRE(n.extra.size() == 2);
    CHECK(first(n.extra.at("any.name")) == 11);
}

TEST_CASE("a module is a flat dict with dotted keys") {
    static_assert(tarc::is_module<net>);
    const bytes file = saved(make_net());
    CHECK(keys_of(tarc::open(file).value()) == net_keys);
    check_net(round_trip(make_net()));
}

TEST_CASE("an empty optional, vector and map are absent, and come back empty") {
    net n = make_net();
    n.head.reset();
    n.blocks.clear();
    n.heads.clear();
    n.extra.clear();
    const net back = round_trip(n);
    CHECK_FALSE(back.head.has_value());
    CHECK(back.blocks.empty());
    CHECK(back.heads.empty());
    net target = make_net();
    tarc::load_into(target, saved(n));  // strict: the file decides
    CHECK_FALSE(target.head.has_value());
    CHECK(target.blocks.empty());
    CHECK(target.extra.empty());
}

TEST_CASE("the nested form loads too") {
    net n = make_net();
    n.extra.erase("any.name");  // a dotted key is another thing when nested
    const tarc::value flat = tarc::open(saved(n)).value();
    const tarc::value deep = nested(flat);
    REQUIRE(deep["fc1"].kind() == tarc::value_kind::dict);
    const net back = tarc::load<net>(saved(deep));
    CHECK(saved(back) == saved(n));
    CHECK(first(std::get<2>(tarc::load<net>(saved(deep)).body).weight) == 3);
    const linear one = tarc::load<linear>(saved(deep), {.at = {"fc1"}});
    CHECK(first(one.weight) == 1);
}

TEST_CASE("a hole in a list is missing unless nothing would stand there") {
    const tensor<float> t = tensor<float>::full({1}, 1.f);
    struct two {
        std::vector<linear> blocks;
        std::vector<std::optional<linear>> maybe;
    };
    const auto r = report_of([&] {
        (void)tarc::load<two>(saved(tarc::value::dict(items{{"blocks.0.weight", t},
                                                            {"blocks.0.bias", t},
                                                            {"blocks.2.weight", t},
                                                            {"blocks.2.bias", t},
                                                            {"maybe.1.weight", t},
                                                            {"maybe.1.bias", t},
                                                            {"blocks.99999999.weight", t}})));
    });
    CHECK(r.missing_keys == std::vector<std::string>{"blocks.1.weight", "blocks.1.bias"});
    CHECK(r.unexpected_keys == std::vector<std::string>{"blocks.99999999.weight"});
}

struct model_dict {
    int epoch = 0;
    net model;
};

TEST_CASE("inside a dict: at, strip_prefix, one member, one tensor") {
    model_dict m{3, make_net()};
    const bytes file = saved(m);
    check_net(tarc::load<net>(file, {.at = {"model"}}));
    tarc::archive ar = tarc::open(file);
    CHECK(ar.load<&model_dict::epoch>() == 3);
    check_net(ar.load<&model_dict::model>());
    CHECK(elements(ar.tensor({"model", "fc1.bias"}, "cpu").as<float>()) == std::vector<float>{1.5f, 1.5f});
    const tarc::error wrong = error_of([&] { (void)ar.tensor({"epoch"}); });
    CHECK(wrong.code() == tarc::errc::wrong_type);
    CHECK(wrong.field() == "epoch");
    const tarc::error nowhere = error_of([&] { (void)ar.tensor({"model", "fc9.bias"}); });
    CHECK(nowhere.code() == tarc::errc::mismatch);
    CHECK(nowhere.field() == "model/fc9.bias");
}

TEST_CASE("a member of a module reads only its own bytes") {
    net n = make_net();
    std::get<2>(n.body).weight = tensor<float>::zeros({100'000});
    const bytes file = saved(n);
    const auto source = std::make_shared<scripted_source>(file);
    tarc::archive ar = tarc::open(source);
    source->reads.clear();
    const linear fc1 = ar.load<&net::fc1>();
    CHECK(first(fc1.bias) == 1.5f);
    CHECK(ar.load<&net::blocks>().size() == 2);
    CHECK(ar.load<&net::head>()->weight(0, 0) == 8);
    CHECK(ar.load<&net::heads>().size() == 2);
    const payload other = find_payload(file, "data/4");  // body.2.weight
    CHECK_FALSE(source->touched((other.begin + other.end) / 2, (other.begin + other.end) / 2 + 1));
    const tarc::load_report r = report_of([&] {
        struct wider {
            tensor<float> weight, bias, third;
        };
        struct holder {
            wider fc1;
        };
        (void)ar.load<&holder::fc1>();
    });
    CHECK(r.missing_keys == std::vector<std::string>{"fc1.third"});
    CHECK(r.unexpected_keys.empty());
}

TEST_CASE("a prefix is taken off, whatever the form, and from _metadata") {
    items prefixed;
    const tarc::value flat = tarc::open(saved(make_net())).value();
    for (const auto& [key, val] : flat.items()) prefixed.push_back({"module." + std::string(key.as_string()), val});
    const bytes file = saved(tarc::value::dict(prefixed));
    check_net(tarc::load<net>(file, {.strip_prefix = "module."}));
    const auto names = tarc::load<std::map<std::string, tarc::any_tensor>>(file, {.strip_prefix = "module."});
    CHECK(names.contains("fc1.weight"));
    CHECK(names.size() == net_keys.size());
    const bytes deep = saved(tarc::value::dict(items{{"module", nested(tarc::open(saved(make_linear(3))).value())}}));
    CHECK(first(tarc::load<linear>(deep, {.strip_prefix = "module."}).weight) == 3);
    const tarc::load_report r = report_of([&] { (void)tarc::load<net>(file); });
    CHECK(r.unexpected_keys.size() == net_keys.size());
    CHECK(r.unexpected_keys[0] == "module.fc1.weight");
}

struct with_scalars {
    linear fc;
    std::int64_t steps = 0;
    std::vector<double> history;
    std::string note;
    std::optional<double> best;
};

}  // namespace

template <>
inline constexpr bool tarc::is_module<with_scalars> = true;

namespace {

struct outer {
    with_scalars inner;
    tensor<float> own;
};

struct stated_dict {
    tensor<float> a;
};

}  // namespace

template <>
inline constexpr bool tarc::is_module<outer> = true;
template <>
inline constexpr bool tarc::is_module<stated_dict> = false;

namespace {

TEST_CASE("is_module stated: scalars under their dotted key, or a dict after all") {
    outer o;
    o.inner = {make_linear(1), 7, {0.5, 0.25}, "hello", 0.125};
    o.own = tensor<float>::full({1}, 9.f);
    CHECK(keys_of(tarc::open(saved(o)).value()) == std::vector<std::string>{"inner.fc.weight", "inner.fc.bias",
                                                                            "inner.steps", "inner.history",
                                                                            "inner.note", "inner.best", "own"});
    outer back = round_trip(o);
    CHECK(back.inner.steps == 7);
    CHECK(back.inner.history == o.inner.history);
    CHECK(back.inner.note == "hello");
    CHECK(back.inner.best == 0.125);
    o.inner.best.reset();
    CHECK_FALSE(round_trip(o).inner.best.has_value());
    CHECK(tarc::open(saved(o)).load<&outer::inner>().steps == 7);
    CHECK(tarc::load<outer>(saved(nested(tarc::open(saved(o)).value()))).inner.history == o.inner.history);
    const tarc::archive ar = tarc::open(saved(stated_dict{tensor<float>::full({1}, 2.f)}));
    CHECK(ar.value().kind() == tarc::value_kind::dict);
    CHECK(ar.load<&stated_dict::a>()(0) == 2);
}

struct with_metadata {
    linear fc;
    tarc::module_metadata metadata;
};

TEST_CASE("_metadata: kept by tarc::value, and by a struct that has a member for it") {
    const tarc::value versions = tarc::value::dict(
        items{{"", tarc::value::dict(items{{"version", 1}})}, {"fc", tarc::value::dict(items{{"version", 2}})}});
    with_metadata w{make_linear(1), {versions}};
    const bytes file = saved(w);
    const tarc::value v = tarc::open(file).value();
    CHECK(v.metadata()["fc"]["version"].as_int() == 2);
    CHECK(saved(v, {.manifest = false}) == saved(w, {.manifest = false}));
    CHECK(round_trip(w).metadata.data["fc"]["version"].as_int() == 2);
    CHECK(first(tarc::load<linear>(file, {.at = {}, .strip_prefix = "fc."}).weight) == 1);
    // a wrapper's prefix goes from the names of the modules too
    const tarc::value wrapped = tarc::value::dict(items{{"", tarc::value::dict(items{{"version", 5}})},
                                                        {"module", tarc::value::dict(items{{"version", 1}})},
                                                        {"module.fc", tarc::value::dict(items{{"version", 2}})}});
    struct wrapper {
        with_metadata module;
        tarc::module_metadata metadata;
    };
    const bytes parallel = saved(wrapper{{make_linear(1), {}}, {wrapped}});
    const with_metadata stripped = tarc::load<with_metadata>(parallel, {.strip_prefix = "module."});
    CHECK(stripped.metadata.data.size() == 2);
    CHECK(stripped.metadata.data[""]["version"].as_int() == 1);
    CHECK(stripped.metadata.data["fc"]["version"].as_int() == 2);
}

struct with_rest {
    linear fc;
    tarc::rest others;
};

}  // namespace

template <>
inline constexpr bool tarc::is_module<with_rest> = true;

namespace {

struct outer_rest {
    with_rest a;
    tensor<float> b;
};

TEST_CASE("tarc::rest inside a module takes the keys below it") {
    const tensor<float> t = tensor<float>::full({1}, 4.f);
    const bytes file =
        saved(tarc::value::dict(items{{"a.fc.weight", t}, {"a.more.deep", t}, {"a.fc.bias", t}, {"b", t}, {"a.n", 3}}));
    const outer_rest o = tarc::load<outer_rest>(file);
    REQUIRE(o.a.others.size() == 2);
    CHECK(o.a.others.find("n")->as_int() == 3);
    CHECK(o.a.others.find("more.deep")->as_tensor().numel() == 1);
    CHECK(keys_of(tarc::open(saved(o)).value()) ==
          std::vector<std::string>{"a.fc.weight", "a.fc.bias", "a.more.deep", "a.n", "b"});
    round_trip(o);
}

struct collides {
    std::map<std::string, tensor<float>> map;
    linear other;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<collides> = std::tuple{tarc::rename{"map", "m"}, tarc::rename{"other", "m.x"}};

namespace {

TEST_CASE("two leaves with one key are an error that names both fields") {
    collides c;
    c.map = {{"x.weight", tensor<float>::full({1}, 1.f)}};
    c.other = make_linear(1);
    const tarc::error e = error_of([&] { saved(c); });
    CHECK(e.code() == tarc::errc::unsavable);
    CHECK(contains(e.what(), "m.x.weight"));
    CHECK(contains(e.what(), "\"m\""));
    CHECK(contains(e.what(), "\"weight\""));
}

TEST_CASE("the name of a module in a map holds no dot and is not empty") {
    for (const char* name : {"", "a.b"}) {
        net n = make_net();
        n.heads.emplace(name, make_linear(1));
        const tarc::error e = error_of([&] { saved(n); });
        CHECK(e.code() == tarc::errc::unsavable);
        CHECK(contains(e.field(), "heads"));
    }
}

TEST_CASE("a map of tensors reads a nested state_dict as its dotted keys") {
    const tarc::value deep = nested(tarc::open(saved(make_linear(3))).value());
    const bytes file = saved(tarc::value::dict(items{{"fc", deep}, {"own", tensor<float>::full({1}, 1.f)}}));
    const auto m = tarc::load<std::map<std::string, tensor<float>>>(file);
    REQUIRE(m.size() == 3);
    CHECK(m.at("fc.weight")(0, 0) == 3);
    CHECK(m.at("own")(0) == 1);
}

}  // namespace
