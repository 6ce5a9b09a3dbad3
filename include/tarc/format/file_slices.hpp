#pragma once

#include <algorithm>  // std::min, std::max
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/format/storage_reader.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// Brings slices of the storages of an opened file to write_file. The first time, a storage is read and verified whole;
/// after that only what is asked for. Used by one thread at a time.
class file_slices {
public:
    /// `file` must outlive it.
    file_slices(const opened_file& file, const limits& limit) : file_(file), room_(limit.total_bytes) {}

    /// Errors: those of storage_reader; errc::limit_exceeded where compressed storages are read too often.
    void operator()(std::span<const storage_slice> all, std::size_t i, take_bytes append) {
        const storage_slice& s = all[i];
        const record* r = s.storage->in_file() ? file_.record_of(*s.storage) : nullptr;
        if (r != nullptr && r->method != 0 && file_.frames_of(*s.storage) == nullptr) {
            if (r->size > room_)
                raise(errc::limit_exceeded,
                      "storages of this file would be decompressed more than tarc::limits::total_bytes allows");
            room_ -= r->size;
        }
        const bool fresh = seen_.add(s.storage).fresh;
        storage_reader reader(file_, *s.storage, {fresh, false});
        block_.resize(std::min<std::uint64_t>(s.storage->nbytes, block_bytes));
        std::uint64_t at = 0;
        if (!fresh) {
            reader.skip(s.begin);
            at = s.begin;
        }
        const std::uint64_t last = fresh ? s.storage->nbytes : s.end;
        while (at != last) {
            const std::span<std::byte> block =
                std::span(block_).first(std::min<std::uint64_t>(last - at, block_.size()));
            reader.read(block);
            const std::uint64_t from = std::max(at, s.begin), to = std::min(at + block.size(), s.end);
            if (from < to) append(std::span<const std::byte>(block).subspan(from - at, to - from));
            at += block.size();
        }
    }

private:
    const opened_file& file_;
    std::uint64_t room_;
    address_set seen_;
    std::vector<std::byte> block_;
};

}  // namespace tarc::detail
