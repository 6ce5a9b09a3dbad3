// expect-once: static assertion failed.*tarc: two fields of a struct have one name in the archive -- rename one
// expect: field<.*{"model\.bad\.first and model\.bad\.third"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tuple>

#include <tarc/reflect/schema.hpp>

struct bad_struct {
    int first, second, third;
};
template <>
inline constexpr auto tarc::describe<bad_struct> = std::tuple{tarc::rename{"first", "0"}, tarc::rename{"third", "0"}};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
