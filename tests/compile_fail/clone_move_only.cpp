// expect-once: static assertion failed.*tarc: clone needs a struct that can be copied
// reject: error: (?!static assertion failed.*tarc: )
#include <memory>

#include <tarc/reflect/clone.hpp>

struct root {
    tarc::tensor<float> t;
    std::unique_ptr<int> p;
};
template <>
inline constexpr auto tarc::describe<root> = tarc::transient{"p"};

int main() { return static_cast<int>(tarc::clone(root()).t.rank()); }
