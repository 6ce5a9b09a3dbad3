// expect-once: static assertion failed.*tarc: no dtype holds this element type -- use an integer
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tensor/tensor.hpp>

struct root {
    tarc::tensor<char> t;
};

int main() { return static_cast<int>(root().t.rank()); }
