#pragma once

#include <pthread.h>
#include <unistd.h>

#include <algorithm>  // std::max
#include <cstddef>
#include <exception>  // std::exception_ptr
#include <memory>     // std::shared_ptr
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tarc/archive/save_job.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/progress.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/util/monitor.hpp>
#include <tarc/util/shared_function.hpp>

namespace tarc {

/// How an async_saver works. Every member has a default.
struct async_options {
    /// How many saves may be under way at once, each with a snapshot of its own.
    std::size_t in_flight = 1;
    /// A save beyond these waits until one of them has ended; false: it is an error, errc::busy.
    bool wait = true;
    /// The snapshot is taken by the thread that writes: save() returns at once, and the caller leaves the tensors alone
    /// until wait_staged().
    bool stage_in_background = false;
    /// How many threads copy at most; 0: up to four, where there is enough to copy.
    std::size_t threads = 0;
    /// Gets each error that nobody has fetched by the end of the saver; by default it is a line on standard error. Must
    /// not throw.
    detail::shared_function<void(std::exception_ptr)> lost = {};
};

namespace detail {

/// Saves in their order, and the thread that writes them. Any number of threads may use it at once.
class save_queue {
public:
    explicit save_queue(async_options o) : options_(std::move(o)) {
        static_cast<void>(posix_files());  // these must outlive a queue that lives as long as the program
        static_cast<void>(host_memory());
    }
    save_queue(const save_queue&) = delete;
    save_queue& operator=(const save_queue&) = delete;
    ~save_queue() = default;

    /// Errors: those of an earlier save that nobody has fetched; errc::busy, out_of_memory, and those of devices.
    void add(const std::shared_ptr<save_job>& job) {
        reserve(*job);
        try {
            if (job->bytes->bytes() != 0 && !job->block.defined())
                job->block = storage::allocate((job->bytes->bytes() + huge_page - 1) / huge_page * huge_page);
            if (!options_.stage_in_background) stage(*job);
        } catch (...) {
            end(job);
            throw;
        }
        {
            monitor::hold lock(monitor_);
            if (!running_) running_ = ::pthread_create(&thread_, nullptr, &run, this) == 0;
            if (running_) {
                waiting_.push_back(job);
                monitor_.changed();
                return;
            }
        }
        write(job);  // the system gives no thread
    }

    void wait_staged(const save_job& job) {
        monitor::hold lock(monitor_);
        lock.wait_until([&] { return job.staged.load(); });
    }
    void wait(const save_job& job) {
        monitor::hold lock(monitor_);
        lock.wait_until([&] { return job.ended.load(); });
    }
    /// Errors: that of the save.
    void fetch(const std::shared_ptr<save_job>& job) {
        {
            monitor::hold lock(monitor_);
            lock.wait_until([&] { return job->ended.load(); });
            std::erase(lost_, job);
        }
        if (job->fault) std::rethrow_exception(job->fault);
    }
    bool cancel(const std::shared_ptr<save_job>& job) {
        if (job->ended) return job->at == save_job::state::cancelled;
        auto state = save_job::state::open;
        if (!job->at.compare_exchange_strong(state, save_job::state::cancelled))
            return state == save_job::state::cancelled;
        {
            monitor::hold lock(monitor_);
            if (std::erase(waiting_, job) == 0) return true;
        }
        write(job);  // which only says that it was not wanted
        return true;
    }
    void wait_for_all() {
        monitor::hold lock(monitor_);
        lock.wait_until([&] { return in_flight_ == 0; });
        throw_lost();
    }
    void release_memory() {
        monitor::hold lock(monitor_);
        blocks_ -= free_.size();
        free_.clear();
    }

    /// Ends the thread when all is written. Nothing may be added any more.
    void close() noexcept {
        bool running = false;
        {
            monitor::hold lock(monitor_);
            ending_ = true;
            running = running_;
            monitor_.changed();
        }
        if (running && ::getpid() == process_) ::pthread_join(thread_, nullptr);
        for (const auto& job : std::exchange(lost_, {})) report(job->fault);
        release_memory();
    }

private:
    /// Waits for a turn, and finds a block for the job's snapshot among those that are there.
    void reserve(save_job& job) {
        if (::getpid() != process_)
            raise(errc::invalid_argument,
                  "this saver's thread is in the process that forked this one -- make a tarc::async_saver here");
        const std::size_t most = std::max<std::size_t>(options_.in_flight, 1);
        monitor::hold lock(monitor_);
        throw_lost();
        const bool by_writer = running_ && ::pthread_equal(::pthread_self(), thread_) != 0;  // it would wait for itself
        if (in_flight_ >= most && (!options_.wait || by_writer)) {
            error e(errc::busy, std::to_string(in_flight_) +
                                    " saves are under way (async_options::in_flight), and this one is not to wait");
            throw std::move(e.in_archive(job.path));
        }
        lock.wait_until([&] { return in_flight_ < most; });
        throw_lost();
        ++in_flight_;
        if (job.bytes->bytes() == 0) return;
        std::size_t best = free_.size();
        for (std::size_t i = 0; i < free_.size(); ++i)
            if (free_[i].nbytes() >= job.bytes->bytes() &&
                (best == free_.size() || free_[i].nbytes() < free_[best].nbytes()))
                best = i;
        if (best != free_.size()) {
            job.block = std::move(free_[best]);
            free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(best));
        } else if (blocks_ == most) {
            free_.pop_back();  // too small, as all of them are
        } else {
            ++blocks_;
        }
    }

    void stage(save_job& job) {
        job.bytes->take(std::move(job.block), job.save->options().staging, options_.threads,
                        [&](std::size_t i, auto&& step) { job.save->at_slice(i, step); });
        job.save->forget_storages();
        monitor::hold lock(monitor_);
        job.staged = true;
        monitor_.changed();
    }

    void write(std::shared_ptr<save_job> job) noexcept {
        try {
            write_file(*job);
        } catch (error& e) {
            e.in_archive(job->path);
            job->fault = std::current_exception();
            job->matters = e.code() != errc::cancelled;
        } catch (...) {
            job->fault = std::current_exception();
        }
        end(std::move(job));
    }

    void write_file(save_job& job) {
        job.require_wanted();
        if (!job.staged) stage(job);
        const save_options& o = job.save->options();
        const progress_callback watched = [&](const progress& p) {
            job.require_wanted();
            return !o.progress || o.progress(p);
        };
        progress_meter meter(watched);
        file_sink file(job.path, o.durability, o.files != nullptr ? *o.files : posix_files());
        job.save->write(
            file,
            [&](std::span<const storage_slice>, std::size_t i, take_bytes append) { append(job.bytes->slice(i)); },
            &meter);
        file.commit([&] { job.begin_commit(); });
    }

    void end(std::shared_ptr<save_job> job) noexcept {
        const bool has_block = job->bytes->bytes() != 0;
        storage block = job->bytes->release();
        if (!block.defined()) block = std::move(job->block);
        job->save.reset();  // from here on nothing of the caller's is touched
        monitor::hold lock(monitor_);
        if (block.defined())
            free_.push_back(std::move(block));
        else if (has_block)
            --blocks_;
        if (job->fault && job->matters) lost_.push_back(job);
        --in_flight_;
        job->staged = true;
        job->ended = true;
        monitor_.changed();
        job.reset();  // before anybody has the error, whose end is then that of who asked for it
    }

    void throw_lost() {
        if (lost_.empty()) return;
        const std::exception_ptr first = lost_.front()->fault;
        lost_.erase(lost_.begin());
        std::rethrow_exception(first);
    }

    void report(const std::exception_ptr& fault) const noexcept {
        if (options_.lost) return options_.lost(fault);
        std::string line = "tarc: a save failed, and nobody asked for its error: ";
        try {
            std::rethrow_exception(fault);
        } catch (const std::exception& e) {
            line += e.what();
        } catch (...) {
            line += "it is no std::exception";
        }
        line += '\n';
        static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
    }

    static void* run(void* self) {
        static_cast<save_queue*>(self)->work();
        return nullptr;
    }
    void work() noexcept {
        for (;;) {
            std::shared_ptr<save_job> job;
            {
                monitor::hold lock(monitor_);
                lock.wait_until([&] { return !waiting_.empty() || ending_; });
                if (waiting_.empty()) return;
                job = waiting_.front();
                waiting_.erase(waiting_.begin());
            }
            write(std::move(job));
        }
    }

    async_options options_;
    monitor monitor_;
    pthread_t thread_{};
    pid_t process_ = ::getpid();  // a forked one has the saver, but not its thread
    bool running_ = false, ending_ = false;
    std::vector<std::shared_ptr<save_job>> waiting_, lost_;
    std::size_t in_flight_ = 0;
    std::vector<storage> free_;  // blocks that no save has
    std::size_t blocks_ = 0;     // all of them
};

}  // namespace detail
}  // namespace tarc
