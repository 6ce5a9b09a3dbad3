#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tarc/io/checksum.hpp>

namespace {

std::vector<std::byte> bytes(std::int64_t count) {
    std::vector<std::byte> made(static_cast<std::size_t>(count));
    std::uint32_t seed = 1;
    for (std::byte& b : made) {
        seed = seed * 1664525 + 1013904223;
        b = static_cast<std::byte>(seed >> 24);
    }
    return made;
}

void crc32(benchmark::State& state) {
    const auto data = bytes(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(tarc::crc32(data));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(crc32)->Arg(64)->Arg(4096)->Arg(1 << 20)->Arg(64 << 20);

void xxh3(benchmark::State& state) {
    const auto data = bytes(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(tarc::xxh3(data));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(xxh3)->Arg(64)->Arg(4096)->Arg(1 << 20)->Arg(64 << 20);

}  // namespace
