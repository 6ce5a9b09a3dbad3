// expect-once: static assertion failed.*tarc: two fields of a module have one key in its state_dict -- rename one
// expect: field<.*{"model\.w and model\.fc1\.weight"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    tarc::tensor<float> w;
    linear fc1;
};
struct root {
    net model;
};
template <>
inline constexpr auto tarc::describe<net> = tarc::rename{"w", "fc1.weight"};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
