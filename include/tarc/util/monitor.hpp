#pragma once

#include <pthread.h>

namespace tarc::detail {

/// A lock, and what to wait for under it. (<mutex> and <condition_variable> take their time to compile.)
class monitor {
public:
    monitor() = default;
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    /// Holds the lock as long as it lives.
    class hold {
    public:
        explicit hold(monitor& m) noexcept : m_(m) { ::pthread_mutex_lock(&m_.mutex_); }
        hold(const hold&) = delete;
        hold& operator=(const hold&) = delete;
        ~hold() { ::pthread_mutex_unlock(&m_.mutex_); }

        /// Waits, with the lock given up meanwhile, until `condition()`.
        template <class Condition>
        void wait_until(Condition&& condition) {
            while (!condition()) ::pthread_cond_wait(&m_.changed_, &m_.mutex_);
        }
        /// Runs `work`, which must not throw, with the lock given up.
        template <class Work>
        void without(Work&& work) {
            ::pthread_mutex_unlock(&m_.mutex_);
            work();
            ::pthread_mutex_lock(&m_.mutex_);
        }

    private:
        monitor& m_;
    };

    /// Has all who wait look again.
    void changed() noexcept { ::pthread_cond_broadcast(&changed_); }

private:
    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
};

}  // namespace tarc::detail
