// expect-once: static assertion failed.*tarc: tarc::describe of this struct names a field that it does not have -- correct the name
// expect: field<.*{"wieght"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
template <>
inline constexpr auto tarc::describe<linear> = tarc::retyped{"wieght", tarc::dtype_policy::widen};

int main() { return static_cast<int>(tarc::schema_text<linear>().size()); }
