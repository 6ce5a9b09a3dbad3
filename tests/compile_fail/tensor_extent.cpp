// expect-once: static assertion failed.*tarc: an extent is a size, tarc::dyn, or a lone tarc::scalar
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tensor/tensor.hpp>


int main() { return static_cast<int>(sizeof(tarc::tensor<float, 3, tarc::scalar>)); }
