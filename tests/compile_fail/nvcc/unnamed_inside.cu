// expect-once: error: static assertion failed with "tarc: this compiler front end cannot find field names -- name them with
// expect: with T=linear, Path=.*{{'m', 'o', 'd', 'e', 'l', '\.', 'f', 'c', '\\000'}}
// reject: error: (?!static assertion failed with "tarc: this compiler front end)
#include <tarc/tarc.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    linear fc;
};
struct checkpoint {
    int epoch = 0;
    net model;
};
template <>
inline constexpr auto tarc::describe<checkpoint> = tarc::field_names{"epoch", "model"};
template <>
inline constexpr auto tarc::describe<net> = tarc::field_names{"fc"};

int main() { tarc::save(checkpoint(), "unnamed_inside.pt"); }
