// The pretrained model has more layers than this one, or fewer: those that both have are taken, the others are named.
#include "models.hpp"

int main(int argc, char** argv) {
    return run(argc, [&] {
        stack model = tarc::load<stack>(argv[2]);
        print(tarc::load_into(model, argv[1], "cpu", {.strict = false}));
        tarc::save(model, argv[3]);
    });
}
