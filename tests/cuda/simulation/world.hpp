#pragma once

#include <cuda_runtime_api.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "clocks.hpp"
#include "control.hpp"
#include "memory.hpp"
#include "work.hpp"

namespace cuda_sim {

using guard = std::unique_lock<std::mutex>;

/// "The n-th from now on."
struct countdown {
    std::uint64_t left = 0;
    cudaError_t code = cudaSuccess;
    [[nodiscard]] bool hit() { return left != 0 && --left == 0; }
};

/// What the streams of a device that are forgotten had done.
struct retired_clocks {
    vector_clock all, blocking;
};

/// What each thread of the program has of its own.
struct thread_state {
    std::uint64_t generation = 0;  ///< of the world that the rest is about
    std::uint64_t thread = 0;      ///< from 1, never used again
    int device = 0;
    cudaError_t last_error = cudaSuccess;
    bool in_host_function = false;
    const char* call = "";
    std::uint64_t number = 0;  ///< of the call it is in

    void start(std::uint64_t of_generation) {
        generation = of_generation;
        device = 0;
        last_error = cudaSuccess;
    }
};

bool is_sticky(cudaError_t code);

/// Everything that the runtime knows. One per process, never destroyed: the program's own static objects may use it
/// until the very end. All members are behind `mutex`, which a call holds except while it waits or moves bytes.
class world {
public:
    static world& the();
    static thread_state& mine();

    std::mutex mutex;

    void reset(guard& lock, const setup& next);

    setup settings;
    std::uint64_t generation = 1;
    cudaError_t sticky = cudaSuccess;
    std::uint64_t calls = 0;
    std::map<std::string, std::uint64_t> calls_of;
    countdown fail_call, fail_work;
    std::map<std::string, countdown> fail_call_of;

    // -- reports (report.cpp)
    bool logging = false;
    std::string log;
    void misused(const std::string& sentence);  ///< by the call that this thread is in
    void misused_by(const char* call, std::uint64_t number, const std::string& sentence);
    [[nodiscard]] std::string misuse();
    [[nodiscard]] std::string leaks() const;
    [[nodiscard]] std::uint64_t alive(const std::string& what) const;

    // -- memory
    std::unique_ptr<memory> store;
    /// Notes that work with this tick on this stream touches a range, and reports what it conflicts with.
    void touches(const block_pointer& in, std::uintptr_t begin, std::uint64_t bytes, touch kind, const stream& by,
                 std::uint64_t tick);

    // -- streams and events
    std::vector<std::shared_ptr<stream>> streams;  ///< also destroyed ones that still have work
    std::map<std::uintptr_t, std::shared_ptr<stream>> stream_handles;
    std::map<std::uintptr_t, std::shared_ptr<event>> event_handles;
    std::uintptr_t next_handle = 0;  ///< never used again, not even after a reset
    vector_clock host;               ///< what any thread of the program can know to be done
    std::set<std::pair<int, int>> peers;

    [[nodiscard]] std::shared_ptr<stream> make_stream(int device, bool blocking);
    [[nodiscard]] std::uintptr_t new_handle();
    /// Null, with a misuse noted: there is no such stream.
    [[nodiscard]] std::shared_ptr<stream> find_stream(cudaStream_t handle);
    [[nodiscard]] std::shared_ptr<event> find_event(cudaEvent_t handle);

    // -- running work (schedule.cpp)
    /// The tick that the next piece of work of a stream gets, its clock and what it waits for.
    std::shared_ptr<work> prepare(const std::shared_ptr<stream>& on);
    void issue(const std::shared_ptr<stream>& on, std::shared_ptr<work> item);
    /// Returns when all work up to there is done. The host's clock is its caller's business.
    void finish(guard& lock, const point& target);
    /// The same for a whole device, and the host knows it.
    void finish_device(guard& lock, int device);
    /// Returns when no other piece of work that runs right now uses the block: its bytes may be overwritten.
    void let_go(guard& lock, const block_pointer& of, const work* except = nullptr);
    /// Does what a question after unfinished work makes happen.
    void nudge(guard& lock, const point& target);
    void fail(cudaError_t code);  ///< with a sticky code: pending work is dropped
    void stop_workers(guard& lock);
    void reap(guard& lock);  ///< forgets destroyed streams that have done all their work

private:
    world();
    [[nodiscard]] bool lazy() const { return settings.run == order::late || settings.run == order::reversed; }
    std::shared_ptr<stream> needed(const std::shared_ptr<stream>& of) const;
    std::shared_ptr<stream> latest_ready(const stream* except) const;
    bool step(guard& lock, const point& target);
    void run_front(guard& lock, stream& of);
    void take_link_time(guard& lock, stream& of, const work& item);
    void serve(std::shared_ptr<stream> of);

    std::condition_variable changed_;
    bool stopping_ = false;
    std::uint64_t sequence_ = 0;
    std::size_t next_stream_ = 0;
    std::map<std::pair<std::uint64_t, int>, std::shared_ptr<stream>> default_streams_;  ///< thread (0: legacy), device
    std::vector<time_point> links_;          ///< of each device out and in: until when it is taken
    std::map<int, retired_clocks> retired_;  ///< of each device
    std::vector<std::string> misuse_;
};

}  // namespace cuda_sim
