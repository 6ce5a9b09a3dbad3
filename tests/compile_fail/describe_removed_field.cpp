// expect-once: static assertion failed.*tarc: tarc::describe of this struct calls a name old or removed that a field still has -- remove
// expect: field<.*{"model\.bias"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
template <>
inline constexpr auto tarc::describe<linear> = tarc::removed{"bias"};
struct root {
    linear model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
