// Saves a compressed archive and loads it again; the archive is smaller than the bytes that it holds.
#include <tarc/codec/zstd.hpp>
#include <tarc/tarc.hpp>

#include <cstdio>
#include <filesystem>

struct run {
    tarc::tensor<float> weight;
};

int main() {
    run r;
    r.weight = tarc::tensor<float>::full({512, 512}, 1.5f);
    tarc::save(r, "consumer.pt", {.codec = tarc::zstd{}});
    const run back = tarc::load<run>("consumer.pt");
    const auto bytes = std::filesystem::file_size("consumer.pt");
    std::printf("%zu bytes in %zu\n", r.weight.nbytes(), static_cast<std::size_t>(bytes));
    return back.weight(511, 511) == 1.5f && bytes < r.weight.nbytes() / 2 ? 0 : 1;
}
