// interop_write OUT [ALIGNMENT] [plain]: one archive with every dtype, every layout and every container, for
// tests/interop/test_written.py, which knows what must be in it.

#include <tarc/tarc.hpp>

#include <array>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

using tarc::tensor;

namespace {

enum class color { red, green };

/// Elements whose bytes are 11, 48, 85, …; 0 and 1 for bool.
template <class T>
tarc::any_tensor pattern(tarc::shape_view shape) {
    const auto t = tensor<T>::empty(shape);
    auto* p = static_cast<unsigned char*>(t.raw_data());
    for (std::size_t i = 0; i < t.nbytes(); ++i)
        p[i] = static_cast<unsigned char>(std::same_as<T, bool> ? i % 2 : i * 37 + 11);
    return t;
}

template <class... T>
std::map<std::string, std::vector<tarc::any_tensor>> each_dtype() {
    std::map<std::string, std::vector<tarc::any_tensor>> all;
    ((all[std::string(tarc::to_string(tarc::dtype_of<T>))] = {pattern<T>({3, 4}), pattern<T>({3, 4}).transpose(0, 1),
                                                              pattern<T>({}), pattern<T>({0, 2})}),
     ...);
    return all;
}

struct linear {
    tensor<float> weight, bias;
};
struct relu {};
struct net {
    linear fc1;
    std::tuple<linear, relu, linear> body;
    std::vector<linear> blocks;
    std::optional<linear> none;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
    tarc::module_metadata metadata;
};
linear make_linear(float f) { return {tensor<float>::full({2, 3}, f), tensor<float>::full({2}, -f)}; }

struct scalars {
    bool yes = true, no = false;
    std::int8_t small = -128;
    std::int64_t low = INT64_MIN, high = INT64_MAX;
    std::uint64_t past = UINT64_MAX, edge = std::uint64_t{1} << 63;
    float third = 1.0f / 3;
    double tenth = 0.1, huge = 1.7976931348623157e308, tiny = 5e-324, minus_zero = -0.0, infinite = -HUGE_VAL,
           nan = NAN;
    std::complex<double> z{1.5, -2.5};
    std::complex<float> zf{0.25f, 8};
    std::string text = "grüße 世界 \U0001f600", empty;
    std::string zero = std::string("a\0b", 3), longer = std::string(70'000, 'x');
    std::vector<std::byte> no_bytes, bytes;
    color named = color::green;
    std::optional<int> none, some = 4;
    std::mt19937 engine;
};

struct containers {
    std::vector<int> list{1, 2, 3}, empty;
    std::deque<double> deque{0.5};
    std::vector<bool> flags{true, false};
    std::array<std::string, 2> array{"a", "b"};
    std::tuple<int, std::string, std::vector<int>> tuple{1, "two", {3}};
    std::pair<double, bool> pair{0.25, true};
    std::set<std::string> set{"x", "y"};
    std::map<std::string, int> map{{"", 0}, {"k", 1}};
    std::map<std::int64_t, std::vector<std::map<std::string, double>>> by_number{{-1, {{{"a", 1.0}}, {}}}};
    std::unordered_map<std::string, int> unordered{{"b", 2}, {"a", 1}, {"c", 3}};
    std::variant<int, std::string> bare = "text";
    std::variant<int, std::int64_t> tagged = std::int64_t{7};
    tarc::value any;
};

struct everything {
    std::map<std::string, std::vector<tarc::any_tensor>> dtypes;
    std::map<std::string, tarc::any_tensor> views;
    net model;
    scalars numbers;
    containers parts;
    std::map<std::string, tarc::any_tensor> tail;
    tarc::rest others;
};

everything make() {
    everything e;
    e.dtypes = each_dtype<float, double, bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                          std::uint16_t, std::uint32_t, std::uint64_t, std::complex<float>, std::complex<double>,
                          tarc::float16, tarc::bfloat16, tarc::complex32, tarc::float8_e4m3fn, tarc::float8_e5m2,
                          tarc::float8_e4m3fnuz, tarc::float8_e5m2fnuz, tarc::float8_e8m0fnu, tarc::float4_e2m1fn_x2>();
    auto base = tensor<float>::empty({100, 10});
    float next = 0;
    for (float& x : base.span()) x = next++;
    const auto square = tensor<std::int32_t>::from({1, 2, 3, 4, 5, 6}, {2, 3});
    const std::int64_t step[] = {0, 3, 1}, skip[] = {6, 2};
    e.views = {
        {"a_base_part", base.narrow(0, 10, 5)},
        {"b_column", base.select(1, 3).narrow(0, 8, 10)},
        {"c_transposed", square.transpose(0, 1)},
        {"d_expanded", tensor<std::int32_t>::over(square.storage(), {4, 2, 3}, std::span<const std::int64_t>(step), 0)},
        {"e_skipping", tensor<std::int32_t>::over(square.storage(), {1, 2}, std::span<const std::int64_t>(skip), 1)},
        {"f_tied", square},
        {"g_empty_of_it", square.narrow(1, 3, 0)},
        {"h_scalar_of_it", square.select(0, 1).select(0, 2)}};
    e.model.fc1 = make_linear(1);
    e.model.body = {make_linear(2), relu{}, linear{e.model.fc1.weight, tensor<float>::full({2}, 3.f)}};  // tied to fc1
    e.model.blocks = {make_linear(4), make_linear(5)};
    e.model.num_batches_tracked = tarc::buffer<std::int64_t, tarc::scalar>::full({}, 9);
    e.model.metadata.data = tarc::value::dict({{"", tarc::value::dict({{"version", 1}})}});
    for (int i = 0; i < 256; ++i) e.numbers.bytes.push_back(static_cast<std::byte>(i));
    e.parts.any =
        tarc::value::dict({{1, "int key"}, {"t", square}, {"nested", tarc::value::tuple({nullptr, 2.5, true})}});
    e.tail = {{"large", pattern<std::uint8_t>({100'003})}, {"last", pattern<double>({3})}};
    e.others.append("more", tarc::value::list({1, "two", base.select(0, 12)}));
    return e;
}

}  // namespace

template <>
inline constexpr tarc::enum_name<color> tarc::enum_names<color>[] = {{color::red, "red"}, {color::green, "green"}};

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: interop_write OUT [ALIGNMENT] [plain]\n", stderr);
        return 2;
    }
    try {
        tarc::save_options o;
        if (argc > 2) o.alignment = static_cast<std::uint32_t>(std::atoi(argv[2]));
        o.manifest = argc <= 3;
        tarc::save(make(), argv[1], o);
        tarc::memory_sink again;
        tarc::save(tarc::load<everything>(argv[1]), again, o);
        tarc::file_source file(argv[1]);
        std::vector<std::byte> first(file.size());
        file.read(0, first);
        if (again.bytes() != first) throw tarc::error(tarc::errc::mismatch, "what was loaded saves as another file");
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "interop_write: %s\n", e.what());
        return 1;
    }
}
