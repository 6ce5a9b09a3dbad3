#include "archive/support.hpp"

#include <complex>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>

using namespace tarc_test;
using tarc::tensor;

namespace {

tensor<float> counted(tarc::shape_view shape) {
    tensor<float> t = tensor<float>::empty(shape);
    float next = 0;
    for (float& x : t.span()) x = next++;
    return t;
}

struct pair_of {
    tensor<float> a, b;
};

std::uint64_t storage_bytes(const bytes& file) {
    std::uint64_t n = 0;
    for (const payload& p : payloads(file))
        if (p.name.starts_with("data/")) n += p.end - p.begin;
    return n;
}

TEST_CASE("tied tensors stay one storage") {
    const tensor<float> t = counted({4, 3});
    struct deep {
        pair_of p;
        std::vector<tarc::any_tensor> list;
        std::optional<tensor<float>> more;
        tarc::value dynamic;
    };
    const deep d{{t, t}, {t, t.select(0, 1)}, t, tarc::value::dict(items{{"again", t}})};
    const bytes file = saved(d);
    CHECK(storage_bytes(file) == 48);
    const deep back = round_trip(d);
    const void* one = back.p.a.storage().identity();
    CHECK(back.p.b.storage().identity() == one);
    CHECK(back.list[0].storage().identity() == one);
    CHECK(back.list[1].storage().identity() == one);
    CHECK(back.more->storage().identity() == one);
    CHECK(back.dynamic["again"].as_tensor().storage().identity() == one);
    back.p.a(0, 0) = 100;
    CHECK(back.p.b(0, 0) == 100);
    CHECK(elements(back.list[1].as<float>()) == std::vector<float>{3, 4, 5});
    const tarc::any_tensor alone = tarc::open(file).tensor({"list", 1});
    CHECK(elements(alone.as<float>()) == std::vector<float>{3, 4, 5});
}

TEST_CASE("views keep strides, and a view of a large storage is saved compact") {
    const tensor<float> large = counted({1000, 10});
    const pair_of v{large.narrow(0, 500, 2), large.select(1, 3).narrow(0, 498, 5)};
    const bytes file = saved(v);
    CHECK(storage_bytes(file) == (5023 - 4983 + 1) * 4);  // elements 498*10+3 to 502*10+3
    const pair_of back = round_trip(v);
    CHECK(back.a.storage() == back.b.storage());
    CHECK(back.b.strides()[0] == 10);
    CHECK(elements(back.a) == elements(v.a));
    CHECK(elements(back.b) == elements(v.b));
    const bytes whole = saved(v, {.whole_storage = true});
    CHECK(storage_bytes(whole) == 40'000);
    const pair_of all = tarc::load<pair_of>(whole);
    CHECK(all.a.storage().nbytes() == 40'000);
    CHECK(all.a.offset() == 5000);
    CHECK(elements(all.b) == elements(v.b));
}

TEST_CASE("transposed, expanded, empty and 0-d tensors") {
    struct odd {
        tensor<float> transposed, expanded, empty, empty_view, empty_alone;
        tensor<float, tarc::scalar> one;
    };
    const tensor<float> t = counted({2, 3});
    const std::int64_t zero_stride[] = {0, 1};
    const odd o{t.transpose(0, 1),
                tensor<float>::over(t.storage(), {4, 3}, std::span<const std::int64_t>(zero_stride), 3),
                tensor<float>::empty({0}),
                t.narrow(1, 3, 0),
                tensor<float>::empty({3, 0, 2}),
                tensor<float, tarc::scalar>::full({}, 2.5f)};
    const odd back = round_trip(o);
    CHECK(back.transposed(2, 1) == 5);
    CHECK(back.transposed.strides()[0] == 1);
    CHECK(back.expanded(3, 2) == 5);
    CHECK(back.expanded.strides()[0] == 0);
    CHECK(back.expanded.storage() == back.transposed.storage());
    CHECK(back.empty.shape()[0] == 0);
    CHECK(back.empty_view.shape()[1] == 0);
    CHECK(back.empty_view.shape()[0] == 2);
    CHECK(back.empty_alone.rank() == 3);
    CHECK(back.one.item() == 2.5f);
}

TEST_CASE("an empty view beside another one, at any offset") {
    const tensor<float> t = counted({100});
    const pair_of first{t.narrow(0, 90, 5), tensor<float>::over(t.storage(), {0}, 3)};
    const pair_of back = round_trip(first);
    CHECK(elements(back.a) == std::vector<float>{90, 91, 92, 93, 94});
    CHECK(back.b.numel() == 0);
    const pair_of second =
        round_trip(pair_of{tensor<float>::over(t.storage(), {0}, 99), tensor<float>::over(t.storage(), {2, 0}, 3)});
    CHECK(second.a.numel() == 0);
    CHECK(second.b.numel() == 0);
}

TEST_CASE("two dtypes over one storage: an error that names both paths") {
    const tensor<float> t = counted({4});
    struct mixed {
        tensor<float> as_float;
        std::map<std::string, tensor<std::int32_t>> ints;
    };
    const mixed m{t, {{"x", tensor<std::int32_t>::over(t.storage(), {4})}}};
    const tarc::error e = error_of([&] { saved(m); });
    CHECK(e.code() == tarc::errc::unsavable);
    CHECK(e.field() == "ints.x");
    CHECK(contains(e.what(), "as_float"));
    CHECK(contains(e.what(), "int32"));
}

TEST_CASE("an undefined tensor: an error that names its path") {
    struct inner {
        tensor<float> weight;
    };
    struct net {
        std::vector<inner> layers;
    };
    struct holder {
        std::map<std::string, net> nets;
    };
    const holder h{{{"a", {{{counted({1})}, {}}}}}};
    const tarc::error e = error_of([&] { saved(h); });
    CHECK(e.code() == tarc::errc::unsavable);
    CHECK(contains(e.what(), "nets"));
    CHECK(contains(e.what(), "layers.1.weight"));
    CHECK(contains(e.what(), "optional"));
    struct holder2 {
        std::vector<std::pair<int, tensor<float>>> list;
    };
    const tarc::error f = error_of([] { saved(holder2{{{1, counted({1})}, {2, {}}}}); });
    CHECK(f.field() == "list/1/1");
}

TEST_CASE("clone keeps ties and shares nothing") {
    const tensor<float> t = counted({4});
    const pair_of p{t, t.narrow(0, 1, 2)};
    const pair_of copy = tarc::clone(p);
    CHECK(copy.a.storage() == copy.b.storage());
    CHECK_FALSE(copy.a.storage() == t.storage());
    CHECK(saved(copy) == saved(p));
}

template <class T>
void check_dtype() {
    struct one {
        tensor<T> many, none;
        tensor<T, tarc::scalar> scalar;
        tarc::any_tensor any;
    };
    one o{tensor<T>::empty({3, 5}), tensor<T>::empty({0}), tensor<T, tarc::scalar>::empty({}), {}};
    auto* p = static_cast<unsigned char*>(o.many.raw_data());
    for (std::size_t i = 0; i < o.many.nbytes(); ++i)
        p[i] = static_cast<unsigned char>(std::same_as<T, bool> ? i % 2 : i * 37);
    std::memset(o.scalar.raw_data(), 1, sizeof(T));
    o.any = o.many.transpose(0, 1);
    const one back = round_trip(o);
    CHECK(std::memcmp(back.many.raw_data(), o.many.raw_data(), o.many.nbytes()) == 0);
    CHECK(std::memcmp(back.scalar.raw_data(), o.scalar.raw_data(), sizeof(T)) == 0);
    CHECK(back.any.dtype() == tarc::dtype_of<T>);
    CHECK(back.any.strides()[0] == 1);
    CHECK(back.any.storage() == back.many.storage());
}

TEST_CASE("every dtype") {
    [&]<class... T>(std::tuple<T...>) {
        (check_dtype<T>(), ...);
    }(std::tuple<float, double, bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                 std::uint16_t, std::uint32_t, std::uint64_t, std::complex<float>, std::complex<double>, tarc::float16,
                 tarc::bfloat16, tarc::complex32, tarc::float8_e4m3fn, tarc::float8_e5m2, tarc::float8_e4m3fnuz,
                 tarc::float8_e5m2fnuz, tarc::float8_e8m0fnu, tarc::float4_e2m1fn_x2, std::byte>{});
}

}  // namespace
