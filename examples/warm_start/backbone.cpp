// Only the convolutions are taken, whatever else is in the file, and the model keeps its own head. What is not selected
// is not read, and is neither missing nor unexpected, so that the load can be strict: a convolution that the file lacks
// is an error.
#include "models.hpp"

int main(int argc, char** argv) {
    return run(argc, [&] {
        net_b model = tarc::load<net_b>(argv[2]);
        print(tarc::load_into(model, argv[1], "cpu", {.select = {"conv*"}}));
        tarc::save(model, argv[3]);
    });
}
