#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <memory>  // std::unique_ptr
#include <span>

#include <tarc/codec/codec.hpp>
#include <tarc/format/frame_table.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// Into how many planes a codec splits a storage: the bytes that make up a number of a floating-point or complex one.
[[nodiscard]] inline unsigned planes_of(const storage_slice& s, const codec& c) {
    if (!c.planes || !s.storage->type) return 1;
    const dtype_facts& f = tarc::facts(*s.storage->type);
    const bool splits = f.kind == dtype_class::floating || f.kind == dtype_class::complex;
    return splits && s.bytes() % f.swap == 0 ? f.swap : 1;
}

/// Finds out whether a storage shrinks, its frame table counted, from as few of its bytes as that takes: when those
/// have shrunk by more than all others can grow, the rest is not looked at.
class shrink_probe {
public:
    explicit shrink_probe(const codec& c) : encoder_(c.methods->encoder(c.level)) {}

    void begin(std::uint64_t size, unsigned planes) {
        planes_ = planes;
        left_ = size;
        saved_ = -record_bytes;
        shrinks_ = false;
        chunk_.clear();
    }
    /// All bytes of the storage, piece by piece.
    void append(std::span<const std::byte> bytes) {
        while (!shrinks_ && !bytes.empty()) {
            const std::size_t whole = std::min<std::uint64_t>(frame_table::usual_chunk, chunk_.size() + left_);
            const std::size_t n = std::min(bytes.size(), whole - chunk_.size());
            if (chunk_.empty() && n == whole) {
                encode(bytes.first(n));
            } else {
                chunk_.append(bytes.data(), bytes.data() + n);
            }
            left_ -= n;
            bytes = bytes.subspan(n);
            if (chunk_.size() == whole) {
                encode({chunk_.data(), chunk_.size()});
                chunk_.clear();
            }
            const auto chunks = static_cast<std::int64_t>(left_ / frame_table::usual_chunk + 1);
            shrinks_ = saved_ > (left_ == 0 ? 0 : chunks * planes_ * most_overhead);
        }
    }
    [[nodiscard]] bool shrinks() const noexcept { return shrinks_; }

private:
    static constexpr std::int64_t record_bytes = 128;                                      // in the manifest
    static constexpr std::int64_t most_overhead = 18 + std::int64_t{frame_table::digits};  // of a frame

    void encode(std::span<const std::byte> chunk) {
        packed_.clear();
        frames_.clear();
        encoded_chunk to{packed_, frames_};
        encoder_->encode(chunk, planes_, to);
        saved_ += static_cast<std::int64_t>(chunk.size()) -
                  static_cast<std::int64_t>(packed_.size() + frames_.size() * frame_table::digits);
    }

    std::unique_ptr<chunk_encoder> encoder_;
    unsigned planes_ = 1;
    std::uint64_t left_ = 0;
    std::int64_t saved_ = 0;
    bool shrinks_ = false;
    vec<std::byte> chunk_, packed_;
    vec<std::uint32_t> frames_;
};

/// Which of the slices shrink; none at all where no one does. Goes through all of them once.
[[nodiscard]] inline vec<bool> shrinking(std::span<const storage_slice> all, const codec& c, bring_slice bring) {
    vec<bool> found(all.size(), false);
    if (!c) return {};
    bool any = false;
    shrink_probe probe(c);
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i].bytes() == 0) continue;
        probe.begin(all[i].bytes(), planes_of(all[i], c));
        bring(all, i, [&](std::span<const std::byte> piece) { probe.append(piece); });
        found[i] = probe.shrinks();
        any |= found[i];
    }
    return any ? std::move(found) : vec<bool>();
}

}  // namespace tarc::detail
