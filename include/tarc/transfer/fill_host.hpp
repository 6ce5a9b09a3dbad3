#pragma once

#include <algorithm>  // std::min, std::max
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>    // std::memcpy
#include <exception>  // std::exception_ptr
#include <optional>
#include <span>

#include <tarc/format/storage_reader.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/transfer/fill_job.hpp>
#include <tarc/util/team.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// The way of a load's bytes to host memory: pieces in file order, which any number of threads take one after the
/// other. A large storage is read straight to where it goes, a few MiB a piece, and hashed block by block while these
/// are in the cache. Small ones that stand side by side in the file are read together, and those of host memory share
/// an allocation.
class fill_host {
public:
    fill_host(const opened_file& file, std::span<fill_job> jobs, bool verify)
        : file_(file), jobs_(jobs), verify_(verify) {}
    void add(std::size_t job) { mine_.push_back(job); }

    /// Cuts the work into pieces and allocates: what does not fit is known before a byte is read.
    void start() {
        for (std::size_t i = 0; i < mine_.size();) {
            const std::size_t together = gather(i);
            if (together > 1) {
                add_small(i, together);
            } else {
                at_job(jobs_[mine_[i]], [&] { add_large(i); });
            }
            i += together;
        }
    }

    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] std::size_t pieces() const noexcept { return pieces_.size(); }
    [[nodiscard]] bool wrote() const noexcept { return wrote_.load(); }
    /// The bytes of storages that have been read and checked so far.
    [[nodiscard]] std::uint64_t moved() const noexcept { return moved_.load(std::memory_order_relaxed); }
    /// One that was lately begun; null before the first.
    [[nodiscard]] const fill_job* last_begun() const noexcept {
        const std::size_t begun = std::min(next_.load(std::memory_order_relaxed), pieces_.size());
        return begun == 0 ? nullptr : &jobs_[mine_[pieces_[begun - 1].first]];
    }

    /// Reads the next piece; false when none is left, or one has failed. Any number of threads may call it at once,
    /// each with a scratch of its own.
    bool step(vec<std::byte>& scratch) noexcept {
        if (failed_.load()) return false;
        const std::size_t i = next_.fetch_add(1);
        if (i >= pieces_.size()) return false;
        piece& p = pieces_[i];
        try {
            if (p.jobs == 1)
                read_large(p);
            else
                read_small(p, scratch);
            moved_.fetch_add(p.payload, std::memory_order_relaxed);
        } catch (...) {
            p.fault = std::current_exception();
            failed_ = true;
        }
        return true;
    }

    /// Lets every thread end soon.
    void stop() noexcept { failed_ = true; }

    /// When all threads are done. Errors: that of the first piece that failed.
    void finish() {
        for (const piece& p : pieces_)
            if (p.fault) std::rethrow_exception(p.fault);
        std::uint32_t crc = 0;
        for (const piece& p : pieces_) {  // of storages in several pieces
            if (!p.in_part) continue;
            const fill_job& job = jobs_[mine_[p.first]];
            crc = p.offset == 0 ? p.crc : crc32_combine(crc, p.crc, p.bytes);
            if (p.by_crc && p.offset + p.bytes == job.from->nbytes)
                at_job(job, [&] { file_.zip()->compare_crc(*file_.record_of(*job.from), crc); });
        }
    }

private:
    static constexpr std::uint64_t piece_bytes = std::uint64_t{4} << 20;
    static constexpr std::uint64_t small = std::uint64_t{64} << 10;
    static constexpr std::uint64_t gap = 64;  // what is not wanted is not read

    struct range {
        std::uint64_t begin = 0, end = 0;
    };
    struct piece {
        std::size_t first = 0, jobs = 1;      // in mine_
        std::uint64_t offset = 0, bytes = 0;  // in the storage; of several: in the file
        std::uint64_t payload = 0;            // bytes of storages
        bool in_part = false, by_crc = false;
        std::uint32_t crc = 0;
        storage slab;  // of several
        std::exception_ptr fault;
    };

    /// All that belongs to a small storage in the file, which others may be read with.
    [[nodiscard]] std::optional<range> range_of(const fill_job& job) const {
        const storage_body& s = *job.from;
        if (!s.in_file() || s.nbytes == 0 || s.nbytes > small) return std::nullopt;
        const record* r = file_.record_of(s);
        if (r == nullptr) return range{s.at, s.at + s.nbytes};
        if (r->method != 0 || s.at != 0 || s.nbytes != r->size) return std::nullopt;
        return range{r->header_offset, file_.zip()->slot_end(*r)};
    }

    /// How many storages from the i-th on are read together.
    [[nodiscard]] std::size_t gather(std::size_t i) {
        const auto first = range_of(jobs_[mine_[i]]);
        if (!first) return 1;
        std::size_t n = 1;
        range all = *first;
        for (; i + n < mine_.size(); ++n) {
            const auto next = range_of(jobs_[mine_[i + n]]);
            if (!next || next->begin < all.end || next->begin - all.end > gap || next->end - all.begin > piece_bytes)
                break;
            all.end = next->end;
        }
        gathered_ = all;
        return n;
    }

    void add_small(std::size_t i, std::size_t n) {
        piece p;
        p.first = i;
        p.jobs = n;
        p.offset = gathered_.begin;
        p.bytes = gathered_.end - gathered_.begin;
        std::uint64_t together = 0;
        for (std::size_t k = i; k < i + n; ++k) {
            fill_job& job = jobs_[mine_[k]];
            p.payload += job.from->nbytes;
            if (shares(job))
                together += round_up(job.from->nbytes);
            else
                at_job(job, [&] { allocate(job); });
        }
        if (together != 0) at_job(jobs_[mine_[i]], [&] { p.slab = storage::allocate(together); });
        bytes_ += p.bytes;
        pieces_.push_back(std::move(p));
    }

    void add_large(std::size_t i) {
        fill_job& job = jobs_[mine_[i]];
        allocate(job);
        const storage_body& s = *job.from;
        const record* r = file_.record_of(s);
        const bool unpacks = r != nullptr && r->method != 0 && file_.frames_of(s) == nullptr;
        const bool whole = !s.in_file() || unpacks || s.nbytes <= piece_bytes;
        std::uint64_t at = 0;
        do {
            piece p;
            p.first = i;
            p.offset = at;
            p.bytes = whole ? s.nbytes : std::min(piece_bytes, s.nbytes - at);
            p.in_part = !whole;
            p.payload = p.bytes;
            at += p.bytes;
            bytes_ += p.bytes;
            pieces_.push_back(std::move(p));
        } while (at != s.nbytes);
    }

    [[nodiscard]] static std::uint64_t round_up(std::uint64_t n) {
        return (n + storage_alignment - 1) / storage_alignment * storage_alignment;
    }
    [[nodiscard]] static bool shares(const fill_job& job) { return job.memory && *job.memory == host_memory(); }
    static void allocate(fill_job& job) {
        if (!job.memory) return;
        job.placed = storage::allocate(job.from->nbytes, *job.memory);
        job.to = job.placed.data();
    }

    void read_large(piece& p) {
        const fill_job& job = jobs_[mine_[p.first]];
        at_job(job, [&] {
            storage_reader reader(file_, *job.from, {verify_, job.bools, p.in_part}, p.offset);
            if (p.bytes != 0 && !job.memory) wrote_ = true;
            reader.read({static_cast<std::byte*>(job.to) + p.offset, p.bytes});
            p.by_crc = reader.by_crc();
            p.crc = reader.crc();
        });
    }

    void read_small(piece& p, vec<std::byte>& scratch) {
        scratch.reserve(p.bytes);
        const std::span<std::byte> all(scratch.data(), p.bytes);
        at_job(jobs_[mine_[p.first]], [&] { file_.file().read(p.offset, all); });
        zip::window headers(file_.file(), p.offset, all);
        std::uint64_t at = 0;  // in the slab
        for (std::size_t k = p.first; k < p.first + p.jobs; ++k) {
            fill_job& job = jobs_[mine_[k]];
            const storage_body& s = *job.from;
            at_job(job, [&] {
                const record* r = file_.record_of(s);
                const std::uint64_t begin = r == nullptr ? s.at : file_.zip()->payload_offset(*r, headers);
                const std::span<std::byte> from = all.subspan(begin - p.offset, s.nbytes);
                if (verify_ && r != nullptr) verify(s, *r, from);
                settle_bytes(file_, s, job.bools, 0, from);
                if (shares(job)) {
                    job.placed = storage::part(p.slab, at, s.nbytes);
                    job.to = job.placed.data();
                    at += round_up(s.nbytes);
                } else if (!job.memory) {
                    wrote_ = true;
                }
                std::memcpy(job.to, from.data(), from.size());
            });
        }
    }

    void verify(const storage_body& s, const record& r, std::span<const std::byte> bytes) const {
        if (file_.facts() && file_.facts()->covers(s.record))
            file_.facts()->verify(s.record, r.name, 0, bytes);
        else if (file_.zip()->crc_computed())
            file_.zip()->compare_crc(r, crc32(bytes));
    }

    template <class F>
    static void at_job(const fill_job& job, F&& step) {
        try {
            step();
        } catch (error& e) {
            e.at_field(job.field);
            throw;
        }
    }

    const opened_file& file_;
    std::span<fill_job> jobs_;
    bool verify_;
    vec<std::size_t> mine_;
    vec<piece> pieces_;
    range gathered_;  // by the last gather()
    std::uint64_t bytes_ = 0;
    std::atomic<std::size_t> next_ = 0;
    std::atomic<std::uint64_t> moved_ = 0;
    std::atomic<bool> failed_ = false, wrote_ = false;
};

}  // namespace tarc::detail
