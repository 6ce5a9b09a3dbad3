// Reading and copying overlap: in the simulation with a stated copy bandwidth a load takes hardly more than the longer
// of the two alone.
#include <chrono>
#include <cstdio>

#include "support.hpp"
#include "tarc/transfer/fill.hpp"

using namespace tarc_test;

namespace {

struct layers {
    std::vector<tarc::tensor<float>> list;
};

double seconds(const std::chrono::steady_clock::time_point since) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

/// The shortest of some runs.
template <class F>
double best(int rounds, F&& f) {
    double least = 1e9;
    for (int i = 0; i < rounds; ++i) {
        const auto start = std::chrono::steady_clock::now();
        f();
        least = std::min(least, seconds(start));
    }
    return least;
}

constexpr double bar = 1.15;

TEST_CASE("a load takes at most 1.15 of the longer of reading and copying") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    layers host;
    std::uint64_t total = 0;
    for (int i = 0; i < 24; ++i) {
        host.list.push_back(tarc::tensor<float>::full({1 << 21}, static_cast<float>(i)));  // 8 MiB
        host.list.push_back(tarc::tensor<float>::full({2048}, 1));
        total += host.list.back().nbytes() + (std::uint64_t{8} << 20);
    }
    tarc::save(host, "speed.pt", {.durability = tarc::durability::atomic});
    const tarc::archive ar = tarc::open("speed.pt");
    // Reading alone: every byte into warm memory and through its checksum, as the load does it.
    std::vector<std::byte> warm(std::size_t{8} << 20);
    const double read = best(5, [&] {
        for (const tarc::detail::storage_body& s : ar.get().values()->storages()) {
            tarc::detail::storage_reader r(ar.get(), s);
            r.read(std::span(warm).first(r.left()));
        }
    });
    const double rate = static_cast<double>(total) / read * 1e-9;
    std::printf("reading and checking %.0f MB: %.1f ms, %.2f GB/s\n", static_cast<double>(total) * 1e-6, read * 1e3,
                rate);
    for (const double relative : {0.25, 0.5, 0.8, 1.25, 2.0}) {
        for (const int count : {1, 2}) {
            const double link = rate * relative / count;
            simulation()->reset({.devices = count, .memory = std::uint64_t{1} << 30, .gigabytes_per_second = link});
            const double copy = static_cast<double>(total) / count / link * 1e-9;  // the devices at once
            const double load = best(7, [&] {
                int i = 0;
                const auto halves = [&](const tarc::storage_info&) -> tarc::placement {
                    return tarc::device::cuda(i++ < 24 ? 0 : count - 1);  // the first layers, then the others
                };
                const auto l = ar.load<layers>(halves);
                REQUIRE_EQ(l.list.size(), host.list.size());
            });
            const double ratio = load / std::max(read, copy);
            std::printf(
                "%d device(s), links of %.2f GB/s: read %.1f ms, copy %.1f ms, load %.1f ms = %.3f of the longer\n",
                count, link, read * 1e3, copy * 1e3, load * 1e3, ratio);
            CHECK_LE(ratio, bar);
            check_clean();
        }
    }
    simulation()->reset({});
    std::remove("speed.pt");
}

}  // namespace
