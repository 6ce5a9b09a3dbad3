#pragma once

#include <bit>  // std::bit_cast, std::rotl
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <string_view>
#include <vector>

namespace tarc::detail {

/// From addresses to numbers.
class address_map {
public:
    /// The number of `key`, made with `fresh` where there is none. Valid until the next call.
    std::uint32_t& at(const void* key, std::uint32_t fresh) {
        if ((used_ + 1) * 2 > slots_.size()) grow();
        slot& s = find(key);
        if (s.key == nullptr) {
            s = {key, fresh};
            ++used_;
        }
        return s.value;
    }

private:
    struct slot {
        const void* key = nullptr;
        std::uint32_t value = 0;
    };
    slot& find(const void* key) {
        const std::size_t mask = slots_.size() - 1;
        std::uint64_t h = std::bit_cast<std::uintptr_t>(key) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
        for (std::size_t i = static_cast<std::size_t>(h) & mask;; i = (i + 1) & mask)
            if (slots_[i].key == nullptr || slots_[i].key == key) return slots_[i];
    }
    void grow() {
        std::vector<slot> old(slots_.empty() ? 256 : slots_.size() * 2);
        old.swap(slots_);
        for (const slot& s : old)
            if (s.key != nullptr) find(s.key) = s;
    }

    std::vector<slot> slots_;
    std::size_t used_ = 0;
};

/// From texts to numbers, on a best-effort basis: texts that collide too often are forgotten, so that hostile ones cost
/// no more time than others, and the same texts in the same order always give the same answers. The texts must stay
/// alive.
class text_map {
public:
    static constexpr std::uint32_t none = UINT32_MAX;

    /// The number of `text`, or none. `fresh` becomes its number if it had none.
    std::uint32_t find_or_add(std::string_view text, std::uint32_t fresh) {
        if ((used_ + 1) * 2 > slots_.size()) grow();
        const std::uint64_t h = hash(text);
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t probe = 0; probe < most_probes; ++probe) {
            slot& s = slots_[(static_cast<std::size_t>(h) + probe) & mask];
            if (s.value == none) {
                s = {text, h, fresh};
                ++used_;
                return none;
            }
            if (s.hash == h && s.text == text) return s.value;
        }
        return none;
    }

private:
    static constexpr std::size_t most_probes = 32;
    struct slot {
        std::string_view text;
        std::uint64_t hash = 0;
        std::uint32_t value = none;
    };
    static std::uint64_t hash(std::string_view s) {
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
        return h ^ (h >> 33);
    }
    void grow() {
        std::vector<slot> old(slots_.empty() ? 256 : slots_.size() * 2);
        old.swap(slots_);
        used_ = 0;
        for (const slot& s : old) {
            const std::size_t mask = slots_.size() - 1;
            if (s.value == none) continue;
            for (std::size_t probe = 0; probe < most_probes; ++probe) {
                slot& to = slots_[(static_cast<std::size_t>(s.hash) + probe) & mask];
                if (to.value != none) continue;
                to = s;
                ++used_;
                break;
            }
        }
    }

    std::vector<slot> slots_;
    std::size_t used_ = 0;
};

}  // namespace tarc::detail
