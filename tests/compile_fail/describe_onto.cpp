// expect-once: static assertion failed.*tarc: two fields of a struct have one name in the archive -- rename one
// expect: field<.*{"model\.bad\.first and model\.bad\.second"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct bad_struct {
    int first, second;
};
template <>
inline constexpr auto tarc::describe<bad_struct> = tarc::rename{"first", "second"};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
