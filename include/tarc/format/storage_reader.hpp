#pragma once

#include <algorithm>  // std::min, std::reverse
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/format/frame_reader.hpp>
#include <tarc/format/opened_file.hpp>

namespace tarc::detail {

/// Errors: errc::bad_tensor when a byte is neither 0 nor 1, which no bool may be. `at` is where the bytes stand in the
/// record.
inline void require_bools(std::span<const std::byte> bytes, std::string_view record, std::uint64_t at) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] > std::byte{1})
            raise_at(
                errc::bad_tensor,
                "a byte of a bool tensor is " + std::to_string(std::to_integer<int>(bytes[i])) + ", neither 0 nor 1",
                record, at + i);
}

/// What a reader of storages checks on the way.
struct read_checks {
    bool verify = true;    ///< every byte against its checksum
    bool bools = false;    ///< every byte must be 0 or 1
    bool in_part = false;  ///< a CRC-32 is not compared, but combined with those of the other parts by the caller
};

/// Brings bytes as the file has them into this machine's order, and checks bools. `at` is their place in the storage.
inline void settle_bytes(const opened_file& file, const storage_body& s, bool bools, std::uint64_t at,
                         std::span<std::byte> bytes) {
    for (std::size_t i = 0, n = s.swap; n > 1 && i + n <= bytes.size(); i += n)
        std::reverse(bytes.data() + i, bytes.data() + i + n);
    if (bools) require_bools(bytes, file.record_name(s), at);
}

/// The bytes of one storage of a file, from first to last, in this machine's byte order. What read() gives has passed
/// its XXH3, where the archive has one; else the record's CRC-32 is compared with the last byte, so what was done with
/// the bytes before is void when that read throws. Used by one thread at a time; any number of readers of one file may
/// work at once.
class storage_reader {
public:
    /// From the byte `at` on, a multiple of block_bytes. `file` and `s` must outlive the reader. Errors:
    /// errc::bad_archive, errc::unsupported; for a compressed record without a frame table, which is unpacked here,
    /// those of read() too.
    storage_reader(const opened_file& file, const storage_body& s, read_checks checks = {}, std::uint64_t at = 0)
        : file_(file), body_(s), checks_(checks), size_(s.nbytes), at_(at) {
        if (!s.in_file()) {
            bytes_ = {static_cast<const std::byte*>(s.live.data()), s.nbytes};
            return;
        }
        record_ = file.record_of(s);
        if (record_ == nullptr) return;
        by_block_ = checks.verify && s.at == 0 && file.facts() && file.facts()->covers(s.record);
        by_crc_ = checks.verify && !by_block_ && file.zip()->crc_computed();
        if (const frame_table* table = file.frames_of(s)) {
            by_crc_ = false;
            frames_.emplace(*file.zip(), *record_, *table);
        } else if (record_->method != 0) {
            by_crc_ = false;
            inflated_ = file.zip()->read(*record_, checks.verify);
            bytes_ = std::span<const std::byte>(inflated_).subspan(s.at);
        } else if (record_->size == 0) {
            file.zip()->check(*record_);
        } else if (by_crc_ && s.at != 0 && at == 0) {  // the CRC-32 is that of the whole record
            std::vector<std::byte> before(s.at);
            file.zip()->read_into(*record_, 0, before);
            crc_ = crc32(before);
        }
    }
    storage_reader(const storage_reader&) = delete;
    storage_reader& operator=(const storage_reader&) = delete;

    [[nodiscard]] std::uint64_t left() const noexcept { return size_ - at_; }

    /// Fills `out`, which is a multiple of block_bytes long, or left() at most. Errors: errc::checksum_mismatch,
    /// errc::io, errc::truncated, errc::bad_archive, errc::bad_tensor.
    void read(std::span<std::byte> out) {
        while (!out.empty()) {
            const std::span<std::byte> block = out.first(std::min<std::uint64_t>(out.size(), block_bytes));
            read_block(block);
            out = out.subspan(block.size());
        }
    }

    /// Whether the bytes have no other checksum than the record's CRC-32, and the CRC-32 of those that were read.
    [[nodiscard]] bool by_crc() const noexcept { return by_crc_; }
    [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }

    /// Leaves out the next bytes, whole elements. Not for a reader that verifies.
    void skip(std::uint64_t bytes) { at_ += bytes; }

private:
    // What is read and then hashed: with the file's copy of it, it stays in the cache of a core.
    static constexpr std::uint64_t step_bytes = std::uint64_t{128} << 10;

    void read_block(std::span<std::byte> block) {
        const bool in_steps = by_block_ && block.size() > step_bytes && !frames_;
        if (in_steps && !hash_) hash_.emplace();
        for (std::span<std::byte> rest = block; !rest.empty();) {
            const std::span<std::byte> step =
                frames_ ? rest : rest.first(std::min<std::uint64_t>(rest.size(), step_bytes));
            read_bytes(body_.at + at_ + (block.size() - rest.size()), step);
            if (in_steps) hash_->append(step);
            if (by_crc_) crc_ = crc32(step, crc_);
            rest = rest.subspan(step.size());
        }
        if (by_block_)
            file_.facts()->compare(body_.record, record_->name, at_ / block_bytes,
                                   in_steps ? hash_->take() : xxh3(block));
        if (by_crc_ && !checks_.in_part && at_ + block.size() == size_) file_.zip()->compare_crc(*record_, crc_);
        settle_bytes(file_, body_, checks_.bools, at_, block);
        at_ += block.size();
    }

    void read_bytes(std::uint64_t at, std::span<std::byte> out) {
        if (bytes_.data() != nullptr) {
            std::memcpy(out.data(), bytes_.data() + (at - body_.at), out.size());
        } else if (frames_) {
            frames_->read(at, out);
        } else if (record_ != nullptr) {
            file_.zip()->read_into(*record_, at, out);
        } else {
            file_.file().read(at, out);
        }
    }

    const opened_file& file_;
    const storage_body& body_;
    read_checks checks_;
    std::vector<std::byte> inflated_;
    std::span<const std::byte> bytes_;  // of what is in memory already
    std::optional<frame_reader> frames_;
    std::optional<xxh3_stream> hash_;
    std::uint64_t size_, at_;
    const record* record_ = nullptr;
    std::uint32_t crc_ = 0;
    bool by_block_ = false, by_crc_ = false;
};

/// The whole of a storage, block by block through a scratch: `use(offset, bytes)` gets at most 1 MiB. Errors: those of
/// storage_reader.
template <class Use>
void for_each_block(const opened_file& file, const storage_body& s, read_checks checks, Use&& use) {
    storage_reader reader(file, s, checks);
    std::vector<std::byte> scratch(std::min<std::uint64_t>(reader.left(), block_bytes));
    for (std::uint64_t at = 0; reader.left() != 0;) {
        const std::span<std::byte> block =
            std::span(scratch).first(std::min<std::uint64_t>(reader.left(), scratch.size()));
        reader.read(block);
        use(at, std::span<const std::byte>(block));
        at += block.size();
    }
}

}  // namespace tarc::detail
