// What is said when a device cannot be had: each case its own sentence, with the field, the tag and the fix, and
// nothing changed or leaked.
#include "scenarios.hpp"

using namespace tarc_test;

namespace {

void check_words(const tarc::error& e, tarc::errc code, std::initializer_list<const char*> parts) {
    CHECK(e.code() == code);
    for (const char* part : parts)
        CHECK_MESSAGE(contains(e.what(), part), std::string(part), " is not in: ", std::string(e.what()));
    MESSAGE(std::string(e.what()));
}

tarc::error error_of_load(const char* tag, const char* to = nullptr) {
    const bytes file = saved(make_state(3), {.location = tag});
    run_state target = make_state(1);
    const auto before = identity(target);
    const tarc::error e = error_of([&] {
        if (to != nullptr)
            tarc::load_into(target, file, to);
        else
            tarc::load_into(target, file);
    });
    CHECK(identity(target) == before);
    check_clean();
    return e;
}

TEST_CASE("no driver") {
    if (simulation() != nullptr) simulation()->reset({.driver = false});
    TARC_NEEDS(devices() == 0, "machine without a driver");
    int count = -1;
    if (simulation() == nullptr && cudaGetDeviceCount(&count) != cudaErrorInsufficientDriver) return;
    check_words(error_of_load("cuda:0"), tarc::errc::no_device,
                {"tagged \"cuda:0\"", "no CUDA driver is installed, or one that is older than the runtime",
                 "map_location = \"cpu\"", "field model/first.weight"});
    check_words(error_of_load("cpu", "cuda:3"), tarc::errc::no_device,
                {"tagged \"cpu\" is to go to \"cuda:3\"", "no CUDA driver"});
    check_words(error_of([] { (void)ramp({2}, 1).to(tarc::device::cuda(0)); }), tarc::errc::no_device,
                {"no CUDA driver", "cuda:0"});
    check_words(error_of([] { tarc::cuda::stream_ordered_memory pool(0); }), tarc::errc::no_device,
                {"no CUDA driver", "cuda:0"});
    CHECK(tarc::load<run_state>(saved(make_state(3), {.location = "cuda:0"}), "cpu").epoch == 3);
}

TEST_CASE("a driver, but no device") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({.devices = 0});
    check_words(
        error_of_load("cuda:0"), tarc::errc::no_device,
        {"tagged \"cuda:0\"", "no CUDA device is present, or the environment hides it", "map_location = \"cpu\""});
}

TEST_CASE("an index that is too high") {
    if (simulation() != nullptr) simulation()->reset({});
    TARC_NEEDS(devices() > 0, "CUDA device");
    check_words(error_of_load("cuda:15"), tarc::errc::no_device,
                {"tagged \"cuda:15\"", devices() == 1 ? "the only CUDA device is \"cuda:0\"" : "there are only",
                 "map_location = \"cpu\"", "field model/first.weight"});
    if (simulation() == nullptr) return;
    check_words(error_of_load("cuda:2"), tarc::errc::no_device, {"only 2 CUDA devices, \"cuda:0\" to \"cuda:1\""});
    simulation()->reset({.devices = 1});
    check_words(error_of_load("cuda:1"), tarc::errc::no_device, {"the only CUDA device is \"cuda:0\""});
}

TEST_CASE("an index that no machine has") {
    for (const int index : {-1, 40000, 65536}) {
        check_words(error_of([&] { (void)ramp({3}, 0).to(tarc::device::cuda(index)); }), tarc::errc::no_device,
                    {"cuda:-1"});
        CHECK(error_of([&] { (void)tarc::load<run_state>(saved(make_state(1)), tarc::device::cuda(index)); }).code() ==
              tarc::errc::no_device);
    }
    CHECK(tarc::load<run_state>(saved(make_state(1)), tarc::fallback{tarc::device::cuda(-1), "cpu"}).epoch == 1);
    CHECK(tarc::load<run_state>(saved(make_state(1)), tarc::fit{tarc::device::cuda(-1)}).epoch == 1);
}

TEST_CASE("a resource without memory") {
    struct nowhere {
        void* allocate(std::size_t, std::size_t) { return nullptr; }
        void deallocate(void*, std::size_t, std::size_t) {}
        static tarc::device device() { return tarc::device::meta(); }
    } resource;
    check_words(error_of([&] { (void)tarc::load<run_state>(saved(make_state(1)), resource); }),
                tarc::errc::invalid_argument, {"tarc::meta"});
}

TEST_CASE("torn() only when bytes were written") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    for (const char* call : {"cudaStreamCreateWithFlags", "cudaHostAlloc", "cudaMemcpyAsync"}) {
        simulation()->reset({});
        run_state target = on_device(make_state(1), 0);
        simulation()->fail_call_of(call, 1, 2);
        const tarc::error e =
            error_of([&] { tarc::load_into(target, saved(make_state(2)), {.in_place = true, .staging = tight}); });
        CHECK_FALSE(e.torn());
        require_same(target, make_state(1));
    }
    simulation()->reset({});
}

TEST_CASE("out of memory") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({.memory = 2u << 20});
    check_words(
        error_of_load("cuda:1"), tarc::errc::out_of_memory,
        {"tagged \"cuda:1\", of 2457600 bytes, is to go to \"cuda:1\"", "cannot allocate 2457600 bytes",
         " of 2097152 bytes are free there", "tarc::fit", "map_location = \"cpu\"", "field model/first.weight"});
    CHECK_EQ(simulation()->calls("cudaMemcpyAsync"), 0);  // known before a byte is read
    simulation()->reset({});
    simulation()->fail_call_of("cudaHostAlloc", 1, 2);
    check_words(error_of_load("cuda:1"), tarc::errc::out_of_memory, {"pinned host memory", "field model/first.weight"});
}

TEST_CASE("a device that fails for good") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({});
    simulation()->fail_work(2, 700);
    const tarc::error e = error_of_load("cuda:1");
    check_words(e, tarc::errc::device_failed,
                {"cuda:1", "cudaErrorIllegalAddress", "start the process anew", "field model/"});
    simulation()->reset({});
    simulation()->fail_work(1, 719);
    const run_state& s = make_state(2);
    check_words(error_of([&] { (void)on_device(s, 0); }), tarc::errc::device_failed, {"cudaErrorLaunchFailure"});
    simulation()->reset({});
    {
        const run_state on = on_device(s, 0);
        simulation()->fail_work(1, 700);
        check_words(error_of([&] { (void)saved(on); }), tarc::errc::device_failed,
                    {"field model/first.weight", "record data/0"});
    }
    simulation()->reset({});
    simulation()->fail_call_of("cudaEventRecord", 1, 46);
    const tarc::error busy = error_of_load("cuda:0");
    check_words(busy, tarc::errc::device_failed, {"cudaErrorDevicesUnavailable"});
    CHECK_FALSE(contains(busy.what(), "anew"));
    simulation()->reset({});
}

TEST_CASE("the host cannot touch a device's tensor, and says what to do") {
    if (simulation() != nullptr) simulation()->reset({});
    TARC_NEEDS(devices() > 0, "CUDA device");
    const auto t = ramp({4}, 0).to(tarc::device::cuda(0));
    check_words(error_of([&] { (void)t.span(); }), tarc::errc::invalid_argument,
                {"cuda:0", ".to(tarc::device::cpu())"});
    check_words(error_of([&] { (void)t(1); }), tarc::errc::invalid_argument, {"cuda:0"});
}

TEST_CASE("staging that no ring can be made of") {
    CHECK(error_of([] {
              (void)tarc::load<run_state>(saved(make_state(1)), "cpu", {.staging = {1, 8u << 20}});
          }).code() == tarc::errc::invalid_argument);
    CHECK(error_of([] { (void)tarc::load<run_state>(saved(make_state(1)), "cpu", {.staging = {4, 1000}}); }).code() ==
          tarc::errc::invalid_argument);
    CHECK(error_of([] { (void)saved(make_state(1), {.staging = {0, 0}}); }).code() == tarc::errc::invalid_argument);
}

}  // namespace
