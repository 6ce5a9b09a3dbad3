// Save on the CPU, load on a GPU. In PyTorch: torch.load(path, map_location="cuda:0").
#include "model.hpp"

int main() {
    return run([] {
        const net model = trained_on(tarc::device::cpu());
        tarc::save(model, "cpu.pt");

        const net loaded = tarc::load<net>("cpu.pt", "cuda:0");
        show("loaded", loaded);

        const net anywhere =
            tarc::load<net>("cpu.pt", tarc::fallback{"cuda:7", "cuda:0", "cpu"});  // the first that is there
        show("fallback", anywhere);
    });
}
