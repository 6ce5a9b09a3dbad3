// The pretrained model calls its layers otherwise, and was saved inside DataParallel:
//
//     state = {("features." if k.startswith("conv") else "classifier.") + k: v for k, v in state.items()}
//
// The map is for this load only; a name that changed for good is told to tarc::describe (tarc::renamed_from).
#include "models.hpp"

int main(int argc, char** argv) {
    return run(argc, [&] {
        const tarc::key_map keys{{"conv1.", "features.conv1."},
                                 {"conv2.", "features.conv2."},
                                 {"fc1.", "classifier.fc1."},
                                 {"fc2.", "classifier.fc2."}};
        net_renamed model = tarc::load<net_renamed>(argv[2]);
        print(tarc::load_into(model, argv[1], "cpu", {.strict = false, .strip_prefix = "module.", .keys = keys}));
        tarc::save(model, argv[3]);
    });
}
