// expect-once: static assertion failed.*tarc: tarc::describe of this struct calls a name old or removed that a field still has -- remove
// expect: field<.*{"bias"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
template <>
inline constexpr auto tarc::describe<linear> = tarc::renamed_from{"weight", "bias"};

int main() { return static_cast<int>(tarc::schema_text<linear>().size()); }
