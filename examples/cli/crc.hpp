#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/format/opened_file.hpp>

namespace cli {

/// The CRC-32 of tensors' logical elements: in row-major order, conjugated and negated where PyTorch would,
/// little-endian. Every storage is read, and verified, once: in blocks of 1 MiB where all its views are contiguous,
/// else as a whole.
class tensor_crcs {
public:
    /// `most`: bytes of elements, all tensors together. A view that repeats one element has more of them than any file.
    tensor_crcs(const tarc::detail::opened_file& file, std::uint64_t most) : file_(file), room_(most) {}

    void add(const tarc::entry& e);
    /// Errors: errc::checksum_mismatch, errc::limit_exceeded, errc::io.
    void compute();
    [[nodiscard]] std::uint32_t of(const tarc::entry& e) const { return jobs_[index_.at(e.value.get())].crc; }

private:
    struct job {
        const tarc::detail::storage_body* storage;  // null: nothing to read
        tarc::dtype type;
        bool conj, neg, contiguous;
        std::int64_t offset;
        std::span<const std::int64_t> shape, strides;
        std::uint64_t nbytes;
        std::uint32_t crc;

        [[nodiscard]] std::uint64_t begin() const { return static_cast<std::uint64_t>(offset) * tarc::size_of(type); }
        [[nodiscard]] bool plain() const { return contiguous && !conj && !neg; }
    };

    static bool before(const job& a, const job& b);
    static bool same(const job& a, const job& b) { return !before(a, b) && !before(b, a); }
    void storage(std::span<job* const> jobs);
    void stream(std::span<job* const> jobs);
    static std::uint32_t view(std::span<const std::byte> bytes, const job& j);

    const tarc::detail::opened_file& file_;
    std::uint64_t room_;
    std::vector<job> jobs_;
    std::unordered_map<const tarc::detail::node*, std::size_t> index_;
};

}  // namespace cli
