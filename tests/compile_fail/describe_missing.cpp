// expect-once: static assertion failed.*tarc: tarc::describe of this struct names a field that it does not have -- correct the name
// expect: field<.*{"model\.bad\.frist"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tuple>

#include <tarc/reflect/schema.hpp>

struct bad_struct {
    int first, second;
};
template <>
inline constexpr auto tarc::describe<bad_struct> = std::tuple{tarc::rename{"frist", "0"}};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
