#pragma once

#include <xxhash.h>

#include <bit>  // std::bit_cast
#include <cstddef>
#include <cstdint>
#include <new>  // std::bad_alloc
#include <string_view>
#include <type_traits>

#include <tarc/util/function_ref.hpp>
#include <tarc/util/vec.hpp>

/// The hash tables of the internals: open addressing, from a key to the number it got when it was first seen. The keys
/// stand in a row; values stand in rows beside them.
namespace tarc::detail {

class number_table {
public:
    static constexpr std::size_t none = SIZE_MAX;

    /// `same(number)`: whether the key of that number is the one looked for.
    [[nodiscard]] std::size_t find(std::uint32_t hash, function_ref<bool(std::size_t)> same) const {
        if (slots_.empty()) return none;
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
            const slot& s = slots_[at];
            if (s.end == 0) return none;
            if (s.hash == hash && same(s.end - 1)) return s.end - 1;
        }
    }
    /// For a key that is not there: 0, then 1, and so on.
    void add(std::uint32_t hash) {
        if (2 * (std::size_t{count_} + 1) > slots_.size()) grow();
        place({hash, ++count_});
    }

    /// A key stands far from where its hash would have it.
    [[nodiscard]] bool crowded() const { return crowded_; }

private:
    struct slot {
        std::uint32_t hash = 0;
        std::uint32_t end = 0;  // one past the number; 0 in a free slot
    };
    void place(const slot& s) {
        const std::size_t mask = slots_.size() - 1;
        std::size_t at = s.hash & mask, probes = 0;
        for (; slots_[at].end != 0; at = (at + 1) & mask) ++probes;
        crowded_ = crowded_ || probes > 256;
        slots_[at] = s;
    }
    void grow() {
        if (count_ == std::uint32_t{1} << 31) throw std::bad_alloc();
        vec<slot> old(slots_.empty() ? 16 : 2 * slots_.size());
        old.swap(slots_);
        for (const slot& s : old)
            if (s.end != 0) place(s);
    }

    vec<slot> slots_;
    std::uint32_t count_ = 0;
    bool crowded_ = false;
};

struct numbered {
    std::size_t number;
    bool fresh;  // it is new
};

/// Texts, which must stay alive, addresses, or plain words, numbered. The hash of what may come from a file has a seed
/// that differs between runs, so that a file cannot be made of keys that collide.
template <class K>
class numbering {
public:
    static constexpr std::size_t none = number_table::none;

    [[nodiscard]] std::size_t find(K key) const { return keys_.empty() ? none : find(key, hash(key)); }
    numbered add(K key) {
        const std::uint32_t h = hash(key);
        if (const std::size_t known = find(key, h); known != none) return {known, false};
        keys_.push_back(key);
        table_.add(h);
        if constexpr (std::is_pointer_v<K>)
            if (table_.crowded() && !scattered_) scatter();
        return {keys_.size() - 1, true};
    }

    [[nodiscard]] const K& operator[](std::size_t number) const { return keys_[number]; }

private:
    [[nodiscard]] std::size_t find(const K& key, std::uint32_t hash) const {
        return table_.find(hash, [&](std::size_t i) { return keys_[i] == key; });
    }
    void scatter() {
        scattered_ = true;
        table_ = {};
        for (const K& key : keys_) table_.add(hash(key));
    }
    [[nodiscard]] std::uint32_t hash(const K& key) const {
        // Objects side by side stand side by side in the table too, for the cache, until too many have one place.
        if constexpr (std::is_same_v<K, std::string_view>)
            return static_cast<std::uint32_t>(XXH3_64bits_withSeed(key.data(), key.size(), seed_));
        else if constexpr (std::is_pointer_v<K>)
            return scattered_
                       ? static_cast<std::uint32_t>(XXH3_64bits_withSeed(&key, sizeof key, seed_))
                       : static_cast<std::uint32_t>(std::bit_cast<std::uintptr_t>(key) / alignof(std::max_align_t));
        else
            return static_cast<std::uint32_t>(XXH3_64bits_withSeed(&key, sizeof key, seed_));
    }

    std::uint64_t seed_ = std::bit_cast<std::uintptr_t>(this);
    number_table table_;
    vec<K> keys_;
    bool scattered_ = false;  // of addresses
};

using address_set = numbering<const void*>;
using text_set = numbering<std::string_view>;

/// From keys to values.
template <class K, class V>
class numbered_map {
public:
    /// The value of `key`, `fresh` where there is none. Valid until the next one is added.
    [[nodiscard]] V& at(K key, V fresh) {
        const numbered n = keys_.add(key);
        if (n.fresh) values_.push_back(static_cast<V&&>(fresh));
        return values_[n.number];
    }
    [[nodiscard]] V& operator[](K key) { return at(key, V()); }
    [[nodiscard]] V* find(K key) {
        const std::size_t n = keys_.find(key);
        return n == keys_.none ? nullptr : &values_[n];
    }
    [[nodiscard]] const V* find(K key) const {
        const std::size_t n = keys_.find(key);
        return n == keys_.none ? nullptr : &values_[n];
    }

private:
    numbering<K> keys_;
    vec<V> values_;
};

template <class V>
using address_map = numbered_map<const void*, V>;

}  // namespace tarc::detail
