// An error at every call of the runtime in turn, and inside the work it does later: each ends in a typed error, or in
// the right result where the call did not matter; the target is untouched, and nothing leaks.
#include "scenarios.hpp"

using namespace tarc_test;

namespace {

enum class outcome { right, typed };

outcome outcome_of(const scenarios::named& s) {
    try {
        s.run();
        return outcome::right;
    } catch (const tarc::error& e) {
        const bool known = e.code() == tarc::errc::out_of_memory || e.code() == tarc::errc::device_failed ||
                           e.code() == tarc::errc::no_device;
        CHECK_MESSAGE(known, std::string(e.what()));
        return outcome::typed;
    }  // anything else fails the test
}

void check_after() {
    CHECK_EQ(std::string(simulation()->misuse()), "");
    CHECK_EQ(std::string(simulation()->leaks()), "");
}

const cuda_sim::order orders[] = {cuda_sim::order::prompt, cuda_sim::order::late, cuda_sim::order::reversed};

constexpr int no_memory = 2, device_busy = 46, illegal_address = 700;  // the last one is sticky

/// The codes take turns from call to call, and begin with another one in each order: each call fails with each of them.
int code_for(std::size_t turn, std::uint64_t n) {
    constexpr int all[] = {no_memory, device_busy, illegal_address};
    return all[(n + turn) % 3];
}

TEST_CASE("an error at every call in turn") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    for (std::size_t turn = 0; turn < std::size(orders); ++turn)
        for (const scenarios::named& s : scenarios::all) {
            const cuda_sim::order order = orders[turn];
            CAPTURE(turn);
            CAPTURE(s.name);
            simulation()->reset({.run = order});
            REQUIRE(outcome_of(s) == outcome::right);
            const std::uint64_t calls = simulation()->calls(nullptr);
            REQUIRE_GT(calls, 10);
            std::uint64_t failed = 0;
            for (std::uint64_t n = 1; n <= calls; ++n) {
                CAPTURE(n);
                simulation()->reset({.run = order});
                simulation()->fail_call(n, code_for(turn, n));
                failed += outcome_of(s) == outcome::typed;
                check_after();
            }
            CHECK_GT(failed, calls / 3);  // the others are frees, and polls of which a run has more or fewer
        }
    simulation()->reset({});
}

TEST_CASE("an error inside every piece of asynchronous work") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    for (const cuda_sim::order order : orders)
        for (const scenarios::named& s : scenarios::all) {
            CAPTURE(static_cast<int>(order));
            CAPTURE(s.name);
            for (std::uint64_t n = 1;; ++n) {
                CAPTURE(n);
                REQUIRE_LT(n, 1000);
                simulation()->reset({.run = order});
                simulation()->fail_work(n, illegal_address);
                const outcome o = outcome_of(s);
                check_after();
                if (o == outcome::right) {
                    CHECK_GT(n, 1);
                    break;
                }
            }
        }
    simulation()->reset({});
}

TEST_CASE("after an error that is not sticky, the same work succeeds") {
    TARC_NEEDS(simulation() != nullptr, "simulated runtime");
    simulation()->reset({});
    simulation()->fail_call_of("cudaMalloc", 2, no_memory);
    CHECK(outcome_of(scenarios::all[0]) == outcome::typed);
    CHECK(outcome_of(scenarios::all[0]) == outcome::right);
    CHECK_EQ(cudaPeekAtLastError(), cudaSuccess);  // nothing is left for the caller to stumble on
    simulation()->reset({});
}

}  // namespace
