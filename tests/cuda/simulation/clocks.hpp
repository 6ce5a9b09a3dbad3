#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cuda_sim {

/// A vector clock: of each stream, up to which of its pieces of work everything is known to be done.
class vector_clock {
public:
    [[nodiscard]] std::uint64_t at(std::size_t stream) const { return stream < ticks_.size() ? ticks_[stream] : 0; }

    void advance(std::size_t stream, std::uint64_t tick) {
        if (stream >= ticks_.size()) ticks_.resize(stream + 1);
        ticks_[stream] = std::max(ticks_[stream], tick);
    }
    void merge(const vector_clock& other) {
        if (other.ticks_.size() > ticks_.size()) ticks_.resize(other.ticks_.size());
        for (std::size_t i = 0; i < other.ticks_.size(); ++i) ticks_[i] = std::max(ticks_[i], other.ticks_[i]);
    }

private:
    std::vector<std::uint64_t> ticks_;
};

enum class touch { read, write, allocate, release };

/// What one piece of work does to a range of one block of memory.
struct access {
    std::uintptr_t begin = 0, end = 0;
    touch kind = touch::read;
    std::size_t stream = 0;
    std::uint64_t tick = 0;
    const char* call = "";
    std::uint64_t number = 0;  ///< of the call, from the reset on

    [[nodiscard]] bool before(const vector_clock& clock) const { return clock.at(stream) >= tick; }
};

/// The accesses to one block that later work may still conflict with.
class history {
public:
    /// Notes an access of work whose clock is `now`. The answer is an earlier conflicting one that is not ordered
    /// before it. What is before the host's clock is before all that will ever be issued, so it is forgotten.
    [[nodiscard]] std::optional<access> add(const access& next, const vector_clock& now, const vector_clock& host) {
        std::optional<access> conflict;
        std::erase_if(past_, [&](const access& old) {
            if (old.before(host)) return true;
            const bool overlap = old.begin < next.end && next.begin < old.end;
            const bool ordered = old.before(now);
            if (overlap && !ordered && !(old.kind == touch::read && next.kind == touch::read)) conflict = old;
            const bool covered = next.begin <= old.begin && old.end <= next.end;
            return ordered && covered && (next.kind != touch::read || old.kind == touch::read);
        });
        past_.push_back(next);
        return conflict;
    }
    /// An access that the host cannot know to be over.
    [[nodiscard]] std::optional<access> pending(const vector_clock& host) const {
        for (const access& old : past_) {
            if (old.kind != touch::allocate && !old.before(host)) return old;
        }
        return std::nullopt;
    }

private:
    std::vector<access> past_;
};

}  // namespace cuda_sim
