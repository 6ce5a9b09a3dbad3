// expect-once: static assertion failed.*tarc: two fields of a module have one key in its state_dict -- rename one
// expect: field<.*{"model\.layers\[1\]\.bias and model\.b"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tuple>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    std::tuple<linear, linear> layers;
    tarc::tensor<float> b;
};
struct root {
    net model;
};
template <>
inline constexpr auto tarc::describe<net> = tarc::rename{"b", "layers.1.bias"};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
