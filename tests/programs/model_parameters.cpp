// The names and shapes of tarc::parameters of a model, a line each, in order: for tests/reflect/test_parameters.py,
// which has the same model in PyTorch.
#include <cstdio>
#include <string>

#include "programs/parameters_model.hpp"

#include <tarc/reflect/parameters.hpp>

int main() {
    const transformer model = make_transformer();
    for (const tarc::parameter& p : tarc::parameters(model)) {
        std::string shape;
        for (const std::int64_t n : p.tensor.shape()) shape += " " + std::to_string(n);
        std::printf("%s%s\n", p.name.c_str(), shape.c_str());
    }
}
