#pragma once

#include <libdeflate.h>
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <tarc/error.hpp>
#include <tarc/util/constant_text.hpp>
#include <tarc/util/vec.hpp>

#if defined(__x86_64__) && defined(__ELF__)
// The variants of XXH3 that pick AVX2 or AVX-512 at run time (xxh_x86dispatch.h). Whether a build of libxxhash has them
// cannot be seen from its headers, so they are weak: without them the address is null and the plain functions serve.
extern "C" {
__attribute__((weak)) XXH64_hash_t XXH3_64bits_dispatch(const void*, std::size_t);
__attribute__((weak)) XXH_errorcode XXH3_64bits_update_dispatch(XXH3_state_t*, const void*, std::size_t);
}
#endif

namespace tarc {

/// The CRC-32 of ZIP (and zlib, PNG). `seed` is the CRC of what came before.
[[nodiscard]] inline std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed = 0) {
    // An empty span may have a null pointer, which libdeflate takes as "give me the initial value".
    return bytes.empty() ? seed : libdeflate_crc32(seed, bytes.data(), bytes.size());
}

namespace detail {

/// a * b modulo the polynomial of CRC-32, bits in its reversed order.
[[nodiscard]] constexpr std::uint32_t crc_product(std::uint32_t a, std::uint32_t b) noexcept {
    std::uint32_t product = 0;
    for (std::uint32_t bit = std::uint32_t{1} << 31; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = b >> 1 ^ ((b & 1) != 0 ? 0xedb88320u : 0u);
    }
    return product;
}

/// x^(2^i) for each bit i of an exponent: one byte more is x^8.
struct crc_powers {
    std::uint32_t of[32] = {};
    constexpr crc_powers() {
        of[0] = std::uint32_t{1} << 30;
        for (int i = 1; i < 32; ++i) of[i] = crc_product(of[i - 1], of[i - 1]);
    }
};

}  // namespace detail

/// The CRC-32 of two pieces, one behind the other, from theirs: that of the first is multiplied by x^(8 * bytes), so
/// that pieces can be read by several threads. (The exponents of x repeat after 2^32 - 1.)
[[nodiscard]] constexpr std::uint32_t crc32_combine(std::uint32_t first, std::uint32_t second,
                                                    std::uint64_t second_bytes) noexcept {
    constexpr detail::crc_powers powers;
    std::uint32_t shift = std::uint32_t{1} << 31;  // 1
    for (int i = 3; second_bytes != 0; second_bytes >>= 1, ++i)
        if ((second_bytes & 1) != 0) shift = detail::crc_product(powers.of[i & 31], shift);
    return detail::crc_product(shift, first) ^ second;
}

/// XXH3-64 with seed 0, with the machine's widest vectors where the library has them.
[[nodiscard]] inline std::uint64_t xxh3(std::span<const std::byte> bytes) {
#if defined(__x86_64__) && defined(__ELF__)
    if (&XXH3_64bits_dispatch != nullptr) return XXH3_64bits_dispatch(bytes.data(), bytes.size());
#endif
    return XXH3_64bits(bytes.data(), bytes.size());
}

/// 16 lower-case hexadecimal digits, most significant first.
[[nodiscard]] inline std::string hash_text(std::uint64_t hash) {
    std::string text(16, '0');
    detail::write_hex(text.data(), hash);
    return text;
}

/// The same of bytes that come one after the other. Not thread-safe.
class xxh3_stream {
public:
    xxh3_stream() : state_(XXH3_createState()) {
        if (!state_) detail::raise(errc::out_of_memory, "no memory for the state of a hash");
        XXH3_64bits_reset(state_.get());
    }
    void append(std::span<const std::byte> bytes) {
#if defined(__x86_64__) && defined(__ELF__)
        if (&XXH3_64bits_update_dispatch != nullptr) {
            XXH3_64bits_update_dispatch(state_.get(), bytes.data(), bytes.size());
            return;
        }
#endif
        XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
    }
    /// Of all that came since the last time, and begins anew.
    [[nodiscard]] std::uint64_t take() {
        const std::uint64_t hash = XXH3_64bits_digest(state_.get());
        XXH3_64bits_reset(state_.get());
        return hash;
    }

private:
    struct free_state {
        void operator()(XXH3_state_t* state) const noexcept { XXH3_freeState(state); }
    };
    std::unique_ptr<XXH3_state_t, free_state> state_;
};

/// The XXH3-64 of every block of 1 MiB of records, the last one of a record shorter, as their bytes stream through. Not
/// thread-safe.
class block_hasher {
public:
    static constexpr std::size_t block_bytes = std::size_t{1} << 20;

    /// `last`: they end the record, and the hasher is ready for the next one.
    void append(std::span<const std::byte> bytes, bool last) {
        while (!bytes.empty()) {
            if (filled_ == 0 && (bytes.size() >= block_bytes || last)) {
                const auto block = bytes.first(bytes.size() < block_bytes ? bytes.size() : block_bytes);
                hashes_.push_back(xxh3(block));
                bytes = bytes.subspan(block.size());
                continue;
            }
            const auto part = bytes.first(bytes.size() < block_bytes - filled_ ? bytes.size() : block_bytes - filled_);
            update(part);
            bytes = bytes.subspan(part.size());
            if (filled_ == block_bytes) end_block();
        }
        if (last && filled_ != 0) end_block();
    }

    /// A whole block, or a record's last one, that was hashed elsewhere.
    void add(std::uint64_t hash) { hashes_.push_back(hash); }

    /// Of all blocks that have ended, in order; an empty record has none.
    [[nodiscard]] const detail::vec<std::uint64_t>& hashes() const noexcept { return hashes_; }

private:
    void update(std::span<const std::byte> bytes) {
        if (!state_) state_.emplace();
        state_->append(bytes);
        filled_ += bytes.size();
    }

    void end_block() {
        hashes_.push_back(state_->take());
        filled_ = 0;
    }

    std::optional<xxh3_stream> state_;
    std::size_t filled_ = 0;
    detail::vec<std::uint64_t> hashes_;
};

}  // namespace tarc
