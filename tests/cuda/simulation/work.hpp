#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "clocks.hpp"
#include "memory.hpp"

namespace cuda_sim {

using time_point = std::chrono::steady_clock::time_point;

struct stream;

/// A place in a stream: all work up to a tick.
struct point {
    std::shared_ptr<stream> of;
    std::uint64_t tick = 0;
    [[nodiscard]] bool done() const;
};

/// One piece of work of a stream.
struct work {
    std::uint64_t tick = 0;      ///< in its stream, from 1
    std::uint64_t sequence = 0;  ///< of issue, over all streams
    const char* call = "";
    std::uint64_t number = 0;  ///< of the call
    std::vector<point> after;  ///< what it waits for besides the work before it in its stream
    std::vector<block_pointer> blocks;
    bool can_fail = false;         ///< by fail_work
    std::function<void()> run;     ///< without the lock
    std::function<void()> settle;  ///< with the lock, also when the work is dropped
    // What it moves over the links of which devices; -1: none.
    int out_of = -1, into = -1;
    std::uint64_t bytes = 0;
    time_point issued;
};

struct stream {
    std::size_t id = 0;  ///< from 0, each one new
    int device = 0;
    bool blocking = true;  ///< waits for the legacy default stream and it for this
    bool legacy = false;
    bool own = false;  ///< the program made it
    bool destroyed = false, abandoned = false;
    const char* call = "";
    std::uint64_t number = 0;  ///< of the call that made it

    std::uint64_t issued = 0;
    vector_clock clock;
    std::deque<std::shared_ptr<work>> queue;
    std::shared_ptr<work> running;
    time_point link_until;  ///< when its last transfer ended, by the links' own time
    std::thread worker;

    [[nodiscard]] bool done(std::uint64_t tick) const {
        if (running) return tick < running->tick;
        return queue.empty() || tick < queue.front()->tick;
    }
    [[nodiscard]] bool idle() const { return !running && queue.empty(); }
    /// Whether its next piece of work may run.
    [[nodiscard]] bool ready() const {
        if (running || queue.empty()) return false;
        for (const point& needed : queue.front()->after) {
            if (!needed.done()) return false;
        }
        return true;
    }
};

inline bool point::done() const { return !of || of->done(tick); }

struct event {
    int device = 0;
    bool abandoned = false;
    point recorded;  ///< of no stream: never
    vector_clock clock;
    const char* call = "";
    std::uint64_t number = 0;  ///< of the call that made it
    time_point reached;        ///< for elapsed times: when it was recorded
};

}  // namespace cuda_sim
