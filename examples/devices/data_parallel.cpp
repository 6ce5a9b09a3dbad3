// A model that was saved inside torch.nn.DataParallel, whose keys all begin with "module.", to a device of choice:
//
//     data_parallel [FILE [LOCATION]]
//
// Without a file it writes one of its own. In PyTorch such a file is saved with model.module.state_dict(), or its keys
// are renamed after loading.
#include "model.hpp"

struct wrapped {
    net module;
};

int main(int argc, char** argv) {
    return run([&] {
        std::string file = "parallel.pt";
        if (argc > 1)
            file = argv[1];
        else
            tarc::save(wrapped{trained_on(tarc::device::cuda(0))}, file);

        const net loaded = tarc::load<net>(file, argc > 2 ? argv[2] : "cuda:0", {.strip_prefix = "module."});
        show("loaded", loaded);
    });
}
