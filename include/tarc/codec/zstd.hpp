#pragma once

#ifndef ZSTD_STATIC_LINKING_ONLY
#define ZSTD_STATIC_LINKING_ONLY  // for the names ZSTD_c_literalCompressionMode and ZSTD_ps_enable alone
#endif
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>  // std::min, std::max
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <memory>   // std::unique_ptr
#include <span>
#include <string>

#include <tarc/codec/codec.hpp>
#include <tarc/codec/planes.hpp>
#include <tarc/error.hpp>
#include <tarc/io/checksum.hpp>

#if ZSTD_VERSION_NUMBER < 10500
#error "tarc: zstd 1.5.0 or newer is needed (literalCompressionMode is a ZSTD_paramSwitch_e from then on)"
#endif

namespace tarc::detail {

[[noreturn]] inline void raise_zstd(const char* what, std::size_t result) {
    const bool memory = ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation;
    raise(memory ? errc::out_of_memory : errc::bad_archive, std::string(what) + " (" + ZSTD_getErrorName(result) + ")");
}

/// The parts of a zstd frame (RFC 8878) that tarc writes itself: one of a single segment, which says its size, so no
/// window is needed.
struct zstd_frame {
    static constexpr std::size_t block = std::size_t{128} << 10;  // the most that a block holds
    /// A frame is at least this part of what it holds, so that tarc::limits::ratio holds for what tarc writes: empty
    /// blocks, of three bytes each, fill up the rest.
    static constexpr std::size_t least_part = 2048;

    static void put(vec<std::byte>& out, std::uint64_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
    }

    /// The bytes as they are.
    static void put_raw(vec<std::byte>& out, std::span<const std::byte> bytes) {
        put(out, ZSTD_MAGICNUMBER, 4);
        put(out, 0xa0, 1);  // a single segment, its size in four bytes
        put(out, bytes.size(), 4);
        for (std::size_t at = 0; at < bytes.size(); at += block) {
            const auto piece = bytes.subspan(at, std::min(block, bytes.size() - at));
            put(out, piece.size() << 3 | (at + piece.size() == bytes.size() ? 1u : 0u), 3);
            out.append(piece.data(), piece.data() + piece.size());
        }
    }
    static constexpr std::size_t raw_bytes(std::size_t bytes) { return 9 + (bytes + block - 1) / block * 3 + bytes; }

    /// The bytes of a frame of one raw block, without a copy; none where it is another frame.
    [[nodiscard]] static std::span<const std::byte> raw(std::span<const std::byte> frame, std::size_t bytes) {
        std::byte head[12];
        if (bytes == 0 || bytes > block || frame.size() != raw_bytes(bytes)) return {};
        const std::uint32_t magic = ZSTD_MAGICNUMBER, size = static_cast<std::uint32_t>(bytes),
                            header = static_cast<std::uint32_t>(bytes << 3 | 1);
        std::memcpy(head, &magic, 4);
        head[4] = std::byte{0xa0};
        std::memcpy(head + 5, &size, 4);
        std::memcpy(head + 9, &header, 3);
        return std::memcmp(head, frame.data(), 12) == 0 ? frame.subspan(12) : std::span<const std::byte>();
    }
};

/// Whether bytes take so few values that their Huffman code is worth it: by how often two of a sample are the same,
/// which of noise is one time in 256. In whole numbers, so that every machine finds the same.
[[nodiscard]] inline bool is_uneven(std::span<const std::byte> bytes) {
    std::uint32_t seen[2][256] = {};  // two, as one would wait for itself where neighbours are the same
    const std::size_t run = 64, step = std::max<std::size_t>(bytes.size() / 32, run);
    std::uint64_t n = 0;
    for (std::size_t at = 0; at < bytes.size(); at += step)
        for (std::size_t i = at; i < std::min(at + run, bytes.size()); ++i, ++n)
            ++seen[i % 2][std::to_integer<unsigned char>(bytes[i])];
    std::uint64_t same = 0;  // pairs, in either order
    for (std::size_t value = 0; value < 256; ++value) {
        const std::uint64_t count = std::uint64_t{seen[0][value]} + seen[1][value];
        same += count * count - count;
    }
    return same * 256 * 5 > n * (n - 1) * 6;  // a fifth more than noise, which is beyond what a sample makes of it
}

class zstd_encoder final : public chunk_encoder {
public:
    explicit zstd_encoder(int level) : context_(ZSTD_createCCtx()), level_(level) {
        if (context_ == nullptr) raise(errc::out_of_memory, "no memory for compression");
    }

    void encode(std::span<const std::byte> chunk, unsigned planes, encoded_chunk& to) override {
        if (planes == 1) return put(chunk, false, to);
        planes_.reserve(chunk.size());
        std::byte* const p = planes_.data();
        if (planes == 2) split_planes<2>(chunk, p);
        if (planes == 4) split_planes<4>(chunk, p);
        if (planes == 8) split_planes<8>(chunk, p);
        const std::size_t n = chunk.size() / planes;
        for (unsigned k = 0; k < planes; ++k) put({p + k * n, n}, true, to);
    }

private:
    struct free_context {
        void operator()(ZSTD_CCtx* c) const noexcept { ZSTD_freeCCtx(c); }
    };

    void put(std::span<const std::byte> bytes, bool plane, encoded_chunk& to) {
        const std::size_t begin = to.bytes.size();
        to.crc32 = tarc::crc32(bytes, to.crc32);
        const std::size_t packed = plane && !is_uneven(bytes) ? bytes.size() : compress(bytes, plane);
        if (packed < bytes.size()) {
            const std::size_t header = ZSTD_frameHeaderSize(packed_.data(), packed),
                              least = bytes.size() / zstd_frame::least_part;
            to.bytes.append(packed_.data(), packed_.data() + header);
            for (std::size_t size = packed; size < least; size += 3) zstd_frame::put(to.bytes, 0, 3);
            to.bytes.append(packed_.data() + header, packed_.data() + packed);
        } else {
            zstd_frame::put_raw(to.bytes, bytes);
        }
        to.frames.push_back(static_cast<std::uint32_t>(to.bytes.size() - begin));
    }

    /// Into packed_.
    std::size_t compress(std::span<const std::byte> bytes, bool plane) {
        const auto check = [](std::size_t result) {
            if (ZSTD_isError(result)) raise_zstd("zstd does not compress", result);
            return result;
        };
        ZSTD_CCtx* const c = context_.get();
        check(ZSTD_CCtx_reset(c, ZSTD_reset_session_and_parameters));
        // in a plane of exponents there is nothing to be found twice that is worth the search
        check(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, plane ? ZSTD_minCLevel() : level_));
        if (plane) check(ZSTD_CCtx_setParameter(c, ZSTD_c_literalCompressionMode, ZSTD_ps_enable));
        const std::size_t room = ZSTD_compressBound(bytes.size());
        packed_.reserve(room);
        return check(ZSTD_compress2(c, packed_.data(), room, bytes.data(), bytes.size()));
    }

    std::unique_ptr<ZSTD_CCtx, free_context> context_;
    int level_;
    vec<std::byte> planes_, packed_;  // their capacity alone is used
};

struct free_zstd_decoder {
    void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
};

class zstd_decoder final : public chunk_decoder {
public:
    zstd_decoder() : context_(ZSTD_createDCtx()) {
        if (context_ == nullptr) raise(errc::out_of_memory, "no memory for decompression");
    }

    void decode(std::span<const std::byte> packed, std::span<const std::uint32_t> frames,
                std::span<std::byte> out) override {
        if (frames.size() == 1) return decode(packed, out);
        planes_.reserve(out.size());
        const std::byte* at[8] = {};
        const std::size_t n = out.size() / frames.size();
        for (std::size_t k = 0; k < frames.size(); ++k) {
            const std::span<const std::byte> frame = packed.first(frames[k]);
            packed = packed.subspan(frames[k]);
            if (const auto raw = zstd_frame::raw(frame, n); !raw.empty()) {
                at[k] = raw.data();
                continue;
            }
            at[k] = planes_.data() + k * n;
            decode(frame, {planes_.data() + k * n, n});
        }
        if (frames.size() == 2) join_planes<2>(at, out);
        if (frames.size() == 4) join_planes<4>(at, out);
        if (frames.size() == 8) join_planes<8>(at, out);
    }

private:
    /// One frame, which holds exactly `out`.
    void decode(std::span<const std::byte> frame, std::span<std::byte> out) {
        const unsigned long long claimed = ZSTD_getFrameContentSize(frame.data(), frame.size());
        if (claimed != out.size())
            raise(errc::bad_archive, "a zstd frame does not say that it holds the " + std::to_string(out.size()) +
                                         " bytes that it should");
        // the one bit of a frame that decoders do not look at
        if ((frame[4] & std::byte{0x10}) != std::byte{0}) raise(errc::bad_archive, "a zstd frame's header is damaged");
        const std::size_t size = ZSTD_findFrameCompressedSize(frame.data(), frame.size());
        if (ZSTD_isError(size)) raise_zstd("a zstd frame is damaged", size);
        if (size != frame.size()) raise(errc::bad_archive, "bytes are hidden behind a zstd frame");
        const std::size_t made =
            ZSTD_decompressDCtx(context_.get(), out.data(), out.size(), frame.data(), frame.size());
        if (ZSTD_isError(made)) raise_zstd("a zstd frame is damaged", made);
        if (made != out.size()) raise(errc::bad_archive, "a zstd frame holds fewer bytes than it says");
    }

    std::unique_ptr<ZSTD_DCtx, free_zstd_decoder> context_;
    vec<std::byte> planes_;  // its capacity alone is used
};

class zstd_stream final : public record_decoder {
public:
    zstd_stream() : context_(ZSTD_createDCtx()) {
        if (context_ == nullptr) raise(errc::out_of_memory, "no memory for decompression");
        // what RFC 8878 asks every decoder to take; more would be memory for the asking
        static_cast<void>(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, 23));
    }

    std::size_t step(std::span<const std::byte>& packed, std::span<std::byte> out) override {
        if (packed.empty() && ended_) return 0;
        ZSTD_inBuffer in{packed.data(), packed.size(), 0};
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        const std::size_t left = ZSTD_decompressStream(context_.get(), &to, &in);
        if (ZSTD_isError(left)) {
            if (ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
                raise(errc::limit_exceeded, "its zstd frame wants a window of more than 8 MiB");
            raise_zstd("its zstd frames are damaged", left);
        }
        packed = packed.subspan(in.pos);
        ended_ = left == 0;
        return to.pos;
    }
    [[nodiscard]] bool ended() const noexcept override { return ended_; }

private:
    std::unique_ptr<ZSTD_DCtx, free_zstd_decoder> context_;
    bool ended_ = true;
};

inline constexpr codec_methods zstd_methods{
    "zstd", 93, [](int level) -> std::unique_ptr<chunk_encoder> { return std::make_unique<zstd_encoder>(level); },
    []() -> std::unique_ptr<chunk_decoder> { return std::make_unique<zstd_decoder>(); },
    []() -> std::unique_ptr<record_decoder> { return std::make_unique<zstd_stream>(); }};

inline const bool zstd_registered = register_codec(zstd_methods);

}  // namespace tarc::detail

namespace tarc {

/// Compresses the storages of an archive, for cold storage: `tarc::save(x, "x.pt", {.codec = tarc::zstd{}})`. PyTorch
/// refuses such a file; `tarc convert` makes one for it. Whoever includes this header can also read such archives.
///
/// Storages are cut into chunks of 256 KiB, each coded apart from the others, so that threads decode one storage
/// together and a partial load reads only the chunks it needs. In each chunk the bytes of floating-point and complex
/// numbers are split into planes (their first bytes, their second bytes, ...), and each plane is a zstd frame: those of
/// exponents Huffman-coded, those that do not shrink as they are. Were planes split over the whole storage instead, a
/// part of it would need reads in as many places as an element has bytes.
struct zstd {
    /// Of what is not split into planes; ZSTD_minCLevel() to ZSTD_maxCLevel(). Planes are Huffman-coded whatever the
    /// level, as a search for matches makes them both larger and slower.
    int level = 1;
    /// Split floating-point and complex numbers into planes.
    bool planes = true;
    /// That compress; 0: as many as the library finds useful. The bytes do not depend on it.
    std::size_t threads = 0;

    operator codec() const {
        if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel())
            detail::raise(errc::invalid_argument, "zstd has levels from " + std::to_string(ZSTD_minCLevel()) + " to " +
                                                      std::to_string(ZSTD_maxCLevel()) + ", not " +
                                                      std::to_string(level));
        return {&detail::zstd_methods, level, planes, threads};
    }
};

}  // namespace tarc
