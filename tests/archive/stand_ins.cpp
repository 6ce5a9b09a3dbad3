#include "archive/geometry.hpp"

#include "archive/support.hpp"

#include <map>
#include <optional>
#include <tuple>

using namespace tarc_test;
using tarc::tensor;

namespace stats {

/// Has tensors, and an invariant that its construction may refuse.
class scaler {
public:
    scaler() : mean_(tensor<float>::zeros({1})), scale_(tensor<float>::full({1}, 1)) {}
    scaler(tensor<float> mean, tensor<float> scale) : mean_(std::move(mean)), scale_(std::move(scale)) {
        if (scale_(0) == 0) throw std::domain_error("a scale of 0");
    }
    [[nodiscard]] const tensor<float>& mean() const { return mean_; }
    [[nodiscard]] const tensor<float>& scale() const { return scale_; }

private:
    tensor<float> mean_, scale_;
};
struct scaler_state {
    tensor<float> mean, scale;
};

}  // namespace stats

template <>
struct tarc::archived_as<stats::scaler> {
    using type = stats::scaler_state;
    static type save(const stats::scaler& s) { return {s.mean(), s.scale()}; }
    static stats::scaler load(type&& s) { return {std::move(s.mean), std::move(s.scale)}; }
};

namespace {

using geo::angle, stats::scaler;

struct holder {
    angle one{1};
    std::vector<angle> many;
    std::map<std::string, angle> named;
    std::optional<angle> maybe;
    std::array<angle, 2> two;
    std::variant<std::string, angle> either;
    scaler s;
    std::vector<scaler> scalers;
};
struct net {
    tensor<float> weight;
    scaler norm;
};

tensor<float> one(float f) { return tensor<float>::full({2}, f); }

holder make() {
    return {angle(90), {angle(1), angle(2)}, {{"x", angle(3)}},   angle(4), {angle(5), angle(6)},
            angle(7),  {one(8), one(9)},     {{one(10), one(11)}}};
}

TEST_CASE("a type is archived as another one") {
    const holder h = round_trip(make());
    CHECK(h.one.degrees() == 90);
    CHECK(h.many.at(1).degrees() == 2);
    CHECK(h.named.at("x").degrees() == 3);
    CHECK(h.maybe->degrees() == 4);
    CHECK(h.two[1].degrees() == 6);
    CHECK(std::get<angle>(h.either).degrees() == 7);
    CHECK(h.s.mean()(1) == 8);
    CHECK(h.scalers.at(0).scale()(0) == 11);
    const tarc::value v = tarc::open(saved(h)).value();
    CHECK(v["one"].as_double() == 90);
    CHECK(v["s"]["mean"].kind() == tarc::value_kind::tensor);
    CHECK(
        tarc::schema_text<holder>().starts_with("one: float64\nmany/*: float64\nnamed/*: float64\nmaybe: float64?\n"));
}

TEST_CASE("what is said of a type in a header of its own") {
    CHECK(tarc::load<geo::course>(saved(tarc::value::dict({{"heading", 45.0}, {"stages", 3}}))).heading.degrees() ==
          45);
    CHECK(tarc::open(saved(geo::course{})).schema().version == 7);
}

TEST_CASE("in a module it flattens as what it is archived as does") {
    static_assert(tarc::is_module<net>);
    const net n{one(1), {one(2), one(3)}};
    CHECK(tarc::schema_text<net>() == "weight: float32[...]\nnorm.mean: float32[...]\nnorm.scale: float32[...]\n");
    CHECK(round_trip(n).norm.scale()(0) == 3);
    CHECK(tarc::parameters(n).size() == 3);
    CHECK(tarc::parameters(n)[1].name == "norm.mean");
    const net copy = tarc::clone(n);
    CHECK(copy.norm.mean()(0) == 2);
    CHECK_FALSE(copy.norm.mean().storage() == n.norm.mean().storage());
    CHECK(report_of([&] { (void)tarc::load<net>(saved(tarc::value::dict({{"weight", one(1)}}))); }).missing_keys ==
          std::vector<std::string>{"norm.mean", "norm.scale"});
}

TEST_CASE("ties hold across it") {
    const tensor<float> shared = one(4);
    const net n = round_trip(net{shared, {shared, one(1)}});
    CHECK(n.weight.storage() == n.norm.mean().storage());
}

TEST_CASE("a load that fails, in its construction too, leaves the target as it was") {
    const bytes file = saved(net{one(1), {one(2), one(3)}});
    bytes bad = saved(tarc::value::dict({{"weight", one(7)}, {"norm.mean", one(7)}, {"norm.scale", one(0)}}));
    net n{one(5), {one(6), one(7)}};
    const auto scale = n.norm.scale();
    CHECK_THROWS_AS(tarc::load_into(n, bad), std::domain_error);
    CHECK(n.weight(0) == 5);
    CHECK(n.norm.scale().storage() == scale.storage());
    CHECK_THROWS_AS(tarc::load_into(n, bad, {.in_place = true}), std::domain_error);
    CHECK(n.weight(0) == 5);
    tarc::load_into(n, file);
    CHECK(n.norm.scale()(0) == 3);
    CHECK(scale(0) == 7);  // other handles keep the old bytes
}

TEST_CASE("in place too it is made anew; what the file lacks keeps its value") {
    net n{one(5), {one(6), one(7)}};
    const auto weight = n.weight, scale = n.norm.scale();
    tarc::load_into(n, saved(net{one(1), {one(2), one(3)}}), {.in_place = true});
    CHECK(weight(0) == 1);
    CHECK(n.norm.scale()(0) == 3);
    CHECK(scale(0) == 7);
    holder h = make();
    const tarc::load_report r = tarc::load_into(
        h, saved(tarc::value::dict({{"one", 12.0}, {"s", tarc::value::dict({{"mean", one(13)}})}, {"many", "text"}})),
        {.strict = false});
    CHECK(h.one.degrees() == 12);
    CHECK(h.s.mean()(0) == 13);
    CHECK(h.s.scale()(0) == 9);
    CHECK(h.many.size() == 2);
    REQUIRE(r.mismatched.size() == 1);
    CHECK(r.mismatched[0].path == "many");
    tarc::load_into(h, saved(tarc::value::dict({{"many", tarc::value::list({3.0, "x", 4.0})}})), {.strict = false});
    CHECK(h.many.size() == 2);  // nothing of a list that does not fit is applied
    CHECK(h.many[1].degrees() == 2);
}

/// Cannot be copied; one part may be absent.
class owner {
public:
    owner() = default;
    owner(int a, int b) : a_(std::make_unique<int>(a)), b_(b) {}
    [[nodiscard]] int a() const { return a_ ? *a_ : 0; }
    [[nodiscard]] int b() const { return b_; }

private:
    std::unique_ptr<int> a_;
    int b_ = 0;
};
struct owner_parts {
    int a = 0, b = 0;
};
/// Looks at its tensor when it is made.
class watcher {
public:
    watcher() = default;
    explicit watcher(tensor<float, tarc::scalar> t) : t_(std::move(t)), seen_(t_()) {}
    [[nodiscard]] const tensor<float, tarc::scalar>& get() const { return t_; }
    [[nodiscard]] float seen() const { return seen_; }

private:
    tensor<float, tarc::scalar> t_ = tensor<float, tarc::scalar>::full({}, 1.f);
    float seen_ = 1;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<owner_parts> = tarc::defaulted{"b"};
template <>
struct tarc::archived_as<owner> {
    using type = owner_parts;
    static type save(const owner& o) { return {o.a(), o.b()}; }
    static owner load(type&& p) { return {p.a, p.b}; }
};
template <>
struct tarc::archived_as<watcher> {
    using type = tarc::tensor<float, tarc::scalar>;
    static type save(const watcher& w) { return w.get(); }
    static watcher load(type&& t) { return watcher(std::move(t)); }
};

namespace {

TEST_CASE("one that cannot be copied keeps what the file lacks, and sees what it is made of") {
    struct holds {
        owner o;
        watcher w;
    };
    holds h{{5, 6}, {}};
    tarc::load_into(h, saved(tarc::value::dict({{"o", tarc::value::dict({{"a", 9}})}, {"w", 3.0}})),
                    {.in_place = true});
    CHECK(h.o.a() == 9);
    CHECK(h.o.b() == 6);
    CHECK(h.w.seen() == 3);
}

TEST_CASE("the schema text is that of what it is archived as, also in a variant") {
    CHECK(tarc::schema_text<std::variant<angle, std::string>>() == ": variant<float64|str>\n");
}

}  // namespace
