#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <tarc/reflect/file_schema.hpp>
#include <tarc/util/constant_text.hpp>

/// The state_dict of a file that is a constant as dotted keys, whatever form it has there: archive/flat_view.hpp for
/// file_node.
namespace tarc::detail {

constexpr std::uint64_t key_hash(std::uint64_t seed, char c) {
    return (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3;
}
inline constexpr std::uint64_t empty_key_hash = 0xcbf29ce484222325;

/// A key of a struct: steps joined by dots, of which the ones above stand in the callers.
class flat_key {
public:
    constexpr flat_key() = default;
    constexpr flat_key(const flat_key& above, std::string_view name) : name_(name) { join(above); }
    constexpr flat_key(const flat_key& above, std::size_t index) {
        text_sink digits{digits_};
        digits.number(index);
        name_ = {digits_, digits.size};
        join(above);
    }
    flat_key(const flat_key&) = delete;  // it may refer to itself
    flat_key& operator=(const flat_key&) = delete;

    [[nodiscard]] constexpr std::size_t size() const { return size_; }
    [[nodiscard]] constexpr std::uint64_t hash() const { return hash_; }
    /// Whether the text begins with this key.
    [[nodiscard]] constexpr bool begins(std::string_view text) const {
        if (text.size() < size_) return false;
        std::size_t end = size_;
        for (const flat_key* k = this; k != nullptr; k = k->above_) {
            const char *a = k->name_.data(), *b = text.data() + (end - k->name_.size());
            for (std::size_t i = k->name_.size(); i-- > 0;)
                if (a[i] != b[i]) return false;
            end -= k->name_.size();
            if (end != 0 && text[--end] != '.') return false;
        }
        return true;
    }
    [[nodiscard]] constexpr bool is(std::string_view text) const { return text.size() == size_ && begins(text); }
    /// Whether the text is a key below this one.
    [[nodiscard]] constexpr bool is_above(std::string_view text) const {
        return size_ == 0 || (text.size() > size_ && text[size_] == '.' && begins(text));
    }
    /// What follows in a key below this one.
    [[nodiscard]] constexpr std::string_view rest_of(std::string_view text) const {
        return text.substr(size_ == 0 ? 0 : size_ + 1);
    }
    constexpr void write(text_sink& out) const {
        if (above_ != nullptr && above_->size_ != 0) {
            above_->write(out);
            out.append('.');
        }
        out.append(name_);
    }

private:
    constexpr void join(const flat_key& above) {
        above_ = &above;
        size_ = name_.size() + (above.size_ == 0 ? 0 : above.size_ + 1);
        hash_ = above.size_ == 0 ? above.hash_ : key_hash(above.hash_, '.');
        for (const char c : name_) hash_ = key_hash(hash_, c);
    }

    const flat_key* above_ = nullptr;
    std::string_view name_ = {};
    std::size_t size_ = 0;
    std::uint64_t hash_ = empty_key_hash;
    char digits_[20] = {};
};

class file_keys {
public:
    struct item {
        std::string_view key;
        std::size_t node;  // its number among the nodes
        std::size_t end;   // one past the last item inside
        bool container;    // an empty one is a leaf
        bool used = false;
    };
    static constexpr std::size_t none = SIZE_MAX;

    /// `root`: the number of a dict, list or tuple among the nodes.
    constexpr file_keys(std::span<const file_node> nodes, std::size_t root) : nodes_(nodes) {
        std::size_t texts = 0, items = 0;
        measure(root, none, texts, items);
        texts_ = new char[texts];
        items_.reserve(items);
        while (slot_count_ < 3 * items) slot_count_ *= 2;
        slots_ = new slot[slot_count_];
        enter(root, nullptr);
    }
    constexpr ~file_keys() {
        delete[] texts_;
        delete[] slots_;
    }
    file_keys(const file_keys&) = delete;
    file_keys& operator=(const file_keys&) = delete;

    [[nodiscard]] constexpr std::span<item> items() { return items_; }
    /// The first item of exactly this key, or null.
    [[nodiscard]] constexpr item* find(const flat_key& key) {
        const slot& s = slots_[place(key.hash())];
        if (s.item == none || !key.is(items_[s.item].key)) return nullptr;
        return &items_[s.item];
    }
    /// Marks an item and all inside it as taken.
    constexpr void take(const item& i) {
        for (std::size_t k = static_cast<std::size_t>(&i - items_.data()), end = i.end; k < end; ++k)
            items_[k].used = true;
    }
    /// The items among which all below the key are.
    [[nodiscard]] constexpr std::span<item> around(const flat_key& key) {
        if (key.size() == 0) return items_;
        const slot& s = slots_[place(key.hash())];
        return s.first == none ? std::span<item>() : std::span(items_).subspan(s.first, s.last - s.first + 1);
    }
    /// Whether a leaf stands at the key or below it.
    [[nodiscard]] constexpr bool has(const flat_key& key) {
        if (const item* i = find(key); i != nullptr && !i->container) return true;
        for (const item& i : around(key))
            if (!i.container && key.is_above(i.key)) return true;
        return false;
    }

    [[nodiscard]] static constexpr bool holds_items(file_kind k) {
        return k == file_kind::dict || k == file_kind::list || k == file_kind::tuple;
    }

private:
    /// What is known of a key or the beginning of keys.
    struct slot {
        std::uint64_t hash = 0;
        std::size_t item = none, first = none, last = none;
        bool taken = false;
    };

    /// How often a child stands for an element: a list of equal elements has one node for all.
    [[nodiscard]] constexpr std::size_t times(std::size_t parent, std::size_t child) const {
        const file_node& p = nodes_[parent];
        const file_node& c = nodes_[child];
        const bool alone = p.kind != file_kind::dict && p.inside == c.inside + 1;
        // A long list of scalars is one value, which no struct takes apart.
        const bool apart = c.inside != 0 || c.kind == file_kind::tensor || p.size <= 256;
        return alone && apart ? static_cast<std::size_t>(p.size) : 1;
    }
    [[nodiscard]] static constexpr std::size_t digits_of(std::size_t n) {
        text_sink s;
        s.number(n);
        return s.size;
    }

    /// Room for the keys that do not stand in the file as they are. `above`: the size of the key of `parent`.
    constexpr void measure(std::size_t parent, std::size_t above, std::size_t& texts, std::size_t& items) const {
        const bool dict = nodes_[parent].kind == file_kind::dict;
        std::size_t index = 0;
        for (std::size_t c = parent + 1, end = c + nodes_[parent].inside; c < end; c += 1 + nodes_[c].inside)
            for (std::size_t n = times(parent, c); n-- > 0; ++index) {
                const std::size_t size =
                    (above == none ? 0 : above + 1) + (dict ? nodes_[c].key.size() : digits_of(index));
                if (above != none || !dict) texts += size;
                ++items;
                if (holds_items(nodes_[c].kind)) measure(c, size, texts, items);
            }
    }
    constexpr void enter(std::size_t parent, const std::string_view* above) {
        const bool dict = nodes_[parent].kind == file_kind::dict;
        std::size_t index = 0;
        for (std::size_t c = parent + 1, end = c + nodes_[parent].inside; c < end; c += 1 + nodes_[c].inside)
            for (std::size_t n = times(parent, c); n-- > 0; ++index) {
                std::string_view key = nodes_[c].key;
                if (above != nullptr || !dict) {
                    text_sink out{texts_ + filled_};
                    if (above != nullptr) {
                        out.append(*above);
                        out.append('.');
                    }
                    if (dict)
                        out.append(key);
                    else
                        out.number(index);
                    key = {texts_ + filled_, out.size};
                    filled_ += out.size;
                }
                const bool container = holds_items(nodes_[c].kind) && nodes_[c].size != 0;
                const std::size_t number = items_.size();
                items_.push_back({key, c, number + 1, container});
                remember(number);
                if (container) enter(c, &key);
                items_[number].end = items_.size();
            }
    }

    /// The key of an item, and all keys that it stands below.
    constexpr void remember(std::size_t number) {
        const std::string_view key = items_[number].key;
        std::uint64_t h = empty_key_hash;
        for (const char *p = key.data(), *end = p + key.size(); p != end; ++p) {
            if (*p == '.') {
                slot& s = slot_of(h);
                if (s.first == none) s.first = number;
                s.last = number;
            }
            h = key_hash(h, *p);
        }
        slot& s = slot_of(h);
        if (s.item == none) s.item = number;
    }
    [[nodiscard]] constexpr std::size_t place(std::uint64_t hash) const {
        std::size_t at = hash & (slot_count_ - 1);
        while (slots_[at].taken && slots_[at].hash != hash) at = (at + 1) & (slot_count_ - 1);
        return at;
    }
    constexpr slot& slot_of(std::uint64_t hash) {
        if (2 * (taken_ + 1) > slot_count_) {
            const slot* old = slots_;
            const std::size_t count = slot_count_;
            slots_ = new slot[slot_count_ *= 2];
            for (std::size_t i = 0; i < count; ++i)
                if (old[i].taken) slots_[place(old[i].hash)] = old[i];
            delete[] old;
        }
        slot& s = slots_[place(hash)];
        if (!s.taken) {
            s.taken = true;
            s.hash = hash;
            ++taken_;
        }
        return s;
    }

    std::span<const file_node> nodes_;
    // Plain arrays take few of a compiler's steps; and a std::vector of char is no constant with clang and
    // libstdc++ 12.
    char* texts_;
    std::size_t filled_ = 0;
    std::vector<item> items_;
    slot* slots_;
    std::size_t slot_count_ = 16, taken_ = 0;
};

}  // namespace tarc::detail
