#pragma once

/// What tests/golden/*.pt hold: one value, the same for ever. Each release adds its own file and reads those of all
/// before it (tests/archive/golden.cpp); tests/programs/golden.cpp writes one. Members may be added at the end as
/// std::optional, never changed.

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include <array>
#include <complex>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace golden {

enum class phase : std::uint8_t { warmup = 1, main = 2 };

struct linear {
    tarc::tensor<float, tarc::dyn, tarc::dyn> weight;
    tarc::tensor<float, tarc::dyn> bias;
};
struct norm {
    tarc::tensor<float, 3> weight, bias;
    tarc::buffer<float, 3> running_mean, running_var;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct relu {};
struct net {
    std::tuple<linear, relu, linear> body;
    norm bn;
    std::vector<linear> heads;
    std::optional<linear> absent;
    tarc::tensor<float, tarc::dyn, tarc::dyn> tied;
    tarc::module_metadata metadata;
};

struct scalars {
    bool yes = true;
    std::int8_t i8 = -128;
    std::uint64_t u64 = UINT64_MAX;
    std::int64_t i64 = INT64_MIN;
    float f = 0.1f;
    double d = -0.0;
    std::complex<double> z{1.5, -2.5};
    std::string text = "grüße 世界";
    std::vector<std::byte> bytes{std::byte{0}, std::byte{0x7f}, std::byte{0xff}}, no_bytes;
    phase named = phase::main;
    std::optional<int> none;
    std::mt19937 engine{5};
};

struct containers {
    std::vector<int> list{3, 1, 2};
    std::vector<bool> flags{true, false, true};
    std::array<double, 2> array{0.5, 0.25};
    std::pair<int, std::string> pair{7, "seven"};
    std::set<std::string> set{"a", "b"};
    std::map<std::int64_t, std::vector<std::string>> map{{-1, {}}, {4, {"x"}}};
    std::variant<std::int64_t, std::string> bare{std::string("text")};
    std::variant<std::int32_t, std::int64_t> tagged{std::int64_t{9}};
};

struct checkpoint {
    std::int64_t epoch = 12;
    net model;
    tarc::optim::sgd sgd;
    tarc::optim::adam adam;
    scalars numbers;
    containers parts;
    std::map<std::string, tarc::any_tensor> dtypes;
    std::vector<tarc::any_tensor> views;
    tarc::value dynamic;
    tarc::rest others;
};

/// Elements whose bytes are 1, 14, 27, …; 0 and 1 for bool.
template <class T>
tarc::any_tensor pattern() {
    const auto t = tarc::tensor<T>::empty({2, 2});
    auto* p = static_cast<unsigned char*>(t.raw_data());
    for (std::size_t i = 0; i < t.nbytes(); ++i)
        p[i] = static_cast<unsigned char>(std::same_as<T, bool> ? i % 2 : i * 13 + 1);
    return t;
}

template <class... T>
std::map<std::string, tarc::any_tensor> each() {
    return {{std::string(tarc::to_string(tarc::dtype_of<T>)), pattern<T>()}...};
}

inline checkpoint make() {
    using tarc::tensor;
    const auto layer = [](float f) {
        return linear{tensor<float, tarc::dyn, tarc::dyn>(tensor<float>::full({2, 3}, f)),
                      tensor<float, tarc::dyn>(tensor<float>::full({2}, -f))};
    };
    const auto three = [](float f) { return tensor<float, 3>(tensor<float>::from({f, f + 1, f + 2}, {3})); };
    checkpoint c;
    c.model.body = {layer(1), relu{}, layer(2)};
    c.model.bn = {three(1), three(2), three(3), three(4), tarc::buffer<std::int64_t, tarc::scalar>::full({}, 5)};
    c.model.heads = {layer(3), layer(4)};
    c.model.tied = std::get<0>(c.model.body).weight;
    c.model.metadata.data =
        tarc::value::dict({{"", tarc::value::dict({{"version", 1}})}, {"bn", tarc::value::dict({{"version", 2}})}});
    tarc::optim::add_parameters(c.sgd, c.model, {.lr = 0.1, .momentum = 0.9});
    c.sgd.state[0].momentum_buffer = tensor<float>::full({2, 3}, 0.5f);
    c.sgd.state[1] = {};
    tarc::optim::add_parameters(c.adam, std::get<0>(c.model.body), {.lr = 0.001});
    c.adam.state[0] = {tensor<float, tarc::scalar>::full({}, 3),
                       tensor<float>::full({2, 3}, 0.25f),
                       tensor<float>::full({2, 3}, 0.125f),
                       {}};
    c.dtypes = each<float, double, bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                    std::uint16_t, std::uint32_t, std::uint64_t, std::complex<float>, std::complex<double>,
                    tarc::float16, tarc::bfloat16, tarc::complex32, tarc::float8_e4m3fn, tarc::float8_e5m2,
                    tarc::float8_e4m3fnuz, tarc::float8_e5m2fnuz, tarc::float8_e8m0fnu, tarc::float4_e2m1fn_x2>();
    const auto base = tensor<std::int32_t>::from({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {3, 4});
    c.views = {base.transpose(0, 1), base.select(1, 2), base.narrow(0, 1, 2), base.select(0, 1).select(0, 3),
               tensor<double>::empty({0, 4})};
    c.dynamic =
        tarc::value::dict({{1, tarc::value::tuple({nullptr, true, 2.5, "x"})}, {"t", base}, {"big", UINT64_MAX}});
    c.others.append("added_later", tarc::value::list({1, 2}));
    return c;
}

}  // namespace golden

template <>
inline constexpr tarc::enum_name<golden::phase> tarc::enum_names<golden::phase>[] = {{golden::phase::warmup, "warmup"},
                                                                                     {golden::phase::main, "main"}};
