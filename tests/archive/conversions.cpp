#include "archive/support.hpp"

#include <map>
#include <optional>
#include <tuple>

using namespace tarc_test;
using tarc::dtype_policy;
using tarc::tensor;

namespace {

struct half_net {
    tensor<tarc::bfloat16> weight;
    tensor<tarc::float16> bias;
    tensor<std::int32_t> steps;
};
struct full_net {
    tensor<float, 2, tarc::dyn> weight;
    tensor<double> bias;
    tensor<double> steps;
};
struct narrow_net {
    tensor<tarc::float16> weight;
    tensor<tarc::bfloat16> bias;
    tensor<std::int8_t> steps;
};

half_net make(std::int32_t step = -7) {
    return {tensor<tarc::bfloat16>::full({2, 3}, tarc::bfloat16(1.5f)),
            tensor<tarc::float16>::full({2}, tarc::float16(0.25f)), tensor<std::int32_t>::full({2}, step)};
}

TEST_CASE("nothing is converted unless that is asked for") {
    const tarc::load_report r = report_of([&] { (void)tarc::load<full_net>(saved(make())); });
    REQUIRE(r.mismatched.size() == 3);
    for (const tarc::mismatched_key& m : r.mismatched) CHECK(m.what == tarc::difference::dtype);
}

TEST_CASE("widen and cast, and the report says what was converted") {
    const bytes file = saved(make());
    full_net n;
    const tarc::load_report r = tarc::load_into(n, file, {.dtypes = dtype_policy::widen});
    CHECK(r.clean());
    REQUIRE(r.converted.size() == 3);
    CHECK(r.converted[0].path == "weight");
    CHECK(r.converted[0].archived == "a tensor of bfloat16 [2, 3]");
    CHECK(r.converted[0].expected == "a tensor of float32 [2, ?]");
    CHECK(contains(r.text(), "converted (3)"));
    CHECK(n.weight(1, 2) == 1.5f);
    CHECK(n.bias(1) == 0.25);
    CHECK(n.steps(0) == -7);
    CHECK(report_of([&] { (void)tarc::load<half_net>(saved(n), {.dtypes = dtype_policy::widen}); }).mismatched.size() ==
          3);
    const half_net back = tarc::load<half_net>(saved(n), {.dtypes = dtype_policy::cast});
    CHECK(static_cast<float>(back.weight(1, 2)) == 1.5f);
    CHECK(back.steps(1) == -7);
    // Rank and extents are checked as ever.
    const tarc::load_report shapes = report_of([&] {
        (void)tarc::load<full_net>(saved(half_net{tensor<tarc::bfloat16>::zeros({3, 3}),
                                                  tensor<tarc::float16>::zeros({2}), tensor<std::int32_t>::zeros({2})}),
                                   {.dtypes = dtype_policy::widen});
    });
    REQUIRE(shapes.mismatched.size() == 1);
    CHECK(shapes.mismatched[0].what == tarc::difference::extent);
}

TEST_CASE("a cast out of range is an error with its place, and the target is as it was") {
    narrow_net n;
    n.steps = tensor<std::int8_t>::full({1}, 3);
    const tarc::error e = error_of([&] { tarc::load_into(n, saved(make(300)), {.dtypes = dtype_policy::cast}); });
    CHECK(e.code() == tarc::errc::out_of_range);
    CHECK(e.field() == "steps");
    CHECK(n.steps(0) == 3);
    CHECK_FALSE(n.weight.defined());
}

struct mixed {
    tensor<float> cast;
    tensor<float> exact;
    std::int32_t count = 0;
    bool flag = false;
};
struct stored {
    tensor<tarc::bfloat16> cast;
    tensor<float> exact;
    double count = 0;
    std::int64_t flag = 0;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<mixed> =
    std::tuple{tarc::retyped{"cast", dtype_policy::widen}, tarc::retyped{"count", dtype_policy::cast},
               tarc::retyped{"flag", dtype_policy::cast}};

namespace {

TEST_CASE("a policy of one field") {
    const stored s{tensor<tarc::bfloat16>::full({1}, tarc::bfloat16(2.f)), tensor<float>::full({1}, 3.f), 5.75, 2};
    const mixed m = tarc::load<mixed>(saved(s));
    CHECK(m.cast(0) == 2);
    CHECK(m.exact(0) == 3);
    CHECK(m.count == 5);
    CHECK(m.flag);
    mixed target;
    CHECK(tarc::load_into(target, saved(s)).converted.size() == 3);
    stored wide = s;
    wide.count = 1e10;
    CHECK(report_of([&] { (void)tarc::load<mixed>(saved(wide)); }).mismatched.at(0).path == "count");
}

TEST_CASE("ties and views stay ties and views") {
    struct two {
        tensor<tarc::bfloat16> a, b;
    };
    struct two_wide {
        tensor<float> a, b;
    };
    const tensor<tarc::bfloat16> base = tensor<tarc::bfloat16>::full({4}, tarc::bfloat16(1.f));
    two t{base, base.narrow(0, 2, 2)};
    t.b(0) = tarc::bfloat16(5.f);
    const two_wide w = tarc::load<two_wide>(saved(t), {.dtypes = dtype_policy::widen});
    CHECK(w.a.storage() == w.b.storage());
    CHECK(w.a(2) == 5);
    CHECK(w.b(0) == 5);
    struct both {
        tensor<float> a;
        tensor<tarc::bfloat16> b;
    };
    const both split = tarc::load<both>(saved(t), {.dtypes = dtype_policy::widen});
    CHECK(split.a(2) == 5);
    CHECK(static_cast<float>(split.b(1)) == 1);
}

TEST_CASE("in place, into the memory that the target has") {
    full_net n{tensor<float, 2, tarc::dyn>::zeros({2, 3}), tensor<double>::zeros({2}), tensor<double>::zeros({5})};
    const auto weight = n.weight;
    const auto steps = n.steps;
    tarc::load_into(n, saved(make()), {.dtypes = dtype_policy::widen, .in_place = true});
    CHECK(weight(1, 1) == 1.5f);
    CHECK(n.weight.storage() == weight.storage());
    CHECK(n.steps.shape()[0] == 2);  // of another shape: new memory
    CHECK(steps(0) == 0);
}

TEST_CASE("placements: shapes only, views, resources") {
    const bytes file = saved(make());
    const full_net shapes = tarc::load<full_net>(file, tarc::meta, {.dtypes = dtype_policy::widen});
    CHECK(shapes.weight.device().type == tarc::device_type::meta);
    CHECK(shapes.weight.shape()[1] == 3);
    CHECK(tarc::load<full_net>(file, tarc::mapped, {.dtypes = dtype_policy::widen}).weight(0, 0) == 1.5f);
}

TEST_CASE("in place nothing is asked of a policy, and nothing is torn") {
    full_net n{tensor<float, 2, tarc::dyn>::zeros({2, 3}), tensor<double>::zeros({2}), tensor<double>::zeros({2})};
    const auto weight = n.weight;
    const tarc::load_options o{.dtypes = dtype_policy::widen, .in_place = true};
    tarc::load_into(n, saved(make()), tarc::meta, o);
    CHECK(weight(1, 1) == 1.5f);
    const auto refuses = [](const tarc::storage_info&) -> tarc::placement { throw std::runtime_error("asked"); };
    tarc::load_into(n, saved(make(4)), refuses, o);
    CHECK(n.steps(1) == 4);
    struct two {
        tensor<double> a;
        tensor<float> b;
    };
    struct two_floats {
        tensor<float> a, b;
    };
    const auto base = tensor<float>::full({4}, 3.f);
    two t{tensor<double>::zeros({4}), tensor<float>::zeros({2})};
    const auto b = t.b;
    tarc::load_into(t, saved(two_floats{base, base.narrow(0, 1, 2)}), tarc::meta, o);  // one storage, both ways
    CHECK(t.a(3) == 3);
    CHECK(b(1) == 3);
}

TEST_CASE("a cast looks at the elements of the tensors only") {
    struct wide {
        tensor<double> a, b;
    };
    struct narrow {
        tensor<float> a, b;
    };
    auto base = tensor<double>::full({6}, 1);
    base(0) = 1e300;
    const bytes file = saved(wide{base.narrow(0, 1, 2), base.narrow(0, 3, 2)}, {.whole_storage = true});
    CHECK(tarc::load<narrow>(file, {.dtypes = dtype_policy::cast}).b(1) == 1);
    base(4) = -1e300;
    const bytes bad = saved(wide{base.narrow(0, 1, 2), base.narrow(0, 3, 2)}, {.whole_storage = true});
    const tarc::error e = error_of([&] { (void)tarc::load<narrow>(bad, {.dtypes = dtype_policy::cast}); });
    CHECK(e.field() == "b");
    CHECK(contains(e.what(), "element 1"));
}

TEST_CASE("what a conversion needs is counted") {
    struct small {
        tensor<std::uint8_t> t;
    };
    struct large {
        tensor<double> t;
    };
    const bytes file = saved(small{tensor<std::uint8_t>::zeros({1'000'000})});
    const tarc::error e = error_of(
        [&] { (void)tarc::load<large>(file, {.dtypes = dtype_policy::widen, .limits = {.total_bytes = 2'000'000}}); });
    CHECK(e.code() == tarc::errc::limit_exceeded);
}

}  // namespace
