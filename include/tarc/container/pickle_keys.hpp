#pragma once

#include <algorithm>  // std::equal
#include <bit>        // std::bit_cast, std::rotl
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/known_globals.hpp>
#include <tarc/error.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

/// Python's hash and equality of dict keys and set elements: 1 == 1.0 == True, tuples and frozensets by content, other
/// objects by identity.
namespace tarc::detail {

/// A few words that name a key in a message.
[[nodiscard]] inline std::string describe_key(const node& key) {
    switch (key.kind) {
        case value_kind::string: {
            const std::string_view s = key.str();
            return "'" + std::string(s.substr(0, 60)) + (s.size() > 60 ? "…'" : "'");
        }
        case value_kind::integer: return key.big ? "(a large integer)" : std::to_string(key.integer);
        case value_kind::boolean: return key.boolean ? "True" : "False";
        case value_kind::real: return std::to_string(key.real);
        case value_kind::none: return "None";
        case value_kind::bytes: return key.mutable_ ? "(a bytearray)" : "(bytes)";
        case value_kind::tuple: return "(a tuple)";
        case value_kind::list: return "(a list)";
        case value_kind::set: return key.mutable_ ? "(a set)" : "(a frozenset)";
        case value_kind::dict: return "(a dict)";
        case value_kind::global: return std::string(key.global->module) + "." + std::string(key.global->name);
        default: return "(an object)";
    }
}

/// Finds equal keys of many containers in time linear in their size, whatever the keys: a table of all (container, key)
/// pairs, with a bound on its probes and on the bytes compared.
class key_index {
public:
    explicit key_index(std::uint64_t input_bytes) : patience_(input_bytes * 64 + (1u << 20)) {}

    /// Whether `key` is new in `owner`. Errors: errc::bad_pickle for a key that Python cannot hash,
    /// errc::limit_exceeded for keys made to collide.
    [[nodiscard]] bool insert(const void* owner, const node* key) {
        const std::uint32_t h = hash_of(key);
        if ((used_ + 1) * 2 > slots_.size()) grow();
        const std::size_t mask = slots_.size() - 1;
        for (std::size_t i = place(owner, h) & mask;; i = (i + 1) & mask) {
            slot& s = slots_[i];
            spend(1);
            if (s.key == nullptr) {
                s = {owner, key, h};
                ++used_;
                return true;
            }
            if (s.owner == owner && s.hash == h && equal(s.key, key)) return false;
        }
    }

private:
    struct slot {
        const void* owner = nullptr;
        const node* key = nullptr;
        std::uint32_t hash = 0;  // of the key
    };

    // A number in the form in which equal ones look the same.
    struct number {
        enum class form : std::uint8_t { integer, real, complex, big } is = form::integer;
        std::int64_t i = 0;
        double re = 0, im = 0;
        std::string_view big;
    };

    void spend(std::uint64_t n) {
        if (n > patience_) raise(errc::limit_exceeded, "dict keys or set elements are made to collide");
        patience_ -= n;
    }

    static std::uint64_t mix(std::uint64_t h) {
        h ^= h >> 33;
        h *= 0xff51afd7ed558ccdu;
        h ^= h >> 33;
        h *= 0xc4ceb9fe1a85ec53u;
        return h ^ (h >> 33);
    }
    static std::uint32_t fold(std::uint64_t h) {
        h = mix(h);
        const auto r = static_cast<std::uint32_t>(h ^ (h >> 32));
        return r == 0 ? 1 : r;
    }
    static std::uint64_t hash_text(std::string_view s) {
        std::uint64_t h = 0x9e3779b97f4a7c15u ^ s.size();
        while (!s.empty()) {
            std::uint64_t word = 0;
            const std::size_t n = s.size() < 8 ? s.size() : 8;
            std::memcpy(&word, s.data(), n);
            h = std::rotl(h ^ (word * 0x87c37b91114253d5u), 31) * 0x4cf5ad432745937fu;
            s.remove_prefix(n);
        }
        return h;
    }
    static std::size_t place(const void* owner, std::uint32_t h) {
        return static_cast<std::size_t>(mix(std::bit_cast<std::uintptr_t>(owner) * 0x9e3779b97f4a7c15u ^ h));
    }

    void grow() {
        vec<slot> old(slots_.empty() ? 64 : slots_.size() * 2);
        old.swap(slots_);
        const std::size_t mask = slots_.size() - 1;
        for (const slot& s : old) {
            if (s.key == nullptr) continue;
            std::size_t i = place(s.owner, s.hash) & mask;
            for (; slots_[i].key != nullptr; i = (i + 1) & mask) spend(1);
            slots_[i] = s;
        }
    }

    // The double that equals a big integer, where there is one.
    static std::optional<double> exact_double(std::string_view big) {
        if (big.size() > 129) return std::nullopt;  // beyond 2^1024
        const bool negative = (static_cast<unsigned char>(big.back()) & 0x80u) != 0;
        double value = 0;
        bool carry = negative;
        int low = -1, high = -1, bit = 0;
        for (const char c : big) {
            unsigned byte = static_cast<unsigned char>(c);
            if (negative) {
                byte = (~byte & 0xffu) + (carry ? 1 : 0);
                carry = byte > 0xff;
                byte &= 0xffu;
            }
            for (int k = 0; k < 8; ++k, ++bit) {
                if ((byte >> k & 1u) == 0) continue;
                if (bit >= 1024) return std::nullopt;
                if (low < 0) low = bit;
                high = bit;
                value += exp2_int(bit);  // exact as long as all bits fit, which the end of this function requires
            }
        }
        if (high - low > 52) return std::nullopt;
        return negative ? -value : value;
    }

    static number normalize(const node& n) {
        number r;
        switch (n.kind) {
            case value_kind::boolean: r.i = n.boolean ? 1 : 0; return r;
            case value_kind::integer:
                if (!n.big) {
                    r.i = n.integer;
                } else if (const auto d = exact_double(n.str())) {
                    r.is = number::form::real;
                    r.re = *d;
                } else {
                    r.is = number::form::big;
                    r.big = n.str();
                }
                return r;
            default: break;
        }
        r.re = n.kind == value_kind::real ? n.real : n.complex[0];
        r.im = n.kind == value_kind::real ? 0 : n.complex[1];
        if (r.im != 0 || r.im != r.im) {
            r.is = number::form::complex;
        } else if (r.re >= -0x1p63 && r.re < 0x1p63 && static_cast<double>(static_cast<std::int64_t>(r.re)) == r.re) {
            r.i = static_cast<std::int64_t>(r.re);
            r.re = 0;
        } else {
            r.is = number::form::real;
        }
        return r;
    }

    static bool is_number(const node& n) {
        return n.kind == value_kind::boolean || n.kind == value_kind::integer || n.kind == value_kind::real ||
               n.kind == value_kind::complex;
    }
    static bool has_elements(const node& n) { return n.kind == value_kind::tuple || n.kind == value_kind::set; }

    static std::uint32_t hash_leaf(const node& n) {
        constexpr std::uint64_t numbers = 0x5bd1e995, texts = 0x1b873593, names = 0xcc9e2d51;
        if (is_number(n)) {
            const number v = normalize(n);
            if (v.re != v.re || v.im != v.im)
                return fold(std::bit_cast<std::uintptr_t>(&n));  // a NaN equals itself only
            switch (v.is) {
                case number::form::integer: return fold(numbers ^ mix(static_cast<std::uint64_t>(v.i)));
                case number::form::big: return fold(numbers ^ hash_text(v.big));
                default:
                    return fold(numbers ^ mix(std::bit_cast<std::uint64_t>(v.re + 0.0)) ^
                                mix(~std::bit_cast<std::uint64_t>(v.im + 0.0)));
            }
        }
        switch (n.kind) {
            case value_kind::string: return fold(texts ^ hash_text(n.str()));
            case value_kind::none: return 2;
            case value_kind::global: return fold(names ^ hash_text(n.global->module) ^ mix(hash_text(n.global->name)));
            case value_kind::bytes:
                if (!n.mutable_) return fold(hash_text(n.str()));
                [[fallthrough]];
            case value_kind::list:
            case value_kind::dict:
                raise(errc::bad_pickle, "a dict key or set element is " + describe_key(n) +
                                            ", which Python cannot hash: the pickle is malformed");
            default:
                if (const auto text = text_of(n)) return fold(names ^ hash_text(*text));  // torch.device
                return fold(std::bit_cast<std::uintptr_t>(&n));
        }
    }

    // Elements were made before what holds them, so this ends: a cycle would have to go through a list or dict.
    std::uint32_t hash_of(const node* n) {
        if (n->hash != 0) return n->hash;
        work_.assign(1, n);
        while (!work_.empty()) {
            const node* top = work_.back();
            if (top->hash == 0 && !has_elements(*top)) top->hash = hash_leaf(*top);
            if (top->hash != 0) {
                work_.pop_back();
                continue;
            }
            if (top->kind == value_kind::set && top->mutable_)
                raise(errc::bad_pickle, "a dict key or set element is a set, which Python cannot hash");
            const std::size_t before = work_.size();
            for (const node* e : *top->list)
                if (e->hash == 0) work_.push_back(e);
            spend(top->list->size);
            if (work_.size() != before) continue;
            std::uint64_t h = top->kind == value_kind::tuple ? 3 : 5;
            for (const node* e : *top->list) {
                if (top->kind == value_kind::tuple)
                    h = mix(h) + e->hash;
                else
                    h += mix(e->hash);  // a frozenset has no order
            }
            top->hash = fold(h ^ top->list->size);
        }
        return n->hash;
    }

    bool equal(const node* a, const node* b) {
        pairs_.assign(1, {a, b});
        while (!pairs_.empty()) {
            const auto [x, y] = pairs_.back();
            pairs_.pop_back();
            spend(1);
            if (x == y) continue;
            if (x->hash != y->hash) return false;
            if (is_number(*x) && is_number(*y)) {
                const number v = normalize(*x), w = normalize(*y);
                if (v.is != w.is || v.i != w.i || v.re != w.re || v.im != w.im || v.big != w.big) return false;
                continue;
            }
            if (x->kind != y->kind) return false;
            switch (x->kind) {
                case value_kind::none: continue;
                case value_kind::string:
                case value_kind::bytes:
                    if (x->size != y->size) return false;
                    spend(x->size / 8);
                    if (x->str() != y->str()) return false;
                    continue;
                case value_kind::global:
                    if (x->global->module != y->global->module || x->global->name != y->global->name) return false;
                    continue;
                case value_kind::tuple:
                    if (x->list->size != y->list->size) return false;
                    spend(x->list->size);
                    for (std::size_t i = 0; i < x->list->size; ++i) pairs_.push_back({(*x->list)[i], (*y->list)[i]});
                    continue;
                case value_kind::set:
                    if (!same_elements(*x->list, *y->list)) return false;
                    continue;
                default: {
                    const auto text = text_of(*x);
                    if (!text || text != text_of(*y)) return false;
                    continue;
                }
            }
        }
        return true;
    }

    // By their hashes only: frozensets as keys are rare, and a mistake is one in 2^32.
    bool same_elements(const list_body& a, const list_body& b) {
        if (a.size != b.size) return false;
        spend(a.size * 16);
        const auto hashes = [](const list_body& l) {
            vec<std::size_t> h;
            for (const node* e : l) h.push_back(e->hash);
            sort_numbers(h, [](std::size_t x, std::size_t y) { return x < y; });
            return h;
        };
        const vec<std::size_t> x = hashes(a), y = hashes(b);
        return std::equal(x.begin(), x.end(), y.begin());
    }

    vec<slot> slots_;
    std::size_t used_ = 0;
    std::uint64_t patience_;
    vec<const node*> work_;
    vec<std::pair<const node*, const node*>> pairs_;
};

}  // namespace tarc::detail
