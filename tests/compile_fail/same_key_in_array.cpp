// expect-once: static assertion failed.*tarc: two fields of a module have one key in its state_dict -- rename one
// expect: field<.*{"layers\[10\]\.bias and b"}
// reject: error: (?!static assertion failed.*tarc: )
#include <array>
#include <optional>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
struct root {
    std::array<linear, 11> layers;
    std::optional<tarc::tensor<float>> b;
};
template <>
inline constexpr auto tarc::describe<root> = tarc::rename{"b", "layers.10.bias"};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
