#pragma once

#include <pthread.h>

#include <exception>  // std::exception_ptr
#include <optional>
#include <utility>

#include <tarc/util/function_ref.hpp>

namespace tarc::detail {

/// A thread that does one thing at a time while its owner does another. Used by one thread. Where the system gives no
/// thread, start() does the work itself.
class helper {
public:
    helper() { running_ = ::pthread_create(&thread_, nullptr, &run, this) == 0; }
    helper(const helper&) = delete;
    helper& operator=(const helper&) = delete;
    ~helper() {
        if (!running_) return;
        ::pthread_mutex_lock(&mutex_);
        ending_ = true;
        ::pthread_cond_broadcast(&changed_);
        ::pthread_mutex_unlock(&mutex_);
        ::pthread_join(thread_, nullptr);
    }

    /// `work` must live until wait() has returned, which must come before the next start().
    void start(function_ref<void()> work) {
        if (!running_) return perform(work);
        ::pthread_mutex_lock(&mutex_);
        work_.emplace(work);
        ::pthread_cond_broadcast(&changed_);
        ::pthread_mutex_unlock(&mutex_);
    }
    /// Errors: what the work threw.
    void wait() {
        if (running_) {
            ::pthread_mutex_lock(&mutex_);
            while (work_) ::pthread_cond_wait(&changed_, &mutex_);
            ::pthread_mutex_unlock(&mutex_);
        }
        if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
    }

private:
    void perform(function_ref<void()> work) noexcept {
        try {
            work();
        } catch (...) {
            fault_ = std::current_exception();
        }
    }

    static void* run(void* self) {
        helper& h = *static_cast<helper*>(self);
        ::pthread_mutex_lock(&h.mutex_);
        for (;;) {
            while (!h.work_ && !h.ending_) ::pthread_cond_wait(&h.changed_, &h.mutex_);
            if (!h.work_) break;
            const function_ref<void()> work = *h.work_;
            ::pthread_mutex_unlock(&h.mutex_);
            h.perform(work);
            ::pthread_mutex_lock(&h.mutex_);
            h.work_.reset();
            ::pthread_cond_broadcast(&h.changed_);
        }
        ::pthread_mutex_unlock(&h.mutex_);
        return nullptr;
    }

    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
    pthread_t thread_{};
    bool running_ = false, ending_ = false;
    std::optional<function_ref<void()>> work_;
    std::exception_ptr fault_;
};

}  // namespace tarc::detail
