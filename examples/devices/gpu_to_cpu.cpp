// Save on a GPU, load on the CPU. In PyTorch: torch.load(path, map_location="cpu").
#include "model.hpp"

int main() {
    return run([] {
        const net model = trained_on(tarc::device::cuda(0));
        tarc::save(model, "gpu.pt");  // tagged "cuda:0", where it was

        const net loaded = tarc::load<net>("gpu.pt", "cpu");
        show("loaded", loaded);
    });
}
