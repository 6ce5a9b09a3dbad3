#include "archive/support.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

using namespace tarc_test;
using tarc::tensor;

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
    std::string name;
    std::vector<std::int16_t> sizes;
};

checkpoint make() {
    const auto t = [](float f) { return tensor<float>::full({2, 2}, f); };
    return {5, {{t(1), t(2)}, {t(3), t(4)}}, "first", {1, 2}};
}

struct renamed_net {
    linear fc1, fc3;
};
struct changed {
    std::int64_t epochs = 0;
    renamed_net model;
    std::int64_t name = 0;
    std::vector<std::int8_t> sizes;
    tensor<double> extra;
};

TEST_CASE("the report is complete, and complete before a tensor byte is read") {
    checkpoint c = make();
    c.sizes = {1, 1000};
    for (linear* l : {&c.model.fc1, &c.model.fc2})
        *l = {tensor<float>::zeros({100'000}), tensor<float>::zeros({100'000})};
    const bytes file = saved(c);
    const auto source = std::make_shared<scripted_source>(file);
    const tarc::load_report r = report_of([&] { (void)tarc::load<changed>(source); });
    CHECK(r.missing_keys == std::vector<std::string>{"epochs", "model/fc3.weight", "model/fc3.bias", "extra"});
    CHECK(r.unexpected_keys == std::vector<std::string>{"model/fc2.weight", "model/fc2.bias", "epoch"});
    REQUIRE(r.mismatched.size() == 2);
    CHECK(r.mismatched[0].path == "name");
    CHECK(r.mismatched[0].archived == "the str \"first\"");
    CHECK(r.mismatched[0].expected == "int64");
    CHECK(r.mismatched[1].path == "sizes/1");
    CHECK_FALSE(r.clean());
    for (const payload& p : payloads(file)) {
        const std::uint64_t middle = (p.begin + p.end) / 2;  // its ends stand beside headers, which are read
        if (p.name.starts_with("data/")) CHECK_FALSE(source->touched(middle, middle + 1));
    }
    const std::string text = r.text();
    CHECK(contains(text, "epochs   (did you mean \"epoch\"?)"));
    CHECK(contains(text, "model/fc3.weight   (did you mean \"model/fc2.weight\"?)"));
    CHECK(contains(text, "missing in the file (4)"));
    const tarc::error e = error_of([&] { (void)tarc::load<changed>(source); });
    CHECK(contains(e.what(), text));
    CHECK(contains(e.what(), "<scripted>"));
    CHECK(contains(e.what(), ".strict = false"));
}

TEST_CASE("a report says where all that is missing stands") {
    const auto said = [](const auto& of, auto load) {
        const bytes file = saved(of);
        return report_of([&] { load(file); }).text();
    };
    const auto as_net = [](const bytes& file) { (void)tarc::load<net>(file); };
    const std::string text = said(make(), as_net);
    CHECK(text.find("all that is missing stands below \"model\" in the file: load with {.at = {\"model\"}} where") !=
          std::string::npos);
    struct wrapped {
        net encoder;
    };
    CHECK(said(wrapped{make().model}, as_net).find(".strip_prefix = \"encoder.\"") != std::string::npos);
    const auto as_renamed = [](const bytes& file) { (void)tarc::load<renamed_net>(file); };
    CHECK(said(make(), as_renamed).find("stands below") == std::string::npos);  // fc3 is nowhere
}

TEST_CASE("strict = false takes what fits and reports the rest") {
    checkpoint c = make();
    c.sizes = {1, 1000};
    changed target;
    target.epochs = 77;
    target.name = 78;
    target.sizes = {9};
    target.model.fc3 = {tensor<float>::full({1}, 9.f), tensor<float>::full({1}, 9.f)};
    target.extra = tensor<double>::full({1}, 9.0);
    const auto kept = target.extra.storage();
    const tarc::load_report r = tarc::load_into(target, saved(c), "cpu", {.strict = false});
    CHECK(r.missing_keys.size() == 4);
    CHECK(r.unexpected_keys.size() == 3);
    CHECK(r.mismatched.size() == 2);
    CHECK(target.epochs == 77);
    CHECK(target.name == 78);
    CHECK(target.sizes == std::vector<std::int8_t>{9});  // one element does not fit: nothing of the list is taken
    CHECK(target.model.fc1.weight(1, 1) == 1);
    CHECK(target.model.fc3.weight(0) == 9);
    CHECK(target.extra.storage() == kept);
}

TEST_CASE("wrong dtypes, ranks and shapes are named on both sides") {
    struct wants {
        tensor<double> a;
        tensor<float, 2, 3> b;
        tensor<float, tarc::dyn, 4> c;
        tensor<float, tarc::scalar> d;
        tensor<float, tarc::dyn> e;
        tarc::any_tensor f;
    };
    struct has {
        tensor<float> a, b, c, d, e, f;
    };
    const auto t = [](tarc::shape_view s) { return tensor<float>::full(s, 1.f); };
    const tarc::load_report r = report_of(
        [&] { (void)tarc::load<wants>(saved(has{t({1}), t({3, 2}), t({4, 3}), t({1}), t({2}), t({7, 7})})); });
    REQUIRE(r.mismatched.size() == 4);
    CHECK(r.mismatched[0].archived == "a tensor of float32 [1]");
    CHECK(r.mismatched[0].expected == "a tensor of float64");
    CHECK(r.mismatched[1].expected == "a tensor of float32 [2, 3]");
    CHECK(r.mismatched[2].expected == "a tensor of float32 [?, 4]");
    CHECK(r.mismatched[3].path == "d");
    CHECK(r.missing_keys.empty());
}

TEST_CASE("dynamic maps, optionals and transient fields in a report") {
    struct inner {
        int a = 0;
        std::optional<int> b;
    };
    struct outer {
        std::map<std::string, inner> by_name;
        inner one;
    };
    const auto dict = [](items i) { return tarc::value::dict(i); };
    const tarc::value v =
        dict({{"by_name", dict({{"x/y", dict({{"a", 1}, {"c", 2}})}, {"z", 3}})}, {"extra", dict({{"deep", 1}})}});
    const tarc::load_report r = report_of([&] { (void)tarc::load<outer>(saved(v)); });
    CHECK(r.unexpected_keys == std::vector<std::string>{"by_name/x\\/y/c", "extra"});
    CHECK(r.missing_keys == std::vector<std::string>{"one/a"});
    REQUIRE(r.mismatched.size() == 1);
    CHECK(r.mismatched[0].path == "by_name/z");
    CHECK(r.mismatched[0].expected == "a dict");
}

TEST_CASE("a module that is smaller or larger than the file's, not strict") {
    struct stack {
        std::vector<linear> layers;
        std::map<std::string, linear> heads;
    };
    const auto layer = [](float f) { return linear{tensor<float>::full({1}, f), tensor<float>::full({1}, f)}; };
    const bytes file = saved(stack{{layer(1), layer(2)}, {{"a", layer(3)}}});
    stack larger{{layer(7), layer(8), layer(9)}, {{"b", layer(10)}}};
    const tarc::load_report r = tarc::load_into(larger, file, {.strict = false});
    CHECK(r.missing_keys ==
          std::vector<std::string>{"layers.2.weight", "layers.2.bias", "heads.b.weight", "heads.b.bias"});
    REQUIRE(larger.layers.size() == 3);
    CHECK(larger.layers[1].weight(0) == 2);
    CHECK(larger.layers[2].weight(0) == 9);
    CHECK(r.unexpected_keys == std::vector<std::string>{"heads.a.weight", "heads.a.bias"});
    REQUIRE(larger.heads.size() == 1);
    CHECK(larger.heads.at("b").weight(0) == 10);
    stack smaller{{layer(7)}, {}};
    const tarc::load_report s = tarc::load_into(smaller, file, {.strict = false});
    CHECK(s.missing_keys.empty());
    CHECK(s.unexpected_keys == std::vector<std::string>{"layers.1.weight", "layers.1.bias"});
    CHECK(smaller.layers.size() == 1);
    CHECK(smaller.layers[0].weight(0) == 1);
    CHECK(smaller.heads.size() == 1);  // an empty one has no layers of its own
    stack strict{{layer(7), layer(8), layer(9)}, {{"b", layer(10)}}};
    CHECK(tarc::load_into(strict, file).clean());
    CHECK(strict.layers.size() == 2);
    CHECK(strict.heads.size() == 1);
}

struct quiet {
    int shown = 1, hidden = 2, kept = 3;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<quiet> =
    std::tuple{tarc::rename{"shown", "visible"}, tarc::transient{"hidden"}, tarc::defaulted{"kept"}};

namespace {

TEST_CASE("rename, transient and defaulted") {
    CHECK(tarc::open(saved(quiet{7, 8, 9})).value().items().size() == 2);
    CHECK(tarc::open(saved(quiet{7, 8, 9})).load<&quiet::shown>() == 7);
    quiet q{4, 5, 6};
    tarc::load_into(q, saved(tarc::value::dict(items{{"visible", 10}})));
    CHECK(q.shown == 10);
    CHECK(q.hidden == 5);
    CHECK(q.kept == 6);
    const tarc::load_report r =
        report_of([] { (void)tarc::load<quiet>(saved(tarc::value::dict(items{{"shown", 10}, {"hidden", 1}}))); });
    CHECK(r.missing_keys == std::vector<std::string>{"visible"});
    CHECK(r.unexpected_keys == std::vector<std::string>{"shown", "hidden"});
}

TEST_CASE("edit distance agrees with the textbook's, up to its limit") {
    const auto plain = [](std::string_view a, std::string_view b) {
        std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
        for (std::size_t i = 0; i <= a.size(); ++i)
            for (std::size_t j = 0; j <= b.size(); ++j)
                d[i][j] = i == 0   ? j
                          : j == 0 ? i
                                   : std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                                               d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
        return d[a.size()][b.size()];
    };
    std::uint32_t state = 1;
    const auto word = [&] {
        std::string s;
        const std::size_t n = (state = state * 1664525 + 1013904223) >> 28;
        for (std::size_t i = 0; i < n; ++i)
            s += static_cast<char>('a' + ((state = state * 1664525 + 1013904223) >> 30));
        return s;
    };
    for (int i = 0; i < 3000; ++i) {
        const std::string a = word(), b = word();
        for (const std::size_t limit : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{8}}) {
            CAPTURE(a);
            CAPTURE(b);
            CAPTURE(limit);
            CHECK(tarc::detail::edit_distance(a, b, limit) == std::min(plain(a, b), limit + 1));
        }
    }
}

}  // namespace
