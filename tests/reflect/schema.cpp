#include <doctest/doctest.h>

#include <tarc/optim.hpp>
#include <tarc/reflect/schema.hpp>
#include <tarc/value/value.hpp>

#include <array>
#include <complex>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

using tarc::schema_text;

namespace {

using tensor = tarc::tensor<float>;
enum class plain : std::uint8_t { a };
enum class named { a };
struct linear {
    tensor weight, bias;
};
struct relu {};

struct scalars {
    bool b;
    std::int8_t i8;
    std::uint8_t u8;
    short i16;
    unsigned short u16;
    int i32;
    unsigned u32;
    long i64;
    unsigned long long u64;
    float f;
    double d;
    std::complex<float> c;
    std::complex<double> z;
    std::string s;
    std::vector<std::byte> raw;
    plain e;
    named n;
    std::minstd_rand engine;
    std::monostate nothing;
};
struct tensors {
    tarc::tensor<float, 6, 3, 5, 5> fixed;
    tarc::tensor<float, tarc::dyn, 3> rank;
    tarc::tensor<tarc::bfloat16> any_shape;
    tarc::tensor<double, tarc::scalar> zero_d;
    tarc::tensor<bool, 0> none;
    tarc::any_tensor any;
    tarc::buffer<std::int64_t, 2> buffer;
    tarc::tensor<std::complex<float>, 1> complex;
    tarc::tensor<tarc::float8_e4m3fn> tiny;
    int makes_it_a_dict;
};
struct containers {
    std::vector<int> v;
    std::deque<double> d;
    std::array<float, 3> a;
    std::vector<bool> bits;
    std::set<std::string> set;
    std::map<std::string, int> m;
    std::unordered_map<int, linear> um;
    std::pair<int, std::string> p;
    std::tuple<int, linear, std::tuple<bool>> t;
    std::optional<int> o;
    std::optional<tensor> ot;
    std::optional<scalars> os;
    std::vector<std::vector<int>> vv;
    std::optional<std::vector<int>> ov;
};
struct variants {
    std::variant<int, std::string> bare;
    std::variant<std::monostate, tensor> maybe;
    std::optional<std::variant<int, double>> optional;
    std::variant<int, linear> with_struct;
    std::vector<std::variant<bool, std::vector<int>>> list;
};
struct net {
    linear fc1;
    std::tuple<linear, relu, linear> layers;
    std::vector<linear> more;
    std::array<tensor, 2> pair;
    std::optional<tensor> scale;
    std::optional<linear> head;
    std::map<std::string, linear> experts;
    std::map<std::string, tensor> raw;
};
struct checkpoint {
    std::int64_t epoch;
    net model;
    std::vector<linear> snapshots;
    std::map<std::string, linear> by_name;
    tarc::value anything;
    tarc::rest others;
};
struct odd_names {
    int slash, colon, backslash, dot, space;
};
struct dict {
    linear part;
    int n;
};
struct stated {
    linear fc1;
    int heads;
    dict as_dict;
    std::vector<int> sizes;
    tarc::module_metadata metadata;
    tarc::rest others;
};

}  // namespace

template <>
inline constexpr tarc::enum_name<named> tarc::enum_names<named>[] = {{named::a, "a"}};
template <>
inline constexpr auto tarc::describe<odd_names> =
    std::tuple{tarc::rename{"slash", "a/b"}, tarc::rename{"colon", "a:b"}, tarc::rename{"backslash", "a\\b"},
               tarc::rename{"dot", "a.b"}, tarc::rename{"space", "a b"}};
template <>
inline constexpr bool tarc::is_module<stated> = true;
template <>
inline constexpr bool tarc::is_module<dict> = false;

TEST_CASE("scalars") {
    CHECK_EQ(schema_text<scalars>(),
             "b: bool\ni8: int8\nu8: uint8\ni16: int16\nu16: uint16\ni32: int32\nu32: uint32\ni64: int64\nu64: uint64\n"
             "f: float32\nd: float64\nc: complex64\nz: complex128\ns: str\nraw: bytes\ne: uint8\nn: str\nengine: "
             "str\nnothing: none\n");
}

TEST_CASE("tensors") {
    CHECK_EQ(schema_text<tensors>(),
             "fixed: float32[6,3,5,5]\nrank: float32[?,3]\nany_shape: bfloat16[...]\nzero_d: float64[]\nnone: "
             "bool[0]\nany: any[...]\n"
             "buffer: int64[2]\ncomplex: complex64[1]\ntiny: float8_e4m3fn[...]\nmakes_it_a_dict: int32\n");
}

TEST_CASE("containers") {
    CHECK_EQ(schema_text<containers>(),
             "v/*: int32\nd/*: float64\na/*: float32\nbits/*: bool\nset/*: str\nm/*: int32\num/*/weight: "
             "float32[...]\num/*/bias: float32[...]\n"
             "p/0: int32\np/1: str\nt/0: int32\nt/1/weight: float32[...]\nt/1/bias: float32[...]\nt/2/0: bool\no: "
             "int32?\not: float32[...]?\n"
             "os/b: bool?\nos/i8: int8?\nos/u8: uint8?\nos/i16: int16?\nos/u16: uint16?\nos/i32: int32?\nos/u32: "
             "uint32?\nos/i64: int64?\n"
             "os/u64: uint64?\nos/f: float32?\nos/d: float64?\nos/c: complex64?\nos/z: complex128?\nos/s: "
             "str?\nos/raw: bytes?\nos/e: uint8?\n"
             "os/n: str?\nos/engine: str?\nos/nothing: none?\nvv/*/*: int32\nov/*: int32?\n");
}

TEST_CASE("variants") {
    CHECK_EQ(
        schema_text<variants>(),
        "bare: variant<int32|str>\nmaybe: variant<none|float32[...]>\noptional: variant<int32|float64>?\n"
        "with_struct: variant<int32|{weight: float32[...];bias: float32[...];}>\nlist/*: variant<bool|{*: int32;}>\n");
}

TEST_CASE("a module's keys are dotted") {
    constexpr const char* lines =
        "fc1.weight: float32[...]\nfc1.bias: float32[...]\nlayers.0.weight: float32[...]\nlayers.0.bias: float32[...]\n"
        "layers.2.weight: float32[...]\nlayers.2.bias: float32[...]\nmore.*.weight: float32[...]\nmore.*.bias: "
        "float32[...]\npair.*: float32[...]\n"
        "scale: float32[...]?\nhead.weight: float32[...]?\nhead.bias: float32[...]?\nexperts.*.weight: "
        "float32[...]\nexperts.*.bias: float32[...]\n"
        "raw.*: float32[...]\n";
    CHECK_EQ(schema_text<net>(), lines);
}

TEST_CASE("a module inside a dict") {
    std::string model;
    const std::string text = schema_text<net>();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at) + 1;
        model += "model/" + text.substr(at, end - at);
        at = end;
    }
    CHECK_EQ(schema_text<checkpoint>(),
             "epoch: int64\n" + model +
                 "snapshots/*/weight: float32[...]\nsnapshots/*/bias: float32[...]\n"
                 "by_name/*/weight: float32[...]\nby_name/*/bias: float32[...]\nanything: value\n*: rest\n");
}

TEST_CASE("a stated module has scalars under dotted keys, and dicts where a struct says so") {
    CHECK_EQ(schema_text<stated>(),
             "fc1.weight: float32[...]\nfc1.bias: float32[...]\nheads: int32\nas_dict/part/weight: "
             "float32[...]\nas_dict/part/bias: float32[...]\n"
             "as_dict/n: int32\nsizes/*: int32\n*: rest\n");
}

TEST_CASE("separators in a key are escaped") {
    CHECK_EQ(schema_text<odd_names>(), "a\\/b: int32\na\\:b: int32\na\\\\b: int32\na.b: int32\na b: int32\n");
}

TEST_CASE("what is no struct has a schema too, with an empty path") {
    CHECK_EQ(schema_text<tarc::tensor<float, 3>>(), ": float32[3]\n");
    CHECK_EQ(schema_text<std::vector<int>>(), "*: int32\n");
    CHECK_EQ(schema_text<std::map<std::string, tensor>>(), "*: float32[...]\n");
    CHECK_EQ(schema_text<relu>(), "");
}

TEST_CASE("the optimizers are dicts") {
    CHECK_EQ(schema_text<tarc::optim::sgd>(),
             "state/*/momentum_buffer: any[...]?\nparam_groups/*/lr: float64\nparam_groups/*/momentum: "
             "float64\nparam_groups/*/dampening: float64\n"
             "param_groups/*/weight_decay: float64\nparam_groups/*/nesterov: bool\nparam_groups/*/maximize: "
             "bool\nparam_groups/*/foreach: bool?\n"
             "param_groups/*/differentiable: bool\nparam_groups/*/fused: bool?\nparam_groups/*/params/*: "
             "int64\nparam_groups/*/*: rest\n");
}
