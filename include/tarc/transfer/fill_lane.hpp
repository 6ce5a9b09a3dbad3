#pragma once

#include <algorithm>  // std::min, std::max
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include <tarc/format/storage_reader.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/transfer/fill_job.hpp>
#include <tarc/transfer/ring.hpp>
#include <tarc/transfer/staging.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// The way of a load's bytes to one device: pieces of records in file order, packed into batches that each fill a slot.
/// Small storages share a batch and are parts of one allocation laid out like it, so that one copy brings them all.
class fill_lane {
public:
    fill_lane(device d, std::span<fill_job> jobs) : device_(d), jobs_(jobs), ring_(d) {}

    [[nodiscard]] tarc::device on() const noexcept { return device_; }
    void add(std::size_t job) { mine_.push_back(job); }
    [[nodiscard]] std::size_t first() const noexcept { return mine_.front(); }

    /// Packs, and allocates everything: what does not fit is known before a byte is read.
    void start(const staging& s) {
        std::uint64_t total = 0;
        for (const std::size_t j : mine_) total += jobs_[j].from->nbytes;
        pack(slot_size(s, total));
        std::uint64_t largest = 0;
        for (const batch& b : batches_) largest = std::max(largest, b.bytes);
        for (batch& b : batches_)
            if (b.gathers) b.slab = allocate(jobs_[b.first_job], b.bytes);
        for (const std::size_t j : mine_)
            if (jobs_[j].memory && !gathered(j)) {
                jobs_[j].placed = allocate(jobs_[j], jobs_[j].from->nbytes);
                jobs_[j].to = jobs_[j].placed.data();
            }
        for (const piece& p : pieces_)
            if (batches_[p.batch].gathers)
                jobs_[p.job].placed = storage::part(batches_[p.batch].slab, p.at, jobs_[p.job].from->nbytes);
        ring_.allocate(std::min<std::uint64_t>(batches_.size(), s.slots), round_up(largest, slot_alignment));
    }

    /// The bytes of storages that have been read and checked so far.
    [[nodiscard]] std::uint64_t moved() const noexcept { return moved_; }
    /// The one that was begun last; null before the first.
    [[nodiscard]] const fill_job* last_begun() const noexcept {
        return next_ == 0 ? nullptr : &jobs_[pieces_[next_ - 1].job];
    }
    [[nodiscard]] bool done() const noexcept { return next_ == pieces_.size(); }

    /// Reads the next piece and starts its copy; false when no slot is free for it.
    bool step(const opened_file& file, bool verify, bool& wrote) {
        const piece& p = pieces_[next_];
        batch& b = batches_[p.batch];
        if (b.slot == ring::none) {
            in_flight([&] { b.slot = ring_.take(); });
            if (b.slot == ring::none) return false;
            sent_[b.slot] = p.batch;
        }
        const fill_job& job = jobs_[p.job];
        std::byte* const at = ring_.slot(b.slot) + p.at;
        at_job(job, file, [&] {
            if (p.offset == 0) reader_.emplace(file, *job.from, read_checks{verify, job.bools});
            reader_->read({at, p.bytes});
            if (!b.gathers) copy(job, p, at, wrote);
            if (--b.left == 0) {
                if (b.gathers) ring_.queue().copy_in(b.slab.data(), ring_.slot(b.slot), b.bytes);
                ring_.send(b.slot);
            }
        });
        if (reader_->left() == 0) reader_.reset();
        moved_ += p.bytes;
        ++next_;
        return true;
    }

    void finish() {
        in_flight([&] { ring_.queue().finish(); });
    }

private:
    struct piece {
        std::size_t job, batch;
        std::uint64_t offset, bytes;  // in the record
        std::uint64_t at;             // in the slot
    };
    struct batch {
        std::size_t first_job = 0, left = 0;  // pieces
        std::uint64_t bytes = 0;
        bool gathers = false;
        std::size_t slot = ring::none;
        storage slab;
    };

    static constexpr std::uint64_t small = std::uint64_t{256} << 10;  // from here on a copy of its own is as fast

    void copy(const fill_job& job, const piece& p, const std::byte* at, bool& wrote) {
        const auto start = [&](void* to, std::uint64_t begin, std::uint64_t bytes) {
            ring_.queue().copy_in(to, at + (begin - p.offset), bytes);
            wrote = true;
        };
        if (job.segments.empty()) return start(static_cast<std::byte*>(job.to) + p.offset, p.offset, p.bytes);
        for (const fill_segment& s : job.segments) {
            const std::uint64_t begin = std::max(s.begin, p.offset),
                                end = std::min(s.begin + s.bytes, p.offset + p.bytes);
            if (begin < end) start(static_cast<std::byte*>(s.to) + (begin - s.begin), begin, end - begin);
        }
    }

    [[nodiscard]] bool gathered(std::size_t j) const { return jobs_[j].memory && jobs_[j].from->nbytes <= small; }

    /// At most two batches are open at a time: one that gathers and one that takes what is large, so two slots suffice.
    void pack(std::uint64_t slot_bytes) {
        std::size_t gathering = ring::none, large = ring::none;
        for (const std::size_t j : mine_) {
            const std::uint64_t size = jobs_[j].from->nbytes;
            if (gathered(j)) {
                const bool fits = gathering != ring::none && batches_[gathering].bytes + size <= slot_bytes &&
                                  *jobs_[batches_[gathering].first_job].memory == *jobs_[j].memory;
                if (!fits) gathering = open(j, true);
                add_piece(j, gathering, 0, size);
                continue;
            }
            for (std::uint64_t offset = 0; offset < size;) {
                const std::uint64_t left = size - offset;
                std::uint64_t room = large == ring::none ? 0 : slot_bytes - std::min(slot_bytes, batches_[large].bytes);
                if (room < left)  // one copy rather than two, and whole blocks of its checksums
                    room = left <= slot_bytes ? 0 : room / slot_unit * slot_unit;
                if (room == 0) {
                    large = open(j, false);
                    room = slot_bytes;
                }
                const std::uint64_t n = std::min(left, room);
                add_piece(j, large, offset, n);
                offset += n;
            }
        }
        sent_.resize(batches_.size());
    }

    std::size_t open(std::size_t job, bool gathers) {
        batch b;
        b.first_job = job;
        b.gathers = gathers;
        batches_.push_back(std::move(b));
        return batches_.size() - 1;
    }

    void add_piece(std::size_t job, std::size_t into, std::uint64_t offset, std::uint64_t bytes) {
        batch& b = batches_[into];
        pieces_.push_back({job, into, offset, bytes, b.bytes});
        b.bytes = round_up(b.bytes + bytes, slot_alignment);
        ++b.left;
    }

    [[nodiscard]] storage allocate(const fill_job& job, std::uint64_t bytes) {
        try {
            return storage::allocate(bytes, *job.memory, ring_.queue().stream());
        } catch (const error& e) {
            throw placement_error(e, job, device_, bytes > round_up(job.from->nbytes, slot_alignment));
        }
    }

    /// Errors of work that was started before: they belong to the batch that has been under way longest.
    template <class F>
    void in_flight(F&& step) {
        const std::size_t slot = ring_.oldest();
        try {
            step();
        } catch (error& e) {
            if (slot != ring::none) e.at_field(jobs_[batches_[sent_[slot]].first_job].field);
            throw;
        }
    }

    template <class F>
    static void at_job(const fill_job& job, const opened_file& file, F&& step) {
        try {
            step();
        } catch (error& e) {
            if (const record* r = file.record_of(*job.from); e.code() == errc::device_failed && r != nullptr)
                e.in_record(r->name);
            e.at_field(job.field);
            throw;
        }
    }

    device device_;
    std::span<fill_job> jobs_;
    vec<std::size_t> mine_;
    vec<piece> pieces_;
    vec<batch> batches_;
    vec<std::size_t> sent_;  // the batch that each slot holds
    std::size_t next_ = 0;
    std::uint64_t moved_ = 0;
    std::optional<storage_reader> reader_;
    ring ring_;  // last: nothing is under way any more when the rest goes
};

}  // namespace tarc::detail
