// A model starts from the parts that it has in common with another one, which may be a part of a larger checkpoint:
//
//     model.load_state_dict(torch.load(PATH)["model_state_dict"], strict=False)
#include "models.hpp"

int main(int argc, char** argv) {
    return run(argc, [&] {
        net_b model = tarc::load<net_b>(argv[2]);
        print(tarc::load_into(model, argv[1], "cpu", {.strict = false, .at = {"model_state_dict"}}));
        tarc::save(model, argv[3]);
    });
}
