#pragma once

#include <libdeflate.h>

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <memory>  // std::unique_ptr
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tarc/codec/codec.hpp>
#include <tarc/container/inflate_front.hpp>
#include <tarc/container/zip_directory.hpp>
#include <tarc/container/zip_layout.hpp>
#include <tarc/error.hpp>
#include <tarc/io/source.hpp>
#include <tarc/limits.hpp>

namespace tarc::detail::zip {

/// What a record holds, as it stands in the file or unpacked; nothing is compared with a checksum. Its bytes begin at
/// `at`, which was checked. Thread-safe. Errors: errc::bad_archive, unsupported, limit_exceeded, truncated, io.
class record_content {
public:
    /// Errors: errc::bad_archive and errc::limit_exceeded for a record that claims to grow out of proportion, before
    /// anything is allocated.
    record_content(source& file, const record& r, std::uint64_t at, const limits& bounds)
        : file_(file), record_(r), at_(at), most_(bounds.total_bytes) {
        check_ratio(bounds.ratio);
    }

    /// Bytes before decompression. Errors: errc::out_of_range.
    void read_packed(std::uint64_t offset, std::span<std::byte> out) const {
        if (offset > record_.stored_size || out.size() > record_.stored_size - offset)
            fail(errc::out_of_range,
                 std::to_string(out.size()) + " bytes are wanted, but the record has only " +
                     std::to_string(record_.stored_size),
                 offset);
        file_.read(at_ + offset, out);
    }

    [[nodiscard]] std::vector<std::byte> all() const {
        if (record_.size > most_)
            fail(errc::limit_exceeded, std::to_string(record_.size) + " bytes are more than limits::total_bytes allows",
                 0);
        std::vector<std::byte> bytes;
        if (record_.method == stored) {
            bytes.resize(record_.size);
            file_.read(at_, bytes);
        } else if (record_.method == deflated) {
            std::vector<std::byte> packed(record_.stored_size);
            file_.read(at_, packed);
            bytes = inflate(packed);
        } else {
            bytes.reserve(record_.size);
            unpack(record_.size,
                   [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); });
        }
        return bytes;
    }

    /// The first `bytes`, or all of a shorter record. No more is unpacked than that, as a rule.
    [[nodiscard]] std::vector<std::byte> front(std::size_t bytes) const {
        bytes = std::min<std::uint64_t>(bytes, record_.size);
        std::vector<std::byte> front;
        if (record_.method == stored) {
            front.resize(bytes);
            read_packed(0, front);
        } else if (record_.method == zip::zstd) {
            unpack(bytes,
                   [&](std::span<const std::byte> part) { front.insert(front.end(), part.begin(), part.end()); });
        } else {
            std::vector<std::byte> packed(std::min<std::uint64_t>(record_.stored_size, 2 * bytes + 4096));
            read_packed(0, packed);
            if (auto made = front_inflater::run(packed, bytes)) return std::move(*made);
            front = all();
            front.resize(bytes);
        }
        return front;
    }

    /// Calls `f(bytes)` with `piece_bytes` at a time, in order, the last ones fewer. In constant memory, but for
    /// DEFLATE.
    template <class F>
    void for_each_piece(std::size_t piece_bytes, F&& f) const {
        const auto cut = [&](std::span<const std::byte> bytes) {
            for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece_bytes, bytes.size())))
                f(bytes.first(std::min(piece_bytes, bytes.size())));
        };
        if (record_.method == deflated) return cut(all());
        std::vector<std::byte> piece;
        if (record_.method == stored) {
            for (std::uint64_t at = 0; at < record_.size; at += piece.size()) {
                piece.resize(std::min<std::uint64_t>(piece_bytes, record_.size - at));
                file_.read(at_ + at, piece);
                f(std::span<const std::byte>(piece));
            }
            return;
        }
        unpack(record_.size, [&](std::span<const std::byte> part) {
            while (!part.empty()) {
                const std::size_t n = std::min(part.size(), piece_bytes - piece.size());
                piece.insert(piece.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
                part = part.subspan(n);
                if (piece.size() < piece_bytes) continue;
                f(std::span<const std::byte>(piece));
                piece.clear();
            }
        });
        if (!piece.empty()) f(std::span<const std::byte>(piece));
    }

    /// What decodes it. Errors: errc::unsupported.
    [[nodiscard]] const codec_methods& codec() const {
        if (const codec_methods* c = find_codec(record_.method)) return *c;
        fail(errc::unsupported,
             "it is compressed with zstd (ZIP method 93), which this program was built without -- include "
             "<tarc/codec/zstd.hpp> and link the CMake target tarc::zstd",
             0);
    }

private:
    /// No DEFLATE stream grows more than 1032-fold.
    void check_ratio(std::uint64_t most) const {
        const std::uint64_t packed = record_.stored_size;
        if (record_.method == stored) return;
        if (record_.method == deflated && record_.size / 1032 > packed)
            fail(errc::bad_archive,
                 std::to_string(packed) + " bytes of DEFLATE cannot hold the " + std::to_string(record_.size) +
                     " bytes claimed",
                 0);
        if (packed != 0 ? record_.size / packed > most : record_.method == zip::zstd && record_.size != 0)
            fail(errc::limit_exceeded, "it grows more than limits::ratio allows", 0);
    }

    /// The first `wanted` bytes of a compressed record in parts; its size and end are checked where that is all of it.
    template <class F>
    void unpack(std::uint64_t wanted, F&& take) const {
        const record& r = record_;
        const auto decoder = codec().stream();
        constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 18;
        std::vector<std::byte> packed(std::min(r.stored_size, piece_bytes)), piece(std::min(r.size, piece_bytes) + 1);
        std::span<const std::byte> rest;
        std::uint64_t read = 0, made = 0;
        while (made < wanted || wanted == r.size) {
            if (rest.empty() && read != r.stored_size) {
                const std::span<std::byte> next = std::span(packed).first(std::min(r.stored_size - read, piece_bytes));
                read_packed(read, next);
                read += next.size();
                rest = next;
            }
            const std::size_t left = rest.size();
            std::size_t n = 0;
            try {
                n = decoder->step(rest, piece);
            } catch (error& e) {
                throw std::move(e.in_archive(file_.name()).in_record(r.name).at_offset(read - rest.size()));
            }
            if (n > r.size - made)
                fail(errc::bad_archive, "it unpacks to more bytes than it claims", read - rest.size());
            const std::size_t use = std::min<std::uint64_t>(n, wanted - made);
            if (use != 0) take(std::span<const std::byte>(piece).first(use));
            made += n;
            if (n != 0 || rest.size() != left) continue;
            if (read == r.stored_size && decoder->ended() && made == r.size) return;
            fail(errc::bad_archive,
                 decoder->ended() ? "it unpacks to fewer bytes than it claims" : "its compressed bytes end too early",
                 read);
        }
    }

    [[nodiscard]] std::vector<std::byte> inflate(std::span<const std::byte> packed) const {
        const record& r = record_;
        struct release {
            void operator()(libdeflate_decompressor* d) const noexcept { libdeflate_free_decompressor(d); }
        };
        const std::unique_ptr<libdeflate_decompressor, release> inflater(libdeflate_alloc_decompressor());
        if (!inflater) fail(errc::out_of_memory, "no memory for decompression", 0);
        std::vector<std::byte> bytes(r.size);
        std::byte none{};  // libdeflate wants a pointer even where there is nothing to write
        std::size_t used = 0, made = 0;
        const auto result =
            libdeflate_deflate_decompress_ex(inflater.get(), packed.data(), packed.size(),
                                             bytes.empty() ? &none : bytes.data(), bytes.size(), &used, &made);
        if (result != LIBDEFLATE_SUCCESS || made != r.size) {
            fail(errc::bad_archive,
                 result == LIBDEFLATE_INSUFFICIENT_SPACE ? "it inflates to more bytes than it claims"
                 : result == LIBDEFLATE_SUCCESS          ? "it inflates to fewer bytes than it claims"
                                                         : "its DEFLATE stream is damaged",
                 0);
        }
        if (used != packed.size()) fail(errc::bad_archive, "bytes are hidden behind its DEFLATE stream", used);
        return bytes;
    }

    /// `offset` in the record.
    [[noreturn]] void fail(errc code, std::string message, std::uint64_t offset) const {
        error e(code, std::move(message));
        throw std::move(e.in_archive(file_.name()).in_record(record_.name).at_offset(offset));
    }

    source& file_;
    const record& record_;
    std::uint64_t at_, most_;
};

}  // namespace tarc::detail::zip
