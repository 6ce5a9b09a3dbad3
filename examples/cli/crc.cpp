#include "crc.hpp"

#include <algorithm>
#include <array>
#include <cstring>  // std::memcpy
#include <string>

#include <tarc/error.hpp>
#include <tarc/format/storage_reader.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/tensor/strided.hpp>
#include <tarc/value/tensor_of.hpp>

namespace cli {

namespace detail = tarc::detail;

void tensor_crcs::add(const tarc::entry& e) {
    const detail::node& n = *e.value.get();
    if (!index_.try_emplace(&n, jobs_.size()).second) return;
    const detail::tensor_body* t = n.kind == tarc::value_kind::tensor ? n.tensor : nullptr;
    const detail::storage_body* s = t != nullptr ? t->storage : n.storage;
    if (s != nullptr && s->live.defined() && s->live.device().type == tarc::device_type::meta) s = nullptr;
    if (e.nbytes == 0) s = nullptr;
    jobs_.push_back({s, e.dtype, t != nullptr && t->conj, t != nullptr && t->neg,
                     detail::is_contiguous(e.shape, e.strides), e.offset, e.shape, e.strides,
                     s == nullptr ? 0 : e.nbytes, 0});
}

/// By storage, and there by first byte; equal views side by side.
bool tensor_crcs::before(const job& a, const job& b) {
    if (a.storage != b.storage) return a.storage->index < b.storage->index;
    if (a.begin() != b.begin()) return a.begin() < b.begin();
    if (a.type != b.type) return a.type < b.type;
    if (a.conj != b.conj) return a.conj < b.conj;
    if (a.neg != b.neg) return a.neg < b.neg;
    if (a.contiguous != b.contiguous) return a.contiguous < b.contiguous;
    if (a.contiguous) return a.nbytes < b.nbytes;  // shapes do not matter
    const auto less = [](auto x, auto y) {
        return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
    };
    if (less(a.shape, b.shape) || less(b.shape, a.shape)) return less(a.shape, b.shape);
    return less(a.strides, b.strides);
}

void tensor_crcs::compute() {
    std::vector<job*> order;
    for (job& j : jobs_)
        if (j.storage != nullptr) order.push_back(&j);
    std::sort(order.begin(), order.end(), [](const job* a, const job* b) { return before(*a, *b); });

    std::vector<job*> distinct;
    for (job* j : order) {
        if (!distinct.empty() && same(*distinct.back(), *j)) continue;
        distinct.push_back(j);
        if (j->nbytes > room_)
            detail::raise(tarc::errc::limit_exceeded,
                          "the tensors' elements are far more than the file holds: expanded views, or compressed "
                          "zeros, of shape " +
                              detail::shape_text(j->shape) + ", for example");
        room_ -= j->nbytes;
    }
    for (std::size_t i = 0, k = 0; i < distinct.size(); i = k) {
        while (k < distinct.size() && distinct[k]->storage == distinct[i]->storage) ++k;
        storage(std::span(distinct).subspan(i, k - i));
    }
    for (std::size_t i = 1; i < order.size(); ++i)
        if (same(*order[i - 1], *order[i])) order[i]->crc = order[i - 1]->crc;
}

void tensor_crcs::storage(std::span<job* const> jobs) {
    const detail::storage_body& s = *jobs[0]->storage;
    if (s.live.defined()) {
        const std::span<const std::byte> bytes(static_cast<const std::byte*>(s.live.data()), s.live.nbytes());
        for (job* j : jobs) j->crc = view(bytes, *j);
        return;
    }
    if (std::all_of(jobs.begin(), jobs.end(), [](const job* j) { return j->plain(); })) return stream(jobs);
    std::vector<std::byte> bytes(s.nbytes);
    detail::storage_reader(file_, s).read(bytes);
    for (job* j : jobs) j->crc = view(bytes, *j);
}

void tensor_crcs::stream(std::span<job* const> jobs) {
    std::vector<job*> open;
    std::size_t next = 0;
    detail::for_each_block(file_, *jobs[0]->storage, {}, [&](std::uint64_t at, std::span<const std::byte> piece) {
        const std::uint64_t end = at + piece.size();
        while (next < jobs.size() && jobs[next]->begin() < end) open.push_back(jobs[next++]);
        std::erase_if(open, [&](job* j) {
            const std::uint64_t first = std::max(j->begin(), at), last = std::min(j->begin() + j->nbytes, end);
            j->crc = tarc::crc32(piece.subspan(first - at, last - first), j->crc);
            return j->begin() + j->nbytes <= end;
        });
    });
}

std::uint32_t tensor_crcs::view(std::span<const std::byte> bytes, const job& j) {
    const std::size_t size = tarc::size_of(j.type);
    const std::byte* const base = bytes.data() + j.begin();
    const bool flipped = j.conj || j.neg;
    alignas(16) std::array<std::byte, std::size_t{1} << 16> block;
    std::size_t filled = 0;
    std::uint32_t crc = 0;
    const auto flush = [&] {
        if (flipped) detail::negate(j.type, block.data(), filled / size, j.conj, j.neg);
        crc = tarc::crc32(std::span(block).first(filled), crc);
        filled = 0;
    };
    const auto take = [&](std::int64_t at, std::int64_t count) {
        const std::byte* from = base + static_cast<std::uint64_t>(at) * size;
        std::uint64_t n = static_cast<std::uint64_t>(count) * size;
        if (!flipped && n >= 4096) {
            flush();
            crc = tarc::crc32(std::span(from, n), crc);
            return;
        }
        while (n != 0) {
            const std::size_t part = std::min<std::uint64_t>(n, block.size() - filled);
            if (part == 4)
                std::memcpy(block.data() + filled, from, 4);  // single floats, the commonest run by far
            else
                std::memcpy(block.data() + filled, from, part);
            filled += part;
            from += part;
            n -= part;
            if (filled == block.size()) flush();
        }
    };
    if (j.contiguous)
        take(0, static_cast<std::int64_t>(j.nbytes / size));
    else
        detail::for_each_run(j.shape, j.strides, take);
    flush();
    return crc;
}

}  // namespace cli
