#include "archive/support.hpp"

#include <map>
#include <optional>
#include <tuple>

using namespace tarc_test;
using tarc::tensor;

namespace shop {

struct linear {
    tensor<float> weight, bias;
};

// -- one struct, edited in place
// ---------------------------------------------------------------------------------------

struct before {
    int epoch = 1;
    linear first;
    double rate = 0.5;
    int unused = 9;
};
struct after {
    std::int64_t epochs = 0;
    linear encoder;
    double rate = 0;
    std::string note = "none";
};

// -- three versions
// ----------------------------------------------------------------------------------------------------

struct run_v1 {
    int epoch = 0;
    double lr = 0;
    tensor<float> weight;
};
struct run_v2 {
    int epoch = 0;
    double learning_rate = 0;
    linear layer;
};
struct run {
    int epoch = 0;
    std::map<std::string, double> rates;
    linear layer;
    std::string comment = "fresh";
    int cache = 0;  // transient
};

inline run_v2 migrate(run_v1&& old) {
    const auto n = old.weight.shape()[0];
    return {old.epoch, old.lr, {std::move(old.weight), tensor<float>::zeros({n})}};
}
inline run migrate(run_v2&& old) {
    if (old.epoch == 666) throw std::runtime_error("a migration may fail");
    return {old.epoch, {{"all", old.learning_rate}}, std::move(old.layer), "from " + std::to_string(old.epoch)};
}

struct holder {
    int n = 0;
    run inner;
};
struct later {
    int epoch = 0;
};
struct skipped {
    int epoch = 0;
};
struct noted_v1 {
    int gone = 0;
};
struct noted {
    int missing = 0;
    std::optional<int> note = 5;
};
inline noted migrate(noted_v1&&) { return {}; }

}  // namespace shop

template <>
inline constexpr auto tarc::describe<shop::after> =
    std::tuple{tarc::renamed_from{"epochs", "epoch"}, tarc::renamed_from{"encoder", "stem"},
               tarc::renamed_from{"encoder", "first"}, tarc::removed{"unused"}, tarc::defaulted{"note"}};
template <>
inline constexpr auto tarc::describe<shop::run> = tarc::transient{"cache"};
template <>
inline constexpr int tarc::version<shop::run_v1> = 1;
template <>
inline constexpr int tarc::version<shop::run_v2> = 3;
template <>
inline constexpr int tarc::version<shop::run> = 4;
template <>
inline constexpr int tarc::version<shop::later> = 5;
template <>
inline constexpr int tarc::version<shop::skipped> = 2;
template <>
inline constexpr int tarc::version<shop::noted> = 1;
template <>
inline constexpr auto tarc::history<shop::noted> = tarc::versions<shop::noted_v1>{};
template <>
inline constexpr auto tarc::history<shop::run> = tarc::versions<shop::run_v1, shop::run_v2>{};

namespace {

using namespace shop;

tensor<float> filled(tarc::shape_view shape, float f) { return tensor<float>::full(shape, f); }

TEST_CASE("renamed, removed and added fields load without a word") {
    const bytes file = saved(before{7, {filled({2}, 1), filled({2}, 2)}, 0.25, 3});
    after a = tarc::load<after>(file);
    CHECK(a.epochs == 7);
    CHECK(a.encoder.bias(1) == 2);
    CHECK(a.rate == 0.25);
    CHECK(a.note == "none");
    a.note = "kept";
    CHECK(tarc::load_into(a, file).clean());
    CHECK(a.note == "kept");
    CHECK(tarc::open(saved(a)).value()["epochs"].as_int() == 7);  // written by the new name only
}

TEST_CASE("the new name goes before an old one, which is unexpected then") {
    const tarc::value both =
        tarc::value::dict({{"epoch", 1},
                           {"epochs", 2},
                           {"stem", tarc::value::dict({{"weight", filled({1}, 1)}, {"bias", filled({1}, 2)}})},
                           {"rate", 1.0}});
    const tarc::load_report r = report_of([&] { (void)tarc::load<after>(saved(both)); });
    CHECK(r.unexpected_keys == std::vector<std::string>{"epoch"});
    CHECK(r.missing_keys.empty());
}

struct old_net {
    linear fc, head, gone;
};
struct new_net {
    linear body, head;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<new_net> = std::tuple{tarc::renamed_from{"body", "fc"}, tarc::removed{"gone"}};

namespace {

TEST_CASE("old and removed names among dotted keys") {
    const auto layer = [](float f) { return linear{filled({1}, f), filled({1}, f)}; };
    const bytes file = saved(old_net{layer(1), layer(2), layer(3)});
    CHECK(tarc::load<new_net>(file).body.weight(0) == 1);
    struct outer {
        int n = 0;
        std::vector<new_net> nets;
    };
    struct old_outer {
        int n = 0;
        std::vector<old_net> nets;
    };
    CHECK(tarc::load<outer>(saved(old_outer{1, {{layer(1), layer(2), layer(3)}}})).nets.at(0).body.bias(0) == 1);
}

template <class T>
void check_run(const T& r, double rate) {
    CHECK(r.epoch == 4);
    CHECK(r.rates.at("all") == rate);
    CHECK(r.layer.weight(1) == 5);
    CHECK(r.comment == "from 4");
}

TEST_CASE("older versions go through migrate, step by step") {
    const bytes v1 = saved(run_v1{4, 0.1, filled({2}, 5)}),
                v2 = saved(run_v2{4, 0.2, {filled({2}, 5), filled({2}, 6)}});
    check_run(tarc::load<run>(v1), 0.1);
    check_run(tarc::load<run>(v2, "cpu"), 0.2);
    run target;
    target.cache = 17;
    const tarc::load_report r = tarc::load_into(target, v1);
    check_run(target, 0.1);
    CHECK(target.cache == 17);
    CHECK(r.clean());
    CHECK(r.version == 1);
    CHECK(r.version_stated);
    CHECK(r.migrated);
    CHECK(contains(r.text(), "read as version 1, as the file says, and migrated"));
    const tarc::load_report now = tarc::load_into(target, saved(target));
    CHECK(now.version == 4);
    CHECK(now.version_stated);
    CHECK_FALSE(now.migrated);
    CHECK(now.text().empty());
}

TEST_CASE("where the file does not state a version, the newest that fits is taken") {
    const auto unstated = [](const auto& value) {
        return saved(value, {.manifest = false});
    };  // as PyTorch saves it again
    run target;
    const tarc::load_report r = tarc::load_into(target, unstated(run_v2{4, 0.2, {filled({2}, 5), filled({2}, 6)}}));
    check_run(target, 0.2);
    CHECK(r.version == 3);
    CHECK_FALSE(r.version_stated);
    CHECK(contains(r.text(), "read as version 3, the newest that fits"));
    check_run(tarc::load<run>(unstated(run_v1{4, 0.1, filled({2}, 5)})), 0.1);
    CHECK(tarc::load<run>(unstated(target)).comment == "from 4");
    struct other {
        int epoch = 0, more = 0;
    };
    const tarc::load_report none = report_of([&] { (void)tarc::load<run>(unstated(other{1, 2})); });
    CHECK(none.missing_keys.front() == "rates");  // what the type itself wants
    CHECK(tarc::load_into(target, unstated(other{8, 2}), {.strict = false}).version == 4);
    CHECK(target.epoch == 8);
}

TEST_CASE("a part of a file has no version of its own") {
    struct old_holder {
        int n = 0;
        run_v2 inner;
    };
    const bytes file = saved(old_holder{1, {4, 0.2, {filled({2}, 5), filled({2}, 6)}}});
    check_run(tarc::load<run>(file, {.at = {"inner"}}), 0.2);
    check_run(tarc::open(file).load<&holder::inner>(), 0.2);
}

TEST_CASE("a version that nobody knows is refused by name") {
    const bytes file = saved(run_v2{4, 0.2, {filled({2}, 5), filled({2}, 6)}});
    CHECK(tarc::open(file).schema().version == 3);
    CHECK(error_of([&] { (void)tarc::load<run_v1>(file); }).code() == tarc::errc::mismatch);  // it has no history
    for (const bytes& other : {saved(later{1}), saved(skipped{1})}) {
        const tarc::error e = error_of([&] { (void)tarc::load<run>(other); });
        CHECK(e.code() == tarc::errc::unsupported);
        CHECK(contains(e.what(), other == saved(later{1}) ? "version 5" : "version 2"));
        CHECK(contains(e.what(), "(1, 3, 4)"));
    }
}

TEST_CASE("a migration that throws leaves the target as it was") {
    run target;
    target.epoch = 55;
    target.layer.weight = filled({1}, 3);
    CHECK_THROWS_AS(tarc::load_into(target, saved(run_v2{666, 0.2, {filled({2}, 5), filled({2}, 6)}})),
                    std::runtime_error);
    CHECK(target.epoch == 55);
    CHECK(target.layer.weight(0) == 3);
    const tarc::error e = error_of(
        [&] { tarc::load_into(target, saved(run_v2{4, 0.2, {filled({2}, 5), filled({2}, 6)}}), {.in_place = true}); });
    CHECK(e.code() == tarc::errc::invalid_argument);
}

TEST_CASE("an attempt at a version leaves no trace, and one in place says what is wrong with the file") {
    run target;
    target.layer = {filled({1}, 1), filled({1}, 2)};
    const bytes odd = saved(tarc::value::dict({{"epoch", 3}, {"comment", "odd"}}));
    CHECK(error_of([&] { tarc::load_into(target, odd, {.in_place = true}); }).code() == tarc::errc::mismatch);
    CHECK(tarc::load_into(target, odd, {.strict = false, .in_place = true}).missing_keys.size() == 3);
    CHECK(target.epoch == 3);
    CHECK(tarc::load<noted>(saved(tarc::value::dict({{"other", 1}})), {.strict = false}).note == 5);
}

}  // namespace
