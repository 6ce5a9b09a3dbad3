#pragma once

#include <memory>  // std::shared_ptr
#include <string>
#include <utility>

#include <tarc/archive/save.hpp>
#include <tarc/archive/save_queue.hpp>

namespace tarc {

/// A save that another thread carries out. Movable; whoever destroys or replaces it waits until the save has ended. Any
/// number of threads may call its functions at once.
class [[nodiscard]] pending_save {
public:
    /// Of nothing, which has ended well.
    pending_save() = default;
    pending_save(pending_save&&) noexcept = default;
    pending_save& operator=(pending_save&& other) noexcept {
        if (this == &other) return *this;
        wait();
        queue_ = std::move(other.queue_);
        job_ = std::move(other.job_);
        return *this;
    }
    ~pending_save() { wait(); }

    /// Whether the caller may change the tensors and storages that are saved. The struct itself may change, or go, as
    /// soon as save_async has returned.
    [[nodiscard]] bool staged() const noexcept { return job_ == nullptr || job_->staged; }
    void wait_staged() const {
        if (job_ != nullptr) queue_->wait_staged(*job_);
    }
    /// Whether nothing more will happen: get() returns or throws at once.
    [[nodiscard]] bool done() const noexcept { return job_ == nullptr || job_->ended; }
    /// Until then. Errors of the save stay where they are.
    void wait() const noexcept {
        if (job_ != nullptr) queue_->wait(*job_);
    }
    /// Returns when the file is where it should be, and durable if that was asked for. Errors: those of save();
    /// errc::cancelled.
    void get() const {
        if (job_ != nullptr) queue_->fetch(job_);
    }
    /// Ends the save, unless its file is in its place already, or about to be, or it has failed: then false. After true
    /// the path holds what it held, and get() throws errc::cancelled when nothing temporary is left. Returns at once.
    bool cancel() const { return job_ != nullptr && queue_->cancel(job_); }
    /// Lets the save go on without this handle. Its error is that of the saver's next call, or is reported at its end.
    void detach() noexcept {
        job_.reset();
        queue_.reset();
    }

private:
    friend class async_saver;
    pending_save(std::shared_ptr<detail::save_queue> q, std::shared_ptr<detail::save_job> j) noexcept
        : queue_(std::move(q)), job_(std::move(j)) {}

    std::shared_ptr<detail::save_queue> queue_;
    std::shared_ptr<detail::save_job> job_;
};

/// Saves while the program goes on: the values are copied into memory that is kept from save to save, and a thread
/// writes them from there, in the order of the calls; of two to one path the later one stays. The memory is that of the
/// tensors' bytes, once for each save in flight, and is given back at the end of the saver, which waits for its saves.
/// Any number of threads may use one at once, as long as nobody changes what is being copied.
class async_saver {
public:
    explicit async_saver(async_options options = {})
        : queue_(std::make_shared<detail::save_queue>(std::move(options))) {}
    async_saver(const async_saver&) = delete;
    async_saver& operator=(const async_saver&) = delete;
    ~async_saver() { queue_->close(); }

    /// As tarc::save to a path, but returns when the bytes have been copied (async_options::stage_in_background: at
    /// once). Where as many saves are under way as may be, it waits for one to end first. options.progress is called by
    /// the thread that writes, and options.files must outlive the save. A relative path is that of the working
    /// directory of the call. Not in a process that was forked since the saver was made. Errors, after which nothing
    /// has been started: those of the value, of the options and of memory; that of an earlier save which nobody has
    /// fetched.
    template <class T>
    pending_save save(const T& object, std::string path, const save_options& options = {}) {
        detail::require_archivable<T>();
        std::shared_ptr<detail::save_job> job;
        if constexpr (detail::archivable<T>) {
            job =
                std::make_shared<detail::save_job>(detail::facts_of<T>, version<T>, &object, std::move(path), options);
            queue_->add(job);
        }
        return {queue_, job};
    }

    /// Until no save is under way. Errors: that of one which nobody has fetched.
    void wait() { queue_->wait_for_all(); }
    /// Gives back the memory that no save needs now.
    void release_memory() { queue_->release_memory(); }

private:
    std::shared_ptr<detail::save_queue> queue_;
};

/// The saver of save_async(), one in the program.
[[nodiscard]] inline async_saver& shared_saver() {
    static async_saver saver;
    return saver;
}

/// Saves while the program goes on: `tarc::pending_save s = tarc::save_async(run, "run.pt");`. The values are copied
/// before it returns; a save that is still under way is waited for first. See async_saver::save.
template <class T>
pending_save save_async(const T& object, std::string path, const save_options& options = {}) {
    return shared_saver().save(object, std::move(path), options);
}

}  // namespace tarc
