// Reading and copying overlap: in the simulation with a stated copy bandwidth a load takes hardly more than the longer
// of the two alone.
#include <chrono>
#include <cstdio>
#include <thread>

#include "support.hpp"

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

/// A disk of a stated speed: no read returns before its bytes could have come.
class slow_disk final : public tarc::file_system {
public:
    explicit slow_disk(double bytes_per_second) : rate_(bytes_per_second) {}
    ssize_t pread(int fd, void* to, std::size_t n, off_t at) override {
        const auto now = std::chrono::steady_clock::now();
        if (n < 4096) return file_system::pread(fd, to, n, at);  // of the directory and headers: cached
        const auto time = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::duration<double>(static_cast<double>(n) / rate_));
        free_at_ = std::max(free_at_, now) + time;
        const ssize_t got = file_system::pread(fd, to, n, at);
        std::this_thread::sleep_until(free_at_);
        return got;
    }

private:
    double rate_;
    std::chrono::steady_clock::time_point free_at_{};
};

constexpr double bar = 1.15;
constexpr int half = 24;

/// 403 MB.
std::uint64_t save_layers() {
    layers host;
    std::uint64_t total = 0;
    for (int i = 0; i < 2 * half; ++i) {
        host.list.push_back(tarc::tensor<float>::full({1 << 21}, static_cast<float>(i)));  // 8 MiB
        host.list.push_back(tarc::tensor<float>::full({2048}, 1));
        total += host.list.back().nbytes() + (std::uint64_t{8} << 20);
    }
    tarc::save(host, "speed.pt", {.durability = tarc::durability::atomic});
    return total;
}

/// Reading alone: every byte into warm memory and through its checksum, as the load does it.
double read_time(const tarc::archive& ar) {
    std::vector<std::byte> warm(std::size_t{8} << 20);
    return best(3, [&] {
        for (const tarc::detail::storage_body& s : ar.get().values()->storages()) {
            tarc::detail::storage_reader r(ar.get(), s);
            r.read(std::span(warm).first(r.left()));
        }
    });
}

/// The time of a load to `count` devices behind links of so many bytes per second, against the longer of reading alone
/// and copying alone. The first layers go to the first device, the others to the last.
double ratio_of(const tarc::archive& ar, std::uint64_t total, double read, int count, double link,
                bool half_on_host = false) {
    simulation()->reset({.devices = count, .memory = std::uint64_t{1} << 30, .gigabytes_per_second = link * 1e-9});
    const double copy = static_cast<double>(total) / (half_on_host ? 2 : count) / link;  // the devices at once
    const double load = best(3, [&] {
        int i = 0;
        const auto halves = [&](const tarc::storage_info&) -> tarc::placement {
            if (half_on_host) return i++ < 2 * half ? tarc::device::cuda(0) : tarc::device::cpu();
            return tarc::device::cuda(i++ < 2 * half ? 0 : count - 1);
        };
        REQUIRE_EQ(ar.load<layers>(halves).list.size(), 4 * half);
    });
    check_clean();
    std::printf("  %d device(s)%s, links of %.2f GB/s: read %.0f ms, copy %.0f ms, load %.0f ms = %.3f of the longer\n",
                count, half_on_host ? " and the host" : "", link * 1e-9, read * 1e3, copy * 1e3, load * 1e3,
                load / std::max(read, copy));
    return load / std::max(read, copy);
}

TEST_CASE("a load takes at most 1.15 of the longer of reading and copying") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    const std::uint64_t total = save_layers();
    {
        const double rate = 0.5e9;
        slow_disk disk(rate);
        const tarc::archive ar = tarc::open("speed.pt", {.files = &disk});
        const double read = read_time(ar);
        std::printf("a disk of %.1f GB/s\n", rate * 1e-9);
        for (const double relative : {0.5, 1.0, 2.0})
            for (const int count : {1, 2}) CHECK_LE(ratio_of(ar, total, read, count, rate * relative / count), bar);
        CHECK_LE(ratio_of(ar, total, read, 1, rate / 2, true), bar);
    }
    {
        const tarc::archive ar = tarc::open("speed.pt");
        const double read = read_time(ar), rate = static_cast<double>(total) / read;
        std::printf("from the page cache, %.1f GB/s\n", rate * 1e-9);
        for (const int count : {1, 2}) CHECK_LE(ratio_of(ar, total, read, count, rate / 6 / count), bar);
        // Here the copies of the simulation, which the processor makes, compete with the reading: for information.
        for (const double relative : {0.5, 1.0, 2.0}) static_cast<void>(ratio_of(ar, total, read, 1, rate * relative));
    }
    simulation()->reset({});
    std::remove("speed.pt");
}

}  // namespace
