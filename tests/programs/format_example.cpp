// Writes the example of docs/format.md.

#include <tarc/tarc.hpp>

struct checkpoint {
    std::int64_t epoch = 5;
    tarc::tensor<float> w;
};

int main(int, char** arguments) {
    auto w = tarc::tensor<float>::empty({2});
    w(0) = 1;
    w(1) = 2;
    tarc::save(checkpoint{5, w}, arguments[1]);
}
