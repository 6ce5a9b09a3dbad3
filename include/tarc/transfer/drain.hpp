#pragma once

#include <algorithm>  // std::min, std::max
#include <cstddef>
#include <cstdint>
#include <memory>  // std::unique_ptr
#include <span>
#include <utility>

#include <tarc/transfer/ring.hpp>
#include <tarc/transfer/staging.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// The way of a save's bytes from one device: pieces of slices in the order of the file, packed into batches that
/// each fill a slot. Storages that lie side by side in one allocation, as a load puts small ones, take one copy
/// together.
class drain_lane {
public:
    explicit drain_lane(device d) : device_(d), ring_(d) {}

    [[nodiscard]] tarc::device on() const noexcept { return device_; }
    void add(const storage_slice& s) { mine_.push_back(&s); }

    void start(const staging& s) {
        backend_for(device_).settle(device_);  // what the storages hold may still be under way
        std::uint64_t total = 0, largest = 0;
        for (const storage_slice* b : mine_) total += b->bytes();
        const std::uint64_t slot_bytes = slot_size(s, total);
        for (const storage_slice* b : mine_) pack(*b, slot_bytes);
        for (const batch& b : batches_) largest = std::max(largest, b.bytes);
        ring_.allocate(std::min<std::uint64_t>(batches_.size(), s.slots), round_up(largest, slot_alignment));
        request();
    }

    /// The bytes of the next slice.
    void bring(std::uint64_t bytes, take_bytes append) {
        while (bytes != 0) {
            const piece& p = pieces_[next_++];
            const std::size_t slot = ring_.oldest();
            for (patience wait; !ring_.arrived(slot);) wait.nap();
            append(std::span<const std::byte>(ring_.slot(slot) + p.at, p.bytes));
            bytes -= p.bytes;
            if (next_ != pieces_.size() && pieces_[next_].batch == p.batch) continue;
            ring_.give_back_oldest();
            request();
        }
    }

private:
    struct piece {
        std::size_t batch;
        std::uint64_t at, bytes;  // in the slot
    };
    struct copy {
        const std::byte* from;
        std::uint64_t at, bytes;
    };
    struct batch {
        std::uint64_t bytes = 0;
        vec<copy> copies;
    };

    void pack(const storage_slice& s, std::uint64_t slot_bytes) {
        const tarc::storage& live = s.storage->live;
        const auto* from = static_cast<const std::byte*>(live.data()) + s.begin;
        for (std::uint64_t left = s.bytes(); left != 0;) {
            std::uint64_t room = batches_.empty() ? 0 : slot_bytes - std::min(slot_bytes, batches_.back().bytes);
            if (room < left && left <= slot_bytes) room = 0;  // one copy rather than two
            if (room == 0) {
                batches_.push_back({});
                room = slot_bytes;
            }
            batch& b = batches_.back();
            const std::uint64_t n = std::min(left, room);
            if (!join(b, live, from, n, slot_bytes)) {
                pieces_.push_back({batches_.size() - 1, b.bytes, n});
                b.copies.push_back({from, b.bytes, n});
                b.bytes = round_up(b.bytes + n, slot_alignment);
            }
            last_allocation_ = live.allocation();
            from += n;
            left -= n;
        }
    }

    /// Makes the batch's last copy longer where these bytes stand shortly behind its end in the same allocation.
    bool join(batch& b, const tarc::storage& live, const std::byte* from, std::uint64_t n, std::uint64_t slot_bytes) {
        if (b.copies.empty() || last_allocation_ != live.allocation()) return false;
        copy& c = b.copies.back();
        if (from < c.from + c.bytes || from - (c.from + c.bytes) > std::ptrdiff_t{4096}) return false;
        const auto distance = static_cast<std::uint64_t>(from - c.from);
        if (c.at + distance + n > slot_bytes) return false;
        pieces_.push_back({batches_.size() - 1, c.at + distance, n});
        c.bytes = distance + n;
        b.bytes = round_up(c.at + c.bytes, slot_alignment);
        return true;
    }

    /// Starts the copies of as many batches as there are slots for.
    void request() {
        while (requested_ != batches_.size()) {
            const std::size_t slot = ring_.take_unused();
            if (slot == ring::none) return;
            for (const copy& c : batches_[requested_].copies)
                ring_.queue().copy_out(ring_.slot(slot) + c.at, c.from, c.bytes);
            ring_.send(slot);
            ++requested_;
        }
    }

    device device_;
    vec<const storage_slice*> mine_;
    vec<piece> pieces_;
    vec<batch> batches_;
    const void* last_allocation_ = nullptr;
    std::size_t next_ = 0, requested_ = 0;
    ring ring_;
};

/// Brings slices of storages in memory, in order: host memory as it is, that of devices through a ring of staging
/// slots, in which the next ones are copied while the caller is busy with those before.
class drain {
public:
    drain(std::span<const storage_slice> all, const staging& s) : all_(all) {
        check_staging(s);
        for (const storage_slice& b : all) {
            if (b.bytes() == 0) continue;
            const device d = b.storage->live.device();
            if (host_accessible(d)) continue;
            if (lane(d) == nullptr) lanes_.push_back(std::make_unique<drain_lane>(d));
            lane(d)->add(b);
        }
        for (const auto& l : lanes_) l->start(s);
    }

    /// The bytes of the i-th, by calls of `append` with pieces of any size. Called for all in order.
    void bring(std::size_t i, take_bytes append) {
        const storage_slice& s = all_[i];
        const tarc::storage& live = s.storage->live;
        if (drain_lane* l = lane(live.device())) return l->bring(s.bytes(), append);
        append(std::span<const std::byte>(static_cast<const std::byte*>(live.data()) + s.begin, s.bytes()));
    }

private:
    [[nodiscard]] drain_lane* lane(device d) const {
        for (const auto& l : lanes_)
            if (l->on() == d) return l.get();
        return nullptr;
    }

    std::span<const storage_slice> all_;
    vec<std::unique_ptr<drain_lane>> lanes_;
};

}  // namespace tarc::detail
