#pragma once

#include <algorithm>  // std::min, std::max, std::upper_bound
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>

#include <tarc/tensor/storage.hpp>
#include <tarc/transfer/drain.hpp>
#include <tarc/transfer/staging.hpp>
#include <tarc/util/team.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// A copy of the bytes of slices, one behind the other in one block of host memory: several threads copy those of the
/// host, while the caller brings those of devices.
class snapshot {
public:
    /// Says how large the block must be.
    explicit snapshot(std::span<const storage_slice> all) : all_(all) {
        std::uint64_t at = 0;
        for (const storage_slice& s : all) {
            at_.push_back(at);
            at += (s.bytes() + storage_alignment - 1) / storage_alignment * storage_alignment;
        }
        bytes_ = at;
    }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

    /// Once. `threads`: at most; 0: as many as are useful. `at_slice(i, step)` runs each step that may fail. Errors:
    /// those of the devices.
    template <class AtSlice>
    void take(storage into, const staging& s, std::size_t threads, AtSlice&& at_slice) {
        memory_ = std::move(into);
        bool devices = false;
        for (const storage_slice& b : all_) devices |= !on_host(b);
        const auto work = [&] {
            while (copy_next()) {
            }
        };
        const std::size_t most = std::max<std::uint64_t>(bytes_ / worth_a_thread, 1);
        threads = std::min(threads == 0 ? usual_threads() : threads, most);
        const team others(threads - 1, work);
        try {
            if (devices) bring_devices(s, at_slice);
        } catch (...) {
            next_ = bytes_;  // the others end soon
            throw;
        }
        work();
    }

    [[nodiscard]] std::span<const std::byte> slice(std::size_t i) const {
        return {static_cast<const std::byte*>(memory_.data()) + at_[i], all_[i].bytes()};
    }
    /// Gives the block back.
    [[nodiscard]] storage release() noexcept { return std::exchange(memory_, {}); }

private:
    static constexpr std::uint64_t piece_bytes = std::uint64_t{4} << 20;
    static constexpr std::uint64_t worth_a_thread = std::uint64_t{1} << 20;  // copied while a thread begins

    [[nodiscard]] static bool on_host(const storage_slice& s) {
        return s.bytes() == 0 || host_accessible(s.storage->live.device());
    }

    template <class AtSlice>
    void bring_devices(const staging& s, AtSlice&& at_slice) {
        drain from(all_, s);
        for (std::size_t i = 0; i < all_.size(); ++i) {
            if (on_host(all_[i])) continue;
            std::byte* to = static_cast<std::byte*>(memory_.data()) + at_[i];
            at_slice(i, [&] {
                from.bring(i, [&](std::span<const std::byte> piece) {
                    std::memcpy(to, piece.data(), piece.size());
                    to += piece.size();
                });
            });
        }
    }

    /// The next few MiB of the block; false when none are left.
    bool copy_next() noexcept {
        const std::uint64_t begin = next_.fetch_add(piece_bytes);
        if (begin >= bytes_) return false;
        const std::uint64_t end = std::min(begin + piece_bytes, bytes_);
        auto i = static_cast<std::size_t>(std::upper_bound(at_.begin(), at_.end(), begin) - at_.begin()) - 1;
        for (; i < at_.size() && end > at_[i]; ++i) {
            const storage_slice& s = all_[i];
            const std::uint64_t from = std::max(begin, at_[i]), to = std::min(end, at_[i] + s.bytes());
            if (from >= to || !on_host(s)) continue;
            std::memcpy(static_cast<std::byte*>(memory_.data()) + from,
                        static_cast<const std::byte*>(s.storage->live.data()) + s.begin + (from - at_[i]), to - from);
        }
        return true;
    }

    std::span<const storage_slice> all_;
    vec<std::uint64_t> at_;
    std::uint64_t bytes_ = 0;
    storage memory_;
    std::atomic<std::uint64_t> next_ = 0;
};

}  // namespace tarc::detail
