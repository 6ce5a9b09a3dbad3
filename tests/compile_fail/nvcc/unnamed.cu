// expect-once: error: static assertion failed with "tarc: this compiler front end cannot find field names -- name them with tarc::field_names in tarc::describe<T>, or leave save and load to a .cpp file"
// expect: with T=checkpoint, Path=.*{{'\\000'}}
// reject: error: (?!static assertion failed with "tarc: this compiler front end)
#include <tarc/tarc.hpp>

#include <tuple>

struct linear {
    tarc::tensor<float> weight, bias;
};
// linear has no names either; one mistake is said at a time, from the outside in.
struct checkpoint {
    int epoch = 0;
    linear fc;
};
template <>
inline constexpr auto tarc::describe<checkpoint> = std::tuple{tarc::rename{"epoch", "step"}};

int main() {
    checkpoint c;
    tarc::save(c, "unnamed.pt");
    c = tarc::load<checkpoint>("unnamed.pt");
}
