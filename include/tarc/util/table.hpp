#pragma once

#include <xxhash.h>

#include <bit>  // std::bit_cast
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <tarc/util/function_ref.hpp>
#include <tarc/util/vec.hpp>

/// The hash tables of the internals: open addressing, from a key to the number it got when it was first seen. The keys
/// stand in a row; values stand in rows beside them.
namespace tarc::detail {

class number_table {
public:
    static constexpr std::size_t none = SIZE_MAX;

    /// `same(number)`: whether the key of that number is the one looked for.
    [[nodiscard]] std::size_t find(std::uint64_t hash, function_ref<bool(std::size_t)> same) const {
        if (slots_.empty()) return none;
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
            const slot& s = slots_[at];
            if (s.end == 0) return none;
            if (s.hash == hash && same(s.end - 1)) return s.end - 1;
        }
    }
    /// For a key that is not there: 0, then 1, and so on.
    void add(std::uint64_t hash) {
        if (2 * (count_ + 1) > slots_.size()) grow();
        place({hash, ++count_});
    }

private:
    struct slot {
        std::uint64_t hash = 0;
        std::size_t end = 0;  // one past the number; 0 in a free slot
    };
    void place(const slot& s) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = s.hash & mask;
        while (slots_[at].end != 0) at = (at + 1) & mask;
        slots_[at] = s;
    }
    void grow() {
        vec<slot> old(slots_.empty() ? 16 : 2 * slots_.size());
        old.swap(slots_);
        for (const slot& s : old)
            if (s.end != 0) place(s);
    }

    vec<slot> slots_;
    std::size_t count_ = 0;
};

struct numbered {
    std::size_t number;
    bool fresh;  // it is new
};

/// Addresses, numbered.
class address_set {
public:
    static constexpr std::size_t none = number_table::none;

    [[nodiscard]] std::size_t find(const void* key) const {
        return table_.find(hash(key), [&](std::size_t i) { return keys_[i] == key; });
    }
    numbered add(const void* key) {
        if (const std::size_t known = find(key); known != none) return {known, false};
        keys_.push_back(key);
        table_.add(hash(key));
        return {keys_.size() - 1, true};
    }

private:
    static std::uint64_t hash(const void* key) {
        const std::uint64_t h = std::bit_cast<std::uintptr_t>(key) * 0x9e3779b97f4a7c15u;
        return h ^ (h >> 32);
    }
    number_table table_;
    vec<const void*> keys_;
};

/// From addresses to values.
template <class V>
class address_map {
public:
    /// The value of `key`, `fresh` where there is none. Valid until the next one is added.
    [[nodiscard]] V& at(const void* key, V fresh) {
        const numbered n = keys_.add(key);
        if (n.fresh) values_.push_back(static_cast<V&&>(fresh));
        return values_[n.number];
    }
    [[nodiscard]] V& operator[](const void* key) { return at(key, V()); }
    [[nodiscard]] const V* find(const void* key) const {
        const std::size_t n = keys_.find(key);
        return n == address_set::none ? nullptr : &values_[n];
    }

private:
    address_set keys_;
    vec<V> values_;
};

/// Texts, numbered; they must stay alive. The hash has a seed that differs between runs, so that a file cannot be made of
/// texts that collide.
class text_set {
public:
    static constexpr std::size_t none = number_table::none;

    [[nodiscard]] std::size_t find(std::string_view key) const {
        return table_.find(hash(key), [&](std::size_t i) { return keys_[i] == key; });
    }
    numbered add(std::string_view key) {
        if (const std::size_t known = find(key); known != none) return {known, false};
        keys_.push_back(key);
        table_.add(hash(key));
        return {keys_.size() - 1, true};
    }

private:
    [[nodiscard]] std::uint64_t hash(std::string_view key) const { return XXH3_64bits_withSeed(key.data(), key.size(), seed_); }

    std::uint64_t seed_ = std::bit_cast<std::uintptr_t>(this);
    number_table table_;
    vec<std::string_view> keys_;
};

}  // namespace tarc::detail
