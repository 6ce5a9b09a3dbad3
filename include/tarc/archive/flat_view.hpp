#pragma once

#include <algorithm>  // std::lower_bound
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/archive/binding.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>
#include <tarc/value/walk.hpp>

namespace tarc::detail {

/// A state_dict as dotted keys, whatever form it has in the file: flat, nested dicts and lists, or the `nn.Module` of
/// an entire pickled model (`_parameters`, `_buffers` without `_non_persistent_buffers_set`, `_modules`), or a module
/// of a TorchScript archive without its attributes. Containers stand in it before what they hold.
class flat_view {
public:
    struct item {
        std::string_view key;    // as the struct has it: without the prefix that is stripped, by the map of keys
        std::string_view whole;  // as the file has it
        const node* value;
        std::size_t end = 0;                   // one past the last item inside
        bool container = false, used = false;  // an empty dict or list is no container, but a leaf

        [[nodiscard]] bool empty() const { return is_empty(*value); }
    };

    flat_view(const node& root, const bind_options& o, arena& texts, bind_budget& budget)
        : texts_(texts), budget_(budget), strip_(o.strip_prefix), keys_(o.keys) {
        walk(
            root, o.limit, [&](std::span<const step> path, const node& n) { return enter(path, n); },
            [](const node& n, vec<child>& out) { expand(n, out); });
        close(0);
        for (std::size_t i = 0; i < items_.size(); ++i)
            if (by_key_.add(items_[i].key).fresh) first_.push_back(i);
    }

    [[nodiscard]] std::span<item> items() { return {items_.data(), items_.size()}; }

    /// The item of exactly this key, or null.
    [[nodiscard]] item* find(std::string_view key) {
        const std::size_t at = by_key_.find(key);
        return at == text_set::none ? nullptr : &items_[first_[at]];
    }
    /// Marks an item and all inside it as taken.
    void take(const item& i) { take(static_cast<std::size_t>(&i - items_.data())); }
    void take(std::size_t index) {
        for (std::size_t k = index; k < items_[index].end; ++k) items_[k].used = true;
    }
    /// What stands at one key and below it is called by another from now on.
    void rename(std::string_view from, std::string_view to) {
        if (!has(from)) return;
        for (std::size_t k = 0; k < items_.size(); ++k) {
            item& i = items_[k];
            if (i.key != from && !(i.key.size() > from.size() && i.key.starts_with(from) && i.key[from.size()] == '.'))
                continue;
            const std::string key = std::string(to) + std::string(i.key.substr(from.size()));
            budget_.text(key.size());
            i.key = texts_.copy(key);
            const numbered known = by_key_.add(i.key);
            if (known.fresh)
                first_.push_back(k);
            else
                first_[known.number] = k;
        }
        sorted_.clear();
        sorted_ready_ = false;
    }
    /// Whether a dict of tensors is not flat: some of its values are dicts, or it is an entire model.
    [[nodiscard]] static bool is_nested(const node& n) {
        if (n.kind != value_kind::dict) return module_state(n) != nullptr;
        for (const entry& e : *n.dict)
            if (e.value->kind == value_kind::dict || stands_for_dict(*e.value)) return true;
        return false;
    }
    /// What nothing has taken, below the key, in file order: whole containers where nothing inside was taken either.
    [[nodiscard]] vec<std::size_t> left_below(std::string_view key) const {
        vec<std::size_t> left;
        for (std::size_t i = 0; i < items_.size();) {
            const item& it = items_[i];
            const bool inside =
                key.empty() || (it.key.size() > key.size() && it.key.starts_with(key) && it.key[key.size()] == '.');
            bool whole = inside;
            for (std::size_t k = i; whole && k < it.end; ++k) whole = !items_[k].used;
            if (whole) left.push_back(i);
            i = whole ? it.end : i + 1;
        }
        return left;
    }
    /// Whether a leaf stands at the key or below it.
    [[nodiscard]] bool has(std::string_view key) {
        if (item* i = find(key); i != nullptr && !i->container) return true;
        return !below(key).empty();
    }
    /// The leaves whose keys begin with `key` and a dot, in key order; all of them for an empty key.
    [[nodiscard]] std::span<const std::size_t> below(std::string_view key) {
        if (!sorted_ready_) sort();
        if (key.empty()) return {sorted_.data(), sorted_.size()};
        const std::string low = std::string(key) + ".", high = std::string(key) + "/";  // '/' follows '.'
        const auto before = [&](std::size_t i, const std::string& k) { return items_[i].key < k; };
        const auto a = std::lower_bound(sorted_.begin(), sorted_.end(), low, before);
        const auto b = std::lower_bound(a, sorted_.end(), high, before);
        return {a, b};
    }
    /// The same in the order of the file.
    [[nodiscard]] vec<std::size_t> in_file_order(std::string_view key) {
        const std::span<const std::size_t> leaves = below(key);
        vec<std::size_t> numbers(leaves.data(), leaves.data() + leaves.size());
        sort_numbers(numbers, [](std::size_t a, std::size_t b) { return a < b; });
        return numbers;
    }
    [[nodiscard]] const item& operator[](std::size_t i) const { return items_[i]; }

    /// Whether it is an entire nn.Module, pickled or of TorchScript.
    [[nodiscard]] static bool is_module(const node& n) { return module_state(n) != nullptr; }

private:
    static bool is_empty(const node& n) {
        if (n.kind == value_kind::dict) return n.dict->size == 0;
        return (n.kind == value_kind::list || n.kind == value_kind::tuple) && n.list->size == 0;
    }

    static bool stands_for_dict(const node& n) {
        const node* s = stand_in_of(n);
        return s != nullptr && s->kind == value_kind::dict;
    }

    static const node* member(const node& state, std::string_view name) {
        for (const entry& e : *state.dict)
            if (e.key->kind == value_kind::string && e.key->str() == name) return e.value;
        return nullptr;
    }

    /// The state of an nn.Module, or null.
    static const node* module_state(const node& n) {
        if (!stands_for_dict(n)) return nullptr;
        if (n.object->stated != object_body::not_scripted) return n.object->state;
        const node* state = stand_in_of(n);
        const node* parameters = member(*state, "_parameters");
        const node* modules = member(*state, "_modules");
        const bool is_module = parameters != nullptr && modules != nullptr && parameters->kind == value_kind::dict &&
                               modules->kind == value_kind::dict;
        return is_module ? state : nullptr;
    }

    static void expand(const node& n, vec<child>& out) {
        const node* state = module_state(n);
        if (state == nullptr) return list_children(n, out);
        if (n.object->stated != object_body::not_scripted) {
            for (std::size_t i = 0; i < n.object->stated; ++i)
                out.push_back({{(*state->dict)[i].key, 0, {}}, (*state->dict)[i].value});
            return;
        }
        const node* transient = member(*state, "_non_persistent_buffers_set");
        for (const std::string_view part : {"_parameters", "_buffers", "_modules"}) {
            const node* d = member(*state, part);
            if (d == nullptr || d->kind != value_kind::dict) continue;
            for (const entry& e : *d->dict) {
                if (e.value->kind == value_kind::none) continue;
                bool skip = false;
                if (part == "_buffers" && transient != nullptr && transient->kind == value_kind::set)
                    for (const node* name : *transient->list)
                        skip |= name->kind == value_kind::string && e.key->kind == value_kind::string &&
                                name->str() == e.key->str();
                if (!skip) out.push_back({{e.key, 0, {}}, e.value});
            }
        }
    }

    bool enter(std::span<const step> path, const node& n) {
        const bool container = n.kind == value_kind::dict || n.kind == value_kind::list ||
                               n.kind == value_kind::tuple || stand_in_of(n) != nullptr;
        budget_.visit();
        if (path.empty()) return container;
        close(path.size());
        std::string name;
        if (!open_.empty()) name.append(items_[open_.back()].whole).append(".");
        const step& s = path.back();
        if (s.key != nullptr && s.key->kind == value_kind::string)
            name += s.key->str();
        else
            append_step(name, s);
        budget_.text(name.size());
        const std::string_view whole = texts_.copy(name);
        std::string_view key = whole;
        if (key.starts_with(strip_)) key.remove_prefix(strip_.size());
        if (!keys_.empty()) {
            const std::string wanted = keys_.wanted(key);
            budget_.text(wanted.size());
            key = texts_.copy(wanted);
        }
        items_.push_back({key, whole, &n, 0, container && !is_empty(n), false});
        open_.push_back(items_.size() - 1);
        return container;
    }

    /// Ends the items that are not above a path of `depth` steps.
    void close(std::size_t depth) {
        while (!open_.empty() && (depth == 0 || open_.size() >= depth)) {
            items_[open_.back()].end = items_.size();
            open_.pop_back();
        }
    }

    void sort() {
        for (std::size_t i = 0; i < items_.size(); ++i)
            if (!items_[i].container) sorted_.push_back(i);
        sort_numbers(sorted_, [&](std::size_t a, std::size_t b) { return items_[a].key < items_[b].key; });
        sorted_ready_ = true;
    }

    arena& texts_;
    bind_budget& budget_;
    std::string_view strip_;
    const key_map& keys_;
    vec<item> items_;
    vec<std::size_t> open_;
    text_set by_key_;
    vec<std::size_t> first_;  // by number of the key: its first item
    vec<std::size_t> sorted_;
    bool sorted_ready_ = false;
};

}  // namespace tarc::detail
