#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>

#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// How many threads a transfer takes where nobody says it: up to four, as more do not make a memory bus faster.
[[nodiscard]] inline std::size_t usual_threads() noexcept {
    cpu_set_t usable;  // those of a container or of taskset, in one call; sysconf() reads a file
    if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return 4;  // there are more than a cpu_set_t holds
    const int cores = CPU_COUNT(&usable);
    return cores < 1 ? 1 : cores > 4 ? 4 : static_cast<std::size_t>(cores);
}

/// Threads that all run one function, which must not throw, until it returns; they are waited for at the end. Where
/// the system gives no more threads there are fewer: the caller does the work too.
template <class F>
class team {
public:
    team(std::size_t threads, F& work) : work_(work) {
        threads_.reserve(threads);
        for (std::size_t i = 0; i < threads; ++i) {
            pthread_t t{};
            if (::pthread_create(&t, nullptr, &run, this) != 0) break;
            threads_.push_back(t);
        }
    }
    team(const team&) = delete;
    team& operator=(const team&) = delete;
    ~team() {
        for (const pthread_t t : threads_) ::pthread_join(t, nullptr);
    }

private:
    static void* run(void* self) {
        static_cast<team*>(self)->work_();
        return nullptr;
    }

    F& work_;
    vec<pthread_t> threads_;
};

}  // namespace tarc::detail
