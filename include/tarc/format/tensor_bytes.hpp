#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/tensor/strided.hpp>
#include <tarc/value/node.hpp>
#include <tarc/value/storage_slice.hpp>
#include <tarc/value/tensor_of.hpp>

namespace tarc::detail {

/// What a tensor's elements take without the gaps and repetitions of its strides. Errors: errc::out_of_range.
[[nodiscard]] inline std::uint64_t dense_bytes(const tensor_body& b) {
    return checked_mul(static_cast<std::uint64_t>(count_elements(b.shape)), size_of(b.type), "the size of a tensor");
}

/// The bytes of its storage from a tensor's first element to its last. Errors: errc::unsavable for a tensor without
/// bytes; errc::bad_tensor.
[[nodiscard]] inline storage_slice slice_of(const tensor_body& b) {
    const storage_body* s = b.storage;
    if (b.meta || s == nullptr || (s->live.defined() && s->live.device().type == device_type::meta))
        raise(errc::unsavable, "the tensor is on meta and has no bytes to save");
    if (!s->live.defined() && !s->in_file())
        raise(errc::unsavable,
              "the tensor's bytes were never loaded from their archive -- load the value through it first");
    const auto extent = static_cast<std::uint64_t>(extent_of(b.shape, b.strides));
    if (extent == 0) return {s, 0, 0};
    const std::uint64_t size = size_of(b.type);
    const std::uint64_t begin = checked_mul(static_cast<std::uint64_t>(b.offset), size, "an offset"),
                        end = checked_add(begin, checked_mul(extent, size, "an extent"), "an extent");
    if (end > s->nbytes) raise(errc::bad_tensor, "the tensor reaches past the end of its storage");
    return {s, begin, end};
}

/// The elements of a tensor in row-major order, from the bytes of its slice; lazy conjugation and negation are carried
/// out.
inline void append_elements(const tensor_body& b, std::span<const std::byte> slice, take_bytes append) {
    constexpr std::size_t most = std::size_t{1} << 20;  // a multiple of the size of every dtype
    const std::size_t size = size_of(b.type);
    std::vector<std::byte> dense(std::min<std::uint64_t>(dense_bytes(b), most));
    std::size_t filled = 0;
    const auto flush = [&] {
        negate(b.type, dense.data(), filled / size, b.conj, b.neg);
        append(std::span<const std::byte>(dense).first(filled));
        filled = 0;
    };
    for_each_run(b.shape, b.strides, [&](std::int64_t first, std::int64_t count) {
        const std::byte* from = slice.data() + static_cast<std::size_t>(first) * size;
        for (std::size_t left = static_cast<std::size_t>(count) * size; left != 0;) {
            const std::size_t n = std::min(left, dense.size() - filled);
            std::memcpy(dense.data() + filled, from, n);
            filled += n;
            from += n;
            left -= n;
            if (filled == dense.size()) flush();
        }
    });
    if (filled != 0) flush();
}

/// Brings the elements of a tensor in row-major order; `bring(append)` brings the bytes of its slice, which are held in
/// memory where they are not the elements as they stand.
template <class Bring>
void bring_elements(const tensor_body& b, const storage_slice& s, Bring&& bring, take_bytes append) {
    if (is_contiguous(b.shape, b.strides) && !b.conj && !b.neg) return bring(append);
    std::vector<std::byte> all;
    const auto collect = [&](std::span<const std::byte> piece) {
        if (piece.size() == s.bytes()) return append_elements(b, piece, append);
        all.insert(all.end(), piece.begin(), piece.end());
    };
    bring(take_bytes(collect));
    if (!all.empty()) append_elements(b, all, append);
}

}  // namespace tarc::detail
