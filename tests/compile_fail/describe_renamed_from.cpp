// expect-once: static assertion failed.*tarc: tarc::describe of this struct names a field that it does not have -- correct the name
// expect: field<.*{"model\.biass"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tuple>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
template <>
inline constexpr auto tarc::describe<linear> =
    std::tuple{tarc::renamed_from{"weight", "kernel"}, tarc::renamed_from{"biass", "b"}};
struct root {
    linear model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
