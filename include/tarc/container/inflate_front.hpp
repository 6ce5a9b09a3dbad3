#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace tarc::detail {

/// The beginning of what a DEFLATE stream holds (RFC 1951). libdeflate inflates whole streams only; this is for the few
/// bytes that tell what a stream is, and slow.
class front_inflater {
public:
    /// `packed` may be the beginning of a stream. None where that does not give `wanted` bytes, or is damaged.
    [[nodiscard]] static std::optional<std::vector<std::byte>> run(std::span<const std::byte> packed,
                                                                   std::size_t wanted) {
        front_inflater f(packed, wanted);
        if (!f.inflate()) return std::nullopt;
        return std::move(f.out_);
    }

private:
    static constexpr int most_bits = 15, most_symbols = 288;

    /// A canonical code: how many symbols there are of each length, and the symbols in order of their codes.
    struct huffman {
        std::uint16_t count[most_bits + 1] = {}, symbol[most_symbols] = {};

        huffman(const std::uint8_t* lengths, int n) {
            for (int s = 0; s < n; ++s) ++count[lengths[s]];
            count[0] = 0;
            std::uint16_t at[most_bits + 2] = {};
            for (int l = 1; l <= most_bits; ++l) at[l + 1] = static_cast<std::uint16_t>(at[l] + count[l]);
            for (int s = 0; s < n; ++s)
                if (lengths[s] != 0) symbol[at[lengths[s]]++] = static_cast<std::uint16_t>(s);
        }
    };

    front_inflater(std::span<const std::byte> packed, std::size_t wanted) : packed_(packed), wanted_(wanted) {}

    /// Past the end, bits are 0 and `failed_` is set.
    unsigned bits(int n) {
        unsigned value = 0;
        for (int i = 0; i < n; ++i, ++at_) {
            if (at_ / 8 >= packed_.size()) {
                failed_ = true;
                return 0;
            }
            value |= (std::to_integer<unsigned>(packed_[at_ / 8]) >> (at_ % 8) & 1u) << i;
        }
        return value;
    }

    /// A symbol, or -1.
    int decode(const huffman& h) {
        int code = 0, first = 0, index = 0;
        for (int l = 1; l <= most_bits; ++l) {
            code |= static_cast<int>(bits(1));
            if (code - first < h.count[l]) return failed_ ? -1 : h.symbol[index + code - first];
            index += h.count[l];
            first = (first + h.count[l]) << 1;
            code <<= 1;
        }
        return -1;
    }

    [[nodiscard]] bool done() const { return out_.size() == wanted_; }

    bool inflate() {
        while (!done()) {
            const bool last = bits(1) != 0;
            const unsigned kind = bits(2);
            const bool good = kind == 0 ? stored() : kind == 1 ? fixed() : kind == 2 ? dynamic() : false;
            if (!good || failed_ || (last && !done())) return false;
        }
        return true;
    }

    bool stored() {
        at_ = (at_ + 7) / 8 * 8;
        const unsigned n = bits(16), complement = bits(16);
        if (failed_ || n != (~complement & 0xffffu)) return false;
        const std::size_t take = std::min<std::size_t>(n, wanted_ - out_.size());
        if (take > packed_.size() - at_ / 8) return false;
        const auto from = packed_.subspan(at_ / 8, take);
        out_.insert(out_.end(), from.begin(), from.end());
        at_ += std::size_t{n} * 8;
        return true;
    }

    bool fixed() {
        std::uint8_t lengths[most_symbols + 30];
        for (int s = 0; s < most_symbols; ++s)
            lengths[s] = static_cast<std::uint8_t>(s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8);
        std::fill(lengths + most_symbols, lengths + most_symbols + 30, std::uint8_t{5});
        return codes(huffman(lengths, most_symbols), huffman(lengths + most_symbols, 30));
    }

    bool dynamic() {
        constexpr int order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
        const int literals = static_cast<int>(bits(5)) + 257, distances = static_cast<int>(bits(5)) + 1,
                  coded = static_cast<int>(bits(4)) + 4;
        if (failed_ || literals > 286 || distances > 30) return false;
        std::uint8_t lengths[286 + 30] = {};
        for (int i = 0; i < coded; ++i) lengths[order[i]] = static_cast<std::uint8_t>(bits(3));
        const huffman code_lengths(lengths, 19);
        std::fill(lengths, lengths + 19, std::uint8_t{0});
        for (int i = 0; i < literals + distances;) {
            const int symbol = decode(code_lengths);
            if (symbol < 0) return false;
            if (symbol < 16) {
                lengths[i++] = static_cast<std::uint8_t>(symbol);
                continue;
            }
            if (symbol == 16 && i == 0) return false;
            const std::uint8_t repeated = symbol == 16 ? lengths[i - 1] : std::uint8_t{0};
            const int times = symbol == 16   ? 3 + static_cast<int>(bits(2))
                              : symbol == 17 ? 3 + static_cast<int>(bits(3))
                                             : 11 + static_cast<int>(bits(7));
            if (times > literals + distances - i) return false;
            std::fill(lengths + i, lengths + i + times, repeated);
            i += times;
        }
        return codes(huffman(lengths, literals), huffman(lengths + literals, distances));
    }

    /// Literals and matches up to the end of the block.
    bool codes(const huffman& literals, const huffman& distances) {
        constexpr int length_base[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
        constexpr int length_bits[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
        constexpr int distance_base[30] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                           33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                           1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
        while (!done()) {
            int symbol = decode(literals);
            if (symbol < 0) return false;
            if (symbol == 256) return true;
            if (symbol < 256) {
                out_.push_back(static_cast<std::byte>(symbol));
                continue;
            }
            symbol -= 257;
            if (symbol >= 29) return false;
            const int length = length_base[symbol] + static_cast<int>(bits(length_bits[symbol]));
            const int far = decode(distances);
            if (far < 0 || far >= 30) return false;
            const auto distance = static_cast<std::size_t>(distance_base[far]) + bits(far < 4 ? 0 : far / 2 - 1);
            if (failed_ || distance > out_.size()) return false;
            for (int i = 0; i < length && !done(); ++i) out_.push_back(out_[out_.size() - distance]);
        }
        return true;
    }

    std::span<const std::byte> packed_;
    std::size_t wanted_, at_ = 0;  // in bits
    std::vector<std::byte> out_;
    bool failed_ = false;
};

}  // namespace tarc::detail
