#pragma once

#include <time.h>  // nanosleep

#include <cstddef>
#include <cstdint>
#include <memory>  // std::unique_ptr

#include <tarc/tensor/backend.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Naps that grow while nothing happens. One thread serves all devices and asks each whether a slot has become free;
/// a wait inside the driver for one of them would stall the others.
class patience {
public:
    void nap() {
        const timespec time{0, nanoseconds_};
        ::nanosleep(&time, nullptr);
        if (nanoseconds_ < 160'000) nanoseconds_ *= 2;
    }
    void reset() noexcept { nanoseconds_ = 10'000; }

private:
    long nanoseconds_ = 10'000;
};

/// The slots of staging memory in front of one device, and the queue that copies from or to them. A slot is free, held
/// by whoever took it, or under way. Slots come back in the order in which they were sent.
class ring {
public:
    static constexpr std::size_t none = SIZE_MAX;

    explicit ring(device d) : queue_(backend_for(d).queue(d)) {}

    /// Once, before the first take().
    void allocate(std::size_t slots, std::size_t slot_bytes) {
        slot_bytes_ = slot_bytes;
        memory_ = queue_->stage(slots * slot_bytes);
        for (std::size_t i = slots; i-- > 0;) free_.push_back(i);
        way_.resize(slots);
    }

    [[nodiscard]] copy_queue& queue() noexcept { return *queue_; }
    [[nodiscard]] std::byte* slot(std::size_t i) noexcept { return memory_ + i * slot_bytes_; }

    /// A free slot, which is held then, or none.
    [[nodiscard]] std::size_t take() {
        if (free_.empty() && oldest() != none && arrived(oldest())) give_back_oldest();
        return take_unused();
    }
    /// The same without asking whether one has come back.
    [[nodiscard]] std::size_t take_unused() {
        if (free_.empty()) return none;
        const std::size_t i = free_.back();
        free_.pop_back();
        return i;
    }
    /// Its copies have been started: the slot comes back when they are done.
    void send(std::size_t i) {
        queue_->mark(i);
        way_[(first_ + under_way_++) % way_.size()] = i;
    }
    /// The slot that was sent first of those under way, or none.
    [[nodiscard]] std::size_t oldest() const noexcept { return under_way_ == 0 ? none : way_[first_]; }
    [[nodiscard]] bool arrived(std::size_t i) { return queue_->reached(i); }
    void give_back_oldest() {
        free_.push_back(way_[first_]);
        first_ = (first_ + 1) % way_.size();
        --under_way_;
    }

private:
    std::unique_ptr<copy_queue> queue_;
    std::byte* memory_ = nullptr;
    std::size_t slot_bytes_ = 0;
    vec<std::size_t> free_;
    vec<std::size_t> way_;  // a queue in a circle: under_way_ slots from first_ on
    std::size_t first_ = 0, under_way_ = 0;
};

}  // namespace tarc::detail
