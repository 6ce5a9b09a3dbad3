// What a transfer asks of the runtime: how many copies, waits and allocations, and how much host memory. And the
// policies that ask it before a load.
#include "scenarios.hpp"

using namespace tarc_test;

namespace {

std::uint64_t calls(const char* name) { return simulation()->calls(name); }
std::uint64_t waits() {
    return calls("cudaStreamSynchronize") + calls("cudaDeviceSynchronize") + calls("cudaEventSynchronize");
}

scenarios::many small_and_large() {
    scenarios::many m;
    for (int i = 0; i < 200; ++i) m.list.push_back(ramp({16 + i, 8}, 1));                  // 0.5 to 7 KiB
    for (int i = 0; i < 20; ++i) m.list.push_back(ramp({100 + i, 1000}, 2));               // 0.4 MiB
    for (int i = 0; i < 6; ++i) m.list.push_back(ramp({1 << 18}, static_cast<float>(i)));  // 1 MiB
    return m;
}

TEST_CASE("a load: small storages share a copy, and the only wait is at the end") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    const scenarios::many host = small_and_large();
    const bytes file = saved(host);
    for (const cuda_sim::order order : {cuda_sim::order::prompt, cuda_sim::order::late}) {
        simulation()->reset({.run = order});
        {
            const auto m = tarc::load<scenarios::many>(file, "cuda:0", {.staging = tight});
            CHECK_LE(calls("cudaMemcpyAsync"), 20 + 6 + 2);  // 200 small ones of 0.7 MB in one or two
            CHECK_LE(calls("cudaMemcpyAsync"), host.list.size());
            CHECK_LE(calls("cudaMalloc"), 20 + 6 + 2);
            CHECK_LE(waits(), tight.slots + 1);
            CHECK_EQ(calls("cudaDeviceSynchronize"), 0);
            CHECK_LE(calls("cudaEventCreateWithFlags"), tight.slots);
            CHECK_EQ(calls("cudaStreamCreateWithFlags"), 1);
            CHECK_EQ(calls("cudaHostAlloc"), 1);
            CHECK_LE(simulation()->alive("peak pinned bytes"), tight.slots * tight.slot_bytes);
            CHECK_EQ(simulation()->alive("pinned bytes"), 0);  // the ring is gone when the load is
            MESSAGE(host.list.size(), " storages to one device: ", calls("cudaMemcpyAsync"), " copies, ", waits(),
                    " waits, ", calls("cudaMalloc"), " allocations, ", simulation()->alive("peak pinned bytes"),
                    " bytes pinned");

            simulation()->clear_counts();
            CHECK(saved(m, {.staging = tight}) == saved(host, {.location = "cuda:0"}));
            CHECK_LE(calls("cudaMemcpyAsync"), 20 + 6 + 2);
            CHECK_LE(waits(), tight.slots + 1);
            MESSAGE("saved from there: ", calls("cudaMemcpyAsync"), " copies, ", waits(), " waits");
        }
        check_clean();
    }
}

TEST_CASE("two devices: each has its own stream and ring, and each is waited for once") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    const bytes file = saved(small_and_large());
    simulation()->reset({});
    int i = 0;
    const auto turns = [&](const tarc::storage_info&) -> tarc::placement { return tarc::device::cuda(i++ % 2); };
    const auto m = tarc::load<scenarios::many>(file, turns, {.staging = tight});
    CHECK_EQ(calls("cudaStreamCreateWithFlags"), 2);
    CHECK_EQ(calls("cudaHostAlloc"), 2);
    CHECK_LE(waits(), 2 * (tight.slots + 1));
    CHECK_LE(calls("cudaMemcpyAsync"), m.list.size());
}

TEST_CASE("in place: nothing is allocated on the device") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({});
    run_state target = on_device(make_state(1), 0);
    simulation()->clear_counts();
    tarc::load_into(target, saved(make_state(2)), {.in_place = true, .staging = tight});
    CHECK_EQ(calls("cudaMalloc"), 0);
    require_same(target, make_state(2));
}

TEST_CASE("in place, many views of one storage: through the ring, with one wait") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    for (const cuda_sim::order order : {cuda_sim::order::prompt, cuda_sim::order::reversed}) {
        simulation()->reset({.run = order});
        {
            const auto flat = ramp({1 << 20}, 0);  // 4 MiB, as flattened parameters are
            scenarios::many host, target;
            for (int i = 0; i < 64; ++i) host.list.push_back(flat.narrow(0, i << 14, 1 << 14));
            for (int i = 0; i < 64; ++i)
                target.list.push_back(tarc::tensor<float>::full({1 << 14}, -1.f).to(tarc::device::cuda(0)));
            const bytes file = saved(host);
            simulation()->clear_counts();
            tarc::load_into(target, file, {.in_place = true, .staging = tight});
            CHECK_LE(calls("cudaMemcpyAsync"), 64 + 4);
            CHECK_LE(waits(), tight.slots + 1);
            CHECK_EQ(calls("cudaMalloc"), 0);
            CHECK_EQ(calls("cudaStreamCreateWithFlags"), 1);
            for (std::size_t i = 0; i < 64; ++i) CHECK(same(target.list[i], host.list[i]));
        }
        check_clean();
    }
}

TEST_CASE("clone() of a struct: one stream and one wait for each device") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({});
    {
        const auto m = tarc::load<scenarios::many>(saved(small_and_large()), "cuda:0");
        simulation()->clear_counts();
        const auto copy = tarc::clone(m);
        CHECK_EQ(calls("cudaStreamCreateWithFlags"), 1);
        CHECK_LE(waits(), 3);
        CHECK(same(copy.list[5], small_and_large().list[5]));
    }
    check_clean();
}

TEST_CASE("the thread's current device stays what it was") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    for (const int current : {0, 1})
        for (const scenarios::named& s : scenarios::all) {
            CAPTURE(s.name);
            simulation()->reset({});
            cudaSetDevice(current);
            s.run();
            int now = -1;
            cudaGetDevice(&now);
            CHECK_EQ(now, current);
        }
}

/// A file that samples the process's own memory whenever it is read.
class watched_files final : public tarc::file_system {
public:
    ssize_t pread(int fd, void* to, std::size_t n, off_t at) override {
        peak = std::max(peak, anonymous());
        return file_system::pread(fd, to, n, at);
    }
    static std::uint64_t anonymous() {
        std::uint64_t kilobytes = 0;
        if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
            char line[256];
            while (std::fgets(line, sizeof line, f) != nullptr)
                if (std::strncmp(line, "RssAnon:", 8) == 0) kilobytes = std::strtoull(line + 8, nullptr, 10);
            std::fclose(f);
        }
        return kilobytes << 10;
    }
    std::uint64_t peak = 0;
};

TEST_CASE("the host memory of a load to a device is the ring") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({});
    struct one {
        tarc::tensor<float> t;
    };
    tarc::save(one{ramp({64 << 18}, 1)}, "large.pt", {.durability = tarc::durability::atomic});  // 64 MiB
    watched_files files;
    const std::uint64_t before = watched_files::anonymous();
    const one o = tarc::load<one>("large.pt", "cuda:0", {.staging = {4, 2u << 20}, .files = &files});
    const std::uint64_t grown = files.peak - std::min(files.peak, before);
    MESSAGE("64 MiB through a ring of 8 MiB: host memory grew by ", grown >> 10, " KiB");
    CHECK_LE(simulation()->alive("peak pinned bytes"), 8u << 20);
    CHECK_LE(grown, 12u << 20);
    ::remove("large.pt");
}

TEST_CASE("fallback: the first place that is there") {
    const bytes file = saved(make_state(1));
    const auto where = [&](tarc::fallback f) { return tarc::load<run_state>(file, f).mask.device().location(); };
    if (simulation() != nullptr) simulation()->reset({.devices = 1});
    if (devices() == 0) {
        CHECK_EQ(where({"cuda:0", "cpu"}), "cpu");
        const tarc::error e = error_of([&] { where({"cuda:0", "cuda:1"}); });
        CHECK(e.code() == tarc::errc::no_device);
        CHECK(contains(e.what(), "cuda:1: no CUDA"));
        CHECK(contains(e.what(), "end the list with \"cpu\""));
        CHECK_EQ(e.field(), "model/first.weight");
    } else {
        CHECK_EQ(where({"cuda:0", "cpu"}), "cuda:0");
        CHECK_EQ(where({"cuda:15", "cuda:0", "cpu"}), "cuda:0");
        CHECK_EQ(where({"cuda:15", "cpu"}), "cpu");
    }
    CHECK_EQ(where({"meta", "cpu"}), "meta");
    CHECK(error_of([] { tarc::fallback none({}); }).code() == tarc::errc::invalid_argument);
}

TEST_CASE("fit: devices in order up to their memory, the rest on the host") {
    scenarios::many host;
    for (int i = 0; i < 10; ++i) host.list.push_back(ramp({1 << 18}, 1));  // 1 MiB each
    const bytes file = saved(host);
    const auto where = [&](const tarc::fit& f) {
        std::string text;
        const auto m = tarc::load<scenarios::many>(file, f);
        for (const auto& t : m.list)
            text += t.device().type == tarc::device_type::cpu ? 'c' : static_cast<char>('0' + t.device().index);
        return text;
    };
    if (simulation() != nullptr) simulation()->reset({});
    if (devices() == 0) {
        CHECK_EQ(where({}), "cccccccccc");
        CHECK_EQ(where({"cuda:0", {"cuda:1", 1000}}), "cccccccccc");
        return;
    }
    CHECK_EQ(where({{"cuda:0", 3u << 20}}), "000ccccccc");
    CHECK_EQ(where({{"cuda:15", 3u << 20}, "cuda:0"}), "0000000000");
    if (devices() < 2) return;
    CHECK_EQ(where({{"cuda:1", 3u << 20}, {tarc::device::cuda(0), 2u << 20}}), "11100ccccc");
    CHECK_EQ(where({"cuda:1"}), "1111111111");
    if (simulation() == nullptr) return;
    simulation()->reset({.memory = 5u << 20});
    CHECK_EQ(where({}), "00001111cc");
    CHECK_EQ(where({"cuda:1"}), "1111cccccc");
    check_clean();
    // small ones take more than their bytes: what was planned is what fits
    scenarios::many tiny;
    for (int i = 0; i < 3000; ++i) tiny.list.push_back(tarc::tensor<float>::full({1}, 1.f));
    simulation()->reset({.devices = 1, .memory = 512u << 10});
    {
        const auto some = tarc::load<scenarios::many>(saved(tiny), tarc::fit{"cuda:0"});
        CHECK(some.list.front().device() == tarc::device::cuda(0));
        CHECK(some.list.back().device() == tarc::device::cpu());
    }
    simulation()->reset({.memory = 5u << 20});
    CHECK_EQ(where({"cuda:0", "cuda:0"}), "0000cccccc");  // the same memory twice is there once
    // what is small and comes later does not go back to a device that was full
    scenarios::many mixed;
    mixed.list = {ramp({1 << 19}, 1), ramp({1 << 19}, 1), ramp({1}, 1)};
    const auto m = tarc::load<scenarios::many>(saved(mixed), tarc::fit{{"cuda:0", 3u << 20}, {"cuda:1", 3u << 20}});
    CHECK(m.list[2].device() == tarc::device::cuda(1));
}

}  // namespace
