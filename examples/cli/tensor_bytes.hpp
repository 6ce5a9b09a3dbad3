#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/format/opened_file.hpp>

namespace cli {

/// A tensor as elements of a storage of its file. The spans live as long as the entry that it was made of.
struct tensor_view {
    explicit tensor_view(const tarc::entry& e);

    const tarc::detail::storage_body* storage;  // null: there are no bytes to read
    tarc::dtype type;
    bool conj = false, neg = false;
    bool meta = false;  // there are elements, but their bytes are not in the file
    std::int64_t offset;
    std::span<const std::int64_t> shape, strides;
    std::uint64_t nbytes;  // of the logical elements

    friend bool operator==(const tensor_view& x, const tensor_view& y) {
        return x.storage == y.storage && x.type == y.type && x.conj == y.conj && x.neg == y.neg && x.meta == y.meta &&
               x.offset == y.offset && std::equal(x.shape.begin(), x.shape.end(), y.shape.begin(), y.shape.end()) &&
               std::equal(x.strides.begin(), x.strides.end(), y.strides.begin(), y.strides.end());
    }
};

/// The elements of one tensor after another, as PyTorch has them: in row-major order, conjugated and negated where it
/// would. All bytes are verified. A storage is held in memory as a whole, the last one that was asked for; a great one
/// is not where the tensor's elements stand in it side by side as they are.
class tensor_bytes {
public:
    /// `most`: bytes of storages that may be read; views can ask for one storage any number of times.
    tensor_bytes(const tarc::detail::opened_file& file, std::uint64_t most)
        : file_(file), room_(most), verified_(file.values()->storages().size()) {}

    /// Begins with a tensor that has a storage. Errors: errc::checksum_mismatch, errc::limit_exceeded, errc::io, …
    void open(const tensor_view& v);
    /// The next elements. Errors: errc::io.
    void read(std::span<std::byte> out);

private:
    void begin(const tensor_view& v);
    void spend(std::uint64_t bytes);
    void hold(const tarc::detail::storage_body& s);
    void step();

    const tarc::detail::opened_file& file_;
    std::uint64_t room_;
    std::vector<bool> verified_;
    const tarc::detail::storage_body* held_ = nullptr;
    std::vector<std::byte> bytes_;  // of held_

    const tensor_view* view_ = nullptr;
    std::uint64_t next_ = 0;  // in the file, of a tensor that is not held; else in the storage
    bool in_file_ = false;
    std::vector<std::int64_t> index_;  // of the next element, where they do not stand side by side
};

}  // namespace cli
