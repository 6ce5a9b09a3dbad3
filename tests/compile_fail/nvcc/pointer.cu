// What every other compiler refuses nvcc refuses with the same words.
// expect-once: error: static assertion failed with "tarc: a pointer cannot be archived -- hold the value itself
// expect: Path=.*{{'f', 'c', '\[', '\]', '\.', 'h', 'o', 'o', 'k', '\\000'}}
// reject: error: (?!static assertion failed with "tarc: a pointer)
#include <tarc/tarc.hpp>

#include <tuple>

struct linear {
    tarc::tensor<float> weight;
    int* hook;
};
struct checkpoint {
    int epoch = 0;
    std::tuple<int, linear> fc;
};
template <>
inline constexpr auto tarc::describe<linear> = tarc::field_names{"weight", "hook"};
template <>
inline constexpr auto tarc::describe<checkpoint> = tarc::field_names{"epoch", "fc"};

int main() { tarc::save(checkpoint(), "pointer.pt"); }
