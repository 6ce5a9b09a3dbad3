// A consumer of two translation units, both of which use every part of the library: what the headers define must be
// fit to be defined twice.
#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>
#include <string>

#include "run.hpp"

std::size_t count_entries(const std::string& path);  // in other.cpp
run load_elsewhere(const std::string& path);

int main() {
    static_assert(tarc::version_major >= 0);
    run r;
    r.epoch = 7;
    r.weight = tarc::tensor<float>::zeros({2, 3});
    r.weight(1, 2) = 1.5f;
    tarc::save(r, "consumer.pt");
    const run here = tarc::load<run>("consumer.pt");
    const run there = load_elsewhere("consumer.pt");
    const bool same = here.epoch == 7 && there.epoch == 7 && here.weight(1, 2) == 1.5f && there.weight(1, 2) == 1.5f;
    const std::size_t entries = count_entries("consumer.pt");
    std::printf("%s, %zu entries\n", same ? "same" : "different", entries);
    return same && entries == 2 ? 0 : 1;
}
