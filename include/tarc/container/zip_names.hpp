#pragma once

#include <xxhash.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/utf8.hpp>

namespace tarc {

/// Whether all records must stand under one top-level folder (PyTorch, tarc) or names are taken whole (npz).
enum class zip_root : std::uint8_t { one, none };

namespace detail::zip {

/// A name from a file, safe to print: bytes outside printable ASCII as \xNN, long ones cut.
inline std::string printable(std::string_view name) {
    std::string text;
    for (const char c : name.substr(0, 120)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
            text += c;
        } else {
            text.append("\\x").append(1, "0123456789abcdef"[byte >> 4]).append(1, "0123456789abcdef"[byte & 15]);
        }
    }
    return name.size() > 120 ? text + "…" : text;
}

struct plain_characters {
    enum kind : unsigned char { other, word, joint };
    kind of[256] = {};
    constexpr plain_characters() {
        for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"))
            of[static_cast<unsigned char>(c)] = word;
        of['.'] = of['/'] = joint;
    }
};

/// Letters, digits, "_", "-" and "." behind them, in steps: no name of that kind has a fault.
inline bool is_plain_name(std::string_view name) {
    static constexpr plain_characters characters;
    bool begun = false;  // the step
    for (const char c : name) {
        const auto kind = characters.of[static_cast<unsigned char>(c)];
        if (kind != plain_characters::word && (!begun || kind == plain_characters::other)) return false;
        begun = c != '/';
    }
    return begun;
}

/// Why no archive may have this name, or null. Names are keys, never paths, yet other tools unpack the same file: what
/// would climb out of a folder there has no place here. `name` may end in "/" (a directory entry).
inline const char* name_fault(std::string_view name) {
    if (is_plain_name(name)) return nullptr;
    if (name.empty()) return "is empty";
    if (!is_utf8(name)) return "is not UTF-8";
    if (name.find('\0') != name.npos) return "holds a NUL";
    if (name.find('\\') != name.npos) return "holds a backslash";
    if (name.front() == '/') return "is an absolute path";
    if (name.size() > 1 && name[1] == ':' && (name.size() == 2 || name[2] == '/')) return "begins with a drive letter";
    if (name.back() == '/') name.remove_suffix(1);
    for (std::size_t start = 0;;) {
        const std::size_t slash = name.find('/', start);
        const std::string_view step = name.substr(start, slash == name.npos ? slash : slash - start);
        if (step.empty()) return "has an empty step";
        if (step == "." || step == "..") return "has a step \".\" or \"..\"";
        if (slash == name.npos) return nullptr;
        start = slash + 1;
    }
}

/// From names to indices, open addressing. The names live elsewhere: `name_of(index)` gives them. The hash has a seed
/// that differs between runs, so that a file cannot be made of names that collide.
class name_table {
public:
    name_table() : seed_(reinterpret_cast<std::uintptr_t>(this)) {}

    static constexpr std::size_t none = ~std::size_t{0};

    template <class NameOf>
    [[nodiscard]] std::size_t find(std::string_view name, NameOf&& name_of) const {
        return slots_.empty() ? none : find(name, hash(name), name_of);
    }

    /// Adds index 0, then 1, and so on. False, and nothing changes, when the name is there already.
    template <class NameOf>
    [[nodiscard]] bool add(std::string_view name, NameOf&& name_of) {
        if (count_ == 0xFFFFFFFE) raise(errc::unsupported, "more than 2^32 - 2 records in one archive");
        if (2 * (count_ + 1) > slots_.size()) reserve(2 * (count_ + 1), name_of);
        const std::size_t h = hash(name);
        if (find(name, h, name_of) != none) return false;
        place(h, ++count_);
        return true;
    }

    template <class NameOf>
    void reserve(std::size_t names, NameOf&& name_of) {
        slots_.assign(std::bit_ceil(2 * names + 2), 0);
        for (std::uint32_t i = 0; i < count_; ++i) place(hash(name_of(i)), i + 1);
    }

private:
    [[nodiscard]] std::size_t hash(std::string_view name) const {
        return XXH3_64bits_withSeed(name.data(), name.size(), seed_);
    }

    template <class NameOf>
    [[nodiscard]] std::size_t find(std::string_view name, std::size_t hash, NameOf&& name_of) const {
        for (std::size_t at = hash;; ++at) {
            const std::uint32_t slot = slots_[at & (slots_.size() - 1)];
            if (slot == 0) return none;
            if (name_of(slot - 1) == name) return slot - 1;
        }
    }

    void place(std::size_t hash, std::uint32_t slot) {
        std::size_t at = hash;
        while (slots_[at & (slots_.size() - 1)] != 0) ++at;
        slots_[at & (slots_.size() - 1)] = slot;
    }

    std::uint64_t seed_;
    std::uint32_t count_ = 0;
    vec<std::uint32_t> slots_;
};

}  // namespace detail::zip
}  // namespace tarc
