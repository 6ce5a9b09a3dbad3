#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tarc/tarc.hpp>

#include "../peers/workloads.hpp"

/// What stands between a file's bytes and a struct, part by part; files are in memory. Times are of the whole, items
/// are tensors.
namespace {

using bench::state_dict;

state_dict tiny(std::int64_t count) {
    state_dict d;
    for (std::int64_t i = 0; i < count; ++i)
        d["layers." + std::to_string(i / 100) + ".blocks." + std::to_string(i % 100) + ".weight"] =
            tarc::tensor<float>::full({64}, static_cast<float>(i));
    return d;
}

std::vector<std::byte> file(std::int64_t count) {
    std::vector<std::byte> bytes;
    tarc::save(tiny(count), bytes);
    return bytes;
}

/// TinyLlama's 201 names, a few bytes each.
bench::llama llama() {
    const auto few = [] { return bench::weight<tarc::bfloat16>{tarc::tensor<tarc::bfloat16>::zeros({8})}; };
    bench::llama m;
    m.model.embed_tokens = few();
    for (int i = 0; i < 22; ++i)
        m.model.layers.push_back({{few(), few(), few(), few()}, {few(), few(), few()}, few(), few()});
    m.model.norm = few();
    m.lm_head = few();
    return m;
}

void counts(benchmark::internal::Benchmark* b) {
    b->Arg(1000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMicrosecond);
}

void zip_directory(benchmark::State& state) {
    const auto bytes = file(state.range(0));
    for (auto _ : state) {
        const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(bytes)));
        benchmark::DoNotOptimize(zip.records().data());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(zip_directory)->Apply(counts);

void pickle_read(benchmark::State& state) {
    const auto bytes = file(state.range(0));
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(bytes)));
    const auto pickle = zip.read(*zip.find("data.pkl"));
    for (auto _ : state) {
        tarc::detail::tree values;
        benchmark::DoNotOptimize(tarc::detail::read_pickle(pickle, values, {}));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(pickle_read)->Apply(counts);

void encode(benchmark::State& state) {
    const auto held = tiny(state.range(0));
    for (auto _ : state) {
        tarc::detail::tree values;
        benchmark::DoNotOptimize(tarc::detail::encoder(values).encode(tarc::detail::facts_of<state_dict>, &held));
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode)->Apply(counts);

void pickle_write(benchmark::State& state) {
    const auto held = tiny(state.range(0));
    tarc::detail::tree values;
    const auto* root = tarc::detail::encoder(values).encode(tarc::detail::facts_of<state_dict>, &held);
    for (auto _ : state) benchmark::DoNotOptimize(tarc::detail::write_pickle(*root, {}));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(pickle_write)->Apply(counts);

void open(benchmark::State& state) {
    const auto bytes = file(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(tarc::open(bytes));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(open)->Apply(counts);

/// Names to fields, without a byte of a tensor.
void bind_map(benchmark::State& state) {
    const auto bytes = file(state.range(0));
    const tarc::archive opened = tarc::open(bytes);
    for (auto _ : state) benchmark::DoNotOptimize(opened.load<state_dict>(tarc::meta));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(bind_map)->Apply(counts);

void bind_struct(benchmark::State& state) {
    std::vector<std::byte> bytes;
    tarc::save(llama(), bytes);
    const tarc::archive opened = tarc::open(bytes);
    for (auto _ : state) benchmark::DoNotOptimize(opened.load<bench::llama>(tarc::meta));
    state.SetItemsProcessed(state.iterations() * 201);
}
BENCHMARK(bind_struct)->Unit(benchmark::kMicrosecond);

void save(benchmark::State& state) {
    const auto held = tiny(state.range(0));
    for (auto _ : state) {
        std::vector<std::byte> bytes;
        tarc::save(held, bytes);
        benchmark::DoNotOptimize(bytes.data());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(save)->Apply(counts);

void load(benchmark::State& state) {
    const auto bytes = file(state.range(0));
    for (auto _ : state) benchmark::DoNotOptimize(tarc::load<state_dict>(bytes, "cpu"));
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(load)->Apply(counts);

}  // namespace
