// Loads to devices, saves from them and copies between them, in every order in which a runtime may do its work.
#include <atomic>
#include <thread>

#include "scenarios.hpp"

using namespace tarc_test;

namespace {

TEST_CASE("without a device every scenario answers with its error") {
    if (simulation() != nullptr) simulation()->reset({.driver = false});
    TARC_NEEDS(devices() == 0, "machine without devices");
    for (const scenarios::named& s : scenarios::all) {
        CAPTURE(s.name);
        const tarc::error e = error_of([&] { s.run(); });
        CHECK(e.code() == tarc::errc::no_device);
        CHECK(contains(e.what(), "\"cuda:"));
        const bool said = contains(e.what(), "no CUDA driver is installed") || contains(e.what(), "no CUDA device");
        CHECK_MESSAGE(said, std::string(e.what()));
        MESSAGE(std::string(s.name), ": ", std::string(e.what()));
    }
    check_clean();
}

TEST_CASE("every scenario, in every order") {
    if (simulation() != nullptr) simulation()->reset({});
    TARC_NEEDS(devices() >= 2, "second CUDA device");
    for (const scenarios::named& s : scenarios::all) {
        CAPTURE(s.name);
        in_every_order({}, [&] { CHECK_NOTHROW(s.run()); });
    }
}

TEST_CASE("a device without pools, devices without peer access") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    in_every_order({.pools = false, .peers = false}, [] {
        CHECK_FALSE(tarc::cuda::stream_ordered_memory(0).has_pool());
        CHECK_NOTHROW(scenarios::stream_ordered());
        CHECK_NOTHROW(scenarios::copy_about());
    });
}

TEST_CASE("work that was started before is waited for: by save, by copies and by loads in place") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    in_every_order({}, [] {
        const auto t = tarc::tensor<std::uint8_t>::full({1000}, 1).to(tarc::device::cuda(1));
        const auto late = [&](int value) {
            REQUIRE_EQ(simulation()->launch_fill(t.raw_data(), value, 1000, 2000, nullptr), 0);
        };
        int before = -1;
        cudaGetDevice(&before);
        cudaSetDevice(1);  // whose default stream the kernels are on
        late(5);
        CHECK_EQ(elements(t)[999], 5);
        late(6);
        CHECK_EQ(elements(t.clone())[0], 6);
        late(7);
        struct one {
            tarc::tensor<std::uint8_t> t;
        };
        CHECK_EQ(tarc::load<one>(saved(one{t}), "cpu").t(500), 7);
        late(8);
        one target{t};
        tarc::load_into(target, saved(one{tarc::tensor<std::uint8_t>::full({1000}, 9)}), {.in_place = true});
        CHECK_EQ(elements(t)[0], 9);
        cudaSetDevice(before);
    });
}

TEST_CASE("a damaged record is found on the way to a device, and the target keeps its bytes") {
    if (simulation() != nullptr) simulation()->reset({});
    TARC_NEEDS(devices() >= 2, "second CUDA device");
    in_every_order({}, [] {
        bytes file = saved(make_state(3));
        const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)));
        for (const char* name : {"data/0", "data/1"}) {
            bytes bad = file;
            const tarc::record& r = zip.get(name);
            bad[zip.payload_offset(r) + r.size - 1] ^= std::byte{1};
            run_state target = on_device(make_state(1), 0);
            const tarc::error e =
                error_of([&] { guarded(target, [&] { tarc::load_into(target, bad, "cuda:0", {.staging = tight}); }); });
            CHECK(e.code() == tarc::errc::checksum_mismatch);
            CHECK_EQ(e.record(), name);
            CHECK_FALSE(e.field().empty());
        }
        bytes unhashed = saved(make_state(3), {.manifest = false});  // there the CRC-32 is all there is
        const tarc::zip_reader plain(std::make_shared<tarc::memory_source>(std::span<const std::byte>(unhashed)));
        unhashed[plain.payload_offset(plain.get("data/0")) + 5] ^= std::byte{1};
        CHECK(error_of([&] { (void)tarc::load<run_state>(unhashed, "cuda:1", {.staging = tight}); }).code() ==
              tarc::errc::checksum_mismatch);
    });
}

TEST_CASE("an asynchronous save has the devices' bytes of the moment of the call") {
    if (simulation() != nullptr) simulation()->reset({});
    TARC_NEEDS(devices() >= 2, "second CUDA device");
    struct spread {
        run_state first, second, host;
    };
    for (const bool background : {false, true})
        in_every_order({}, [&] {
            spread s{on_device(make_state(1), 0), on_device(make_state(2), 1), make_state(3)};
            const bytes wanted = saved(s);
            {
                tarc::async_saver saver({.stage_in_background = background});
                const tarc::pending_save p = saver.save(s, "async.pt", {.staging = tight});
                p.wait_staged();
                tarc::load_into(s, saved(spread{make_state(4), make_state(5), make_state(6)}), {.in_place = true});
                s = {};
                p.get();
            }
            CHECK(same_bytes(saved(tarc::load<spread>("async.pt")), wanted));
            require_same(tarc::load<spread>("async.pt", "cpu").second, make_state(2));
        });
}

TEST_CASE("several loads at once, each with a ring of its own") {
    if (simulation() != nullptr) simulation()->reset({});
    TARC_NEEDS(devices() >= 2, "second CUDA device");
    in_every_order({}, [] {
        const bytes file = saved(make_state(4));
        const tarc::archive ar = tarc::open(file);
        std::vector<std::thread> threads;
        std::atomic<int> good = 0;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&, i] {
                const auto s = ar.load<run_state>(tarc::device::cuda(i % 2), {.staging = tight});
                require_same(s, make_state(4));
                good += same_bytes(saved(s, {.staging = tight}),
                                   saved(make_state(4), {.location = tarc::device::cuda(i % 2).location()}));
            });
        for (std::thread& t : threads) t.join();
        CHECK_EQ(good, 4);
    });
}

}  // namespace
