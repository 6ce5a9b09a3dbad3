#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/io/checksum.hpp>

namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> noise(std::size_t size) {
    std::vector<std::byte> bytes(size);
    std::uint64_t state = 88172645463325252u;
    for (std::byte& b : bytes) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        b = static_cast<std::byte>(state);
    }
    return bytes;
}

}  // namespace

TEST_CASE("CRC-32 has the published check value, and goes on from a seed") {
    CHECK(tarc::crc32(bytes_of("123456789")) == 0xCBF43926u);
    CHECK(tarc::crc32(bytes_of("6789"), tarc::crc32(bytes_of("12345"))) == 0xCBF43926u);
    CHECK(tarc::crc32({}) == 0);
    CHECK(tarc::crc32({}, 0xCBF43926u) == 0xCBF43926u);
}

TEST_CASE("CRC-32 of two pieces is that of both together, at every length") {
    std::vector<std::byte> all(5000);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::byte>(i * i * 31 + 7);
    const std::uint32_t whole = tarc::crc32(all);
    for (std::size_t cut = 0; cut <= all.size(); cut += cut < 300 ? 1 : 97) {
        const std::span<const std::byte> a = std::span(all).first(cut), b = std::span(all).subspan(cut);
        CHECK(tarc::crc32_combine(tarc::crc32(a), tarc::crc32(b), b.size()) == whole);
    }
    // lengths that no test has memory for: adding n zeros one after the other is adding them at once
    std::uint32_t crc = 0x12345678;
    const std::vector<std::byte> zeros(1 << 20);
    for (int i = 0; i < 16; ++i) crc = tarc::crc32_combine(crc, tarc::crc32(zeros), zeros.size());
    CHECK(crc == tarc::crc32_combine(0x12345678, tarc::crc32(std::vector<std::byte>(16 << 20)), 16 << 20));
    static_assert(tarc::crc32_combine(0xcbf43926, 0, 0) == 0xcbf43926);
}

TEST_CASE("XXH3-64 has the values of the specification") {
    CHECK(tarc::xxh3({}) == 0x2D06800538D394C2u);  // xxHash doc/xxhash_spec.md and its self test, seed 0
    CHECK(tarc::hash_text(0x2D06800538D394C2u) == "2d06800538d394c2");
    CHECK(tarc::hash_text(1) == "0000000000000001");
}

TEST_CASE("the run-time choice of vectors does not change a hash") {
    const auto data = noise(3000);
    for (std::size_t size = 0; size <= data.size(); size += size < 300 ? 1 : 97) {
        const auto part = std::span(data).first(size);
        REQUIRE(tarc::xxh3(part) == XXH3_64bits(part.data(), part.size()));
    }
}

TEST_CASE("block_hasher: one hash a block, however the bytes come") {
    const std::size_t block = tarc::block_hasher::block_bytes;
    for (const std::size_t size : {std::size_t{1}, block - 1, block, block + 1, 2 * block, 2 * block + 77}) {
        const auto data = noise(size);
        std::vector<std::uint64_t> expected;
        for (std::size_t at = 0; at < size; at += block)
            expected.push_back(tarc::xxh3(std::span(data).subspan(at, std::min(block, size - at))));
        for (const std::size_t piece : {size, std::size_t{4096}, std::size_t{99991}, block, block + 13}) {
            tarc::block_hasher hasher;
            const auto is_expected = [&](std::size_t from) {
                return std::vector<std::uint64_t>(hasher.hashes().begin() + from, hasher.hashes().end()) == expected;
            };
            for (std::size_t at = 0; at < size; at += piece)
                hasher.append(std::span(data).subspan(at, std::min(piece, size - at)), at + piece >= size);
            CHECK(is_expected(0));
            hasher.append(data, true);  // the next record
            CHECK(is_expected(expected.size()));
        }
    }
}

TEST_CASE("block_hasher: an empty record has no block") {
    tarc::block_hasher hasher;
    hasher.append({}, true);
    CHECK(hasher.hashes().empty());
}
