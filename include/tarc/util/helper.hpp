#pragma once

#include <pthread.h>

#include <exception>  // std::exception_ptr
#include <optional>
#include <utility>

#include <tarc/util/function_ref.hpp>
#include <tarc/util/monitor.hpp>

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
        {
            const monitor::hold lock(monitor_);
            ending_ = true;
            monitor_.changed();
        }
        ::pthread_join(thread_, nullptr);
    }

    /// `work` must live until wait() has returned, which must come before the next start().
    void start(function_ref<void()> work) {
        if (!running_) return perform(work);
        const monitor::hold lock(monitor_);
        work_.emplace(work);
        monitor_.changed();
    }
    /// Errors: what the work threw.
    void wait() {
        if (running_) monitor::hold(monitor_).wait_until([&] { return !work_; });
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
        monitor::hold lock(h.monitor_);
        for (;;) {
            lock.wait_until([&] { return h.work_ || h.ending_; });
            if (!h.work_) return nullptr;
            lock.without([&] { h.perform(*h.work_); });
            h.work_.reset();
            h.monitor_.changed();
        }
    }

    monitor monitor_;
    pthread_t thread_{};
    bool running_ = false, ending_ = false;
    std::optional<function_ref<void()>> work_;
    std::exception_ptr fault_;
};

}  // namespace tarc::detail
