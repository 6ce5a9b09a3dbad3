// A file from a machine with more GPUs: what was on GPU 1 goes to GPU 0, everything else stays where it was. In
// PyTorch: torch.load(path, map_location={"cuda:1": "cuda:0"}).
#include "model.hpp"

int main() {
    return run([] {
        tarc::save(trained_on(tarc::device::cuda(1)), "gpu1.pt");

        const net loaded = tarc::load<net>("gpu1.pt", tarc::remap{{"cuda:1", "cuda:0"}});
        show("loaded", loaded);

        const net peer = trained_on(tarc::device::cuda(1));  // without a file: from one device to the other
        const auto moved = peer.fc1.weight.to(tarc::device::cuda(0));
        std::printf("copied: fc1.weight from %s to %s\n", peer.fc1.weight.device().location().c_str(),
                    moved.device().location().c_str());
    });
}
