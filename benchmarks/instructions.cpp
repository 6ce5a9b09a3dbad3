#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include "peers/workloads.hpp"

/// instructions WORKLOAD OPERATION PATH: saves a workload, or saves and loads it. instructions.py counts, under
/// callgrind, what happens inside of `measured`, whose name it knows. `instructions --compiler` prints what built it.
namespace {

using namespace bench;

tarc::tensor<float> filled(tarc::shape_view shape, std::uint32_t& seed) {
    auto x = tarc::tensor<float>::empty(shape);
    for (float& v : x.span()) {
        seed = seed * 1664525 + 1013904223;
        v = static_cast<float>(seed >> 8) * 0x1p-24f - 0.5f;
    }
    return x;
}

cifar_checkpoint w1() {
    std::uint32_t seed = 1;
    cifar_checkpoint c;
    c.epoch = 5;
    c.loss = 0.4;
    cifar_net& n = c.model_state_dict;
    n.conv1 = {filled({6, 3, 5, 5}, seed), filled({6}, seed)};
    n.conv2 = {filled({16, 6, 5, 5}, seed), filled({16}, seed)};
    n.fc1 = {filled({120, 400}, seed), filled({120}, seed)};
    n.fc2 = {filled({84, 120}, seed), filled({84}, seed)};
    n.fc3 = {filled({10, 84}, seed), filled({10}, seed)};
    tarc::optim::add_parameters(c.optimizer_state_dict, n, {.lr = 0.001, .momentum = 0.9});
    std::int64_t i = 0;
    for (const tarc::parameter& p : tarc::parameters(n))
        c.optimizer_state_dict.state[i++].momentum_buffer = p.tensor.clone();
    return c;
}

/// A tenth of W5.
state_dict w5() {
    std::uint32_t seed = 1;
    state_dict d;
    for (int i = 0; i < 10000; ++i)
        d["layers." + std::to_string(i / 100) + ".blocks." + std::to_string(i % 100) + ".weight"] = filled({64}, seed);
    return d;
}

}  // namespace

template <class F>
[[gnu::noinline]] void measured(F&& f) {
    f();
    asm volatile("" ::: "memory");
}

namespace {

template <class T>
int run(const T& value, std::string_view operation, const std::string& path) {
    const auto save = [&] { tarc::save(value, path, {.durability = tarc::durability::atomic}); };
    if (operation == "save") {
        measured(save);
        return 0;
    }
    save();
    std::optional<T> loaded;
    measured([&] { loaded.emplace(tarc::load<T>(path, "cpu", {.threads = 1})); });
    return loaded ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view(argv[1]) == "--compiler") {
#ifdef __clang__
        std::printf("clang %d\n", __clang_major__);
#else
        std::printf("g++ %d\n", __GNUC__);
#endif
        return 0;
    }
    if (argc != 4) return 2;
    return std::string_view(argv[1]) == "W1" ? run(w1(), argv[2], argv[3]) : run(w5(), argv[2], argv[3]);
}
