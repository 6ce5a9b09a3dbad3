#pragma once

#include <bit>  // std::rotl
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <string_view>

#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// From texts to numbers, on a best-effort basis: texts that collide too often are forgotten, so that hostile ones cost
/// no more time than others, and the same texts in the same order always give the same answers. The texts must stay
/// alive.
class text_map {
public:
    static constexpr std::uint32_t none = UINT32_MAX;

    /// The number of `text`, or none. `fresh` becomes its number if it had none.
    std::uint32_t find_or_add(std::string_view text, std::uint32_t fresh) {
        if ((texts_.size() + 1) * 2 > slots_.size()) grow();
        const std::uint32_t h = hash(text);
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t probe = 0; probe < most_probes; ++probe) {
            slot& s = slots_[(h + probe) & mask];
            if (s.end == 0) {
                texts_.push_back({text, fresh});
                s = {h, static_cast<std::uint32_t>(texts_.size())};
                return none;
            }
            if (s.hash == h && texts_[s.end - 1].text == text) return texts_[s.end - 1].value;
        }
        return none;
    }

private:
    static constexpr std::size_t most_probes = 32;
    struct known {
        std::string_view text;
        std::uint32_t value;
    };
    struct slot {
        std::uint32_t hash = 0;
        std::uint32_t end = 0;  // one past its place in texts_; 0 in a free slot
    };
    static std::uint32_t hash(std::string_view s) {
        std::uint64_t h = s.size();
        while (!s.empty()) {
            std::uint64_t word = 0;
            const std::size_t n = s.size() < 8 ? s.size() : 8;
            std::memcpy(&word, s.data(), n);
            h = std::rotl(h ^ (word * 0x87c37b91114253d5u), 31) * 0x4cf5ad432745937fu;
            s.remove_prefix(n);
        }
        h ^= h >> 33;
        h *= 0xff51afd7ed558ccdu;
        return static_cast<std::uint32_t>(h ^ (h >> 33));
    }
    void grow() {
        vec<slot> old(slots_.empty() ? 256 : slots_.size() * 2);
        old.swap(slots_);
        for (const slot& s : old) {
            const std::size_t mask = slots_.size() - 1;
            if (s.end == 0) continue;
            for (std::size_t probe = 0; probe < most_probes; ++probe) {
                slot& to = slots_[(s.hash + probe) & mask];
                if (to.end != 0) continue;
                to = s;
                break;
            }
        }
    }

    vec<known> texts_;
    vec<slot> slots_;
};

}  // namespace tarc::detail
