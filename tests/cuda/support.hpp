#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <tarc/cuda.hpp>
#include <tarc/tarc.hpp>

#include "simulation/control.hpp"
#include "support/errors.hpp"

/// One and the same binary runs on the simulated runtime, on the real one without a driver, and on a GPU: by library
/// path alone. What a test needs of its surroundings it asks here.
namespace tarc_test {

using bytes = std::vector<std::byte>;

inline const cuda_sim::control* simulation() {
    static const cuda_sim::control* const found = cuda_sim::find();
    return found;
}

/// Devices that are there. On the simulation reset() decides.
inline int devices() { return tarc::cuda::backend().count(); }

/// Says why a test does nothing, in the output of the run.
#define TARC_NEEDS(condition, what)                        \
    if (!(condition)) {                                    \
        MESSAGE("skipped: there is no ", (what), " here"); \
        return;                                            \
    }

/// Whether they are equal. The operator compares one byte at a time, which without optimization takes longer than all
/// that led to them.
inline bool same_bytes(const bytes& a, const bytes& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

inline void require(bool good, const char* what) {
    if (!good) throw std::logic_error(what);
}

/// Nothing was misused, and nothing is alive that should not be.
inline void check_clean() {
    if (simulation() == nullptr) return;
    CHECK_EQ(std::string(simulation()->misuse()), "");
    CHECK_EQ(std::string(simulation()->leaks()), "");
}

/// Runs `f` in every order in which the runtime may do asynchronous work; on a real device once.
template <class F>
void in_every_order(const cuda_sim::setup& base, F&& f) {
    if (simulation() == nullptr) return f();
    const auto run = [&](cuda_sim::order order, std::uint64_t seed, const char* name) {
        CAPTURE(name);
        CAPTURE(seed);
        cuda_sim::setup s = base;
        s.run = order;
        s.seed = seed;
        simulation()->reset(s);
        f();
        check_clean();
    };
    run(cuda_sim::order::prompt, 1, "prompt");
    for (std::uint64_t seed = 1; seed <= 4; ++seed) run(cuda_sim::order::random, seed, "random");
    run(cuda_sim::order::late, 1, "late");
    run(cuda_sim::order::reversed, 1, "reversed");
    simulation()->reset({});
}

template <class T>
bytes saved(const T& value, const tarc::save_options& options = {}) {
    bytes out;
    tarc::save(value, out, options);
    return out;
}

/// The elements of a tensor wherever it is, in row-major order.
template <class T, std::int64_t... E>
std::vector<T> elements(const tarc::tensor<T, E...>& t) {
    const auto own = t.to(tarc::device::cpu()).clone();
    return {own.span().begin(), own.span().end()};
}

}  // namespace tarc_test
