#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <tarc/reflect/file_fault.hpp>
#include <tarc/reflect/file_keys.hpp>
#include <tarc/reflect/file_leaves.hpp>
#include <tarc/reflect/leaves.hpp>

namespace tarc::detail {

/// Holds a struct against a file that is a constant, by the rules of a strict load (archive/binder.hpp), as far as they
/// look at no value: whether an int fits into its field and a float into a 0-d tensor is not known before the load.
/// Ordinary functions over two tables, for run time too. Each gives false when it has found the first fault.
class file_check {
public:
    [[nodiscard]] static constexpr file_fault run(const type_facts& t, std::span<const file_node> nodes) {
        file_check c(nodes);
        c.any(t, 0, nullptr);
        return c.fault_;
    }

private:
    using place = file_place;

    constexpr explicit file_check(std::span<const file_node> nodes) : nodes_(nodes) {}

    // -- what does not fit --------------------------------------------------------------------------------------------

    constexpr void begin_fault(file_fault::what is, const place* at, const flat_key* key) {
        fault_ = {};
        fault_.is = is;
        text_sink path = fault_.path.sink();
        if (at != nullptr) at->write(path);
        if (key != nullptr && key->size() != 0) {
            if (path.size != 0) path.append('/');
            key->write(path);
        }
        fault_.path.size = path.size;
    }
    constexpr bool mismatched(const type_facts& t, std::size_t n, const place* at) {
        begin_fault(file_fault::what::mismatched, at, nullptr);
        text_sink in_file = fault_.in_file.sink(), in_struct = fault_.in_struct.sink();
        write_node(in_file, nodes_[n]);
        write_wanted(in_struct, t);
        fault_.in_file.size = in_file.size;
        fault_.in_struct.size = in_struct.size;
        return false;
    }
    constexpr bool missing_key(const type_facts& t, const place* at, const flat_key* key) {
        begin_fault(file_fault::what::missing, at, key);
        text_sink in_struct = fault_.in_struct.sink();
        write_wanted(in_struct, t);
        fault_.in_struct.size = in_struct.size;
        return false;
    }
    /// `step`: as path texts have it.
    constexpr bool unexpected(std::size_t n, const place* at, std::string_view step, bool escape) {
        begin_fault(file_fault::what::unexpected, at, nullptr);
        text_sink path = fault_.path.sink(), in_file = fault_.in_file.sink();
        if (path.size != 0) path.append('/');
        if (escape)
            path.escaped(step);
        else
            path.append(step);
        write_node(in_file, nodes_[n]);
        fault_.path.size = path.size;
        fault_.in_file.size = in_file.size;
        return false;
    }

    // -- the file -----------------------------------------------------------------------------------------------------

    [[nodiscard]] constexpr bool is_items(std::size_t n) const {
        return nodes_[n].kind == file_kind::list || nodes_[n].kind == file_kind::tuple;
    }
    [[nodiscard]] constexpr std::size_t end_of(std::size_t n) const { return n + 1 + nodes_[n].inside; }
    /// The child after one, of which the last may stand for all the rest of a list.
    [[nodiscard]] constexpr std::size_t next(std::size_t parent, std::size_t child) const {
        const std::size_t after = end_of(child);
        return after < end_of(parent) ? after : child;
    }

    // -- values -------------------------------------------------------------------------------------------------------

    constexpr bool any(const type_facts& t, std::size_t n, const place* at) {
        switch (t.kind) {
            case kind::boolean:
            case kind::integer:
            case kind::real:
            case kind::complex:
            case kind::string:
            case kind::bytes:
            case kind::enumeration:
            case kind::text:
            case kind::none:
                return scalar_fits(t, nodes_[n]) || converts(t, nodes_[n], policy_) || mismatched(t, n, at);
            case kind::tensor: return tensor_fits(t, nodes_[n], policy_) || mismatched(t, n, at);
            case kind::value: return true;
            case kind::stand_in: return any(*t.element, n, at);
            case kind::optional: return nodes_[n].kind == file_kind::none || any(*t.element, n, at);
            case kind::bits: return is_items(n) ? elements(facts_of<bool>, n, at, false) : mismatched(t, n, at);
            case kind::sequence: return is_items(n) ? elements(*t.element, n, at, true) : mismatched(t, n, at);
            case kind::array:
                if (!is_items(n) || nodes_[n].size != t.count) return mismatched(t, n, at);
                return elements(*t.element, n, at, true);
            case kind::tuple: return parts(t, n, at);
            case kind::set:
                return nodes_[n].kind == file_kind::set ? elements(*t.element, n, at, false) : mismatched(t, n, at);
            case kind::map: return map(t, n, at);
            case kind::variant: return variant(t, n, at);
            case kind::aggregate: return t.is_module ? module(t, n, at) : dict(t, n, at);
            default: return mismatched(t, n, at);
        }
    }

    // -- containers ---------------------------------------------------------------------------------------------------

    /// `whole`: any value of the type may stand there, not only a plain scalar.
    constexpr bool elements(const type_facts& t, std::size_t n, const place* at, bool whole) {
        place p{at, {}, 0, place::number};
        for (std::size_t c = n + 1; c < end_of(n); c = end_of(c), ++p.index) {
            if (whole ? !any(t, c, &p) : !plain_scalar_fits(t, nodes_[c].kind) && !mismatched(t, c, at)) return false;
        }
        return true;
    }
    constexpr bool parts(const type_facts& t, std::size_t n, const place* at) {
        if (!is_items(n) || nodes_[n].size != t.members.size()) return mismatched(t, n, at);
        place p{at, {}, 0, place::number};
        std::size_t c = n + 1;
        for (; p.index != t.members.size(); ++p.index, c = next(n, c))
            if (!any(*t.members[p.index].type, c, &p)) return false;
        return true;
    }

    constexpr bool map(const type_facts& t, std::size_t n, const place* at) {
        if (nodes_[n].kind != file_kind::dict) return mismatched(t, n, at);
        if (t.key->kind == kind::string && t.element->kind == kind::tensor && is_nested(n)) return nested(t, n, at);
        for (std::size_t c = n + 1; c < end_of(n); c = end_of(c)) {
            const place p{at, nodes_[c].key};
            if (!key_fits(*t.key, nodes_[c])) {
                begin_fault(file_fault::what::mismatched, &p, nullptr);
                text_sink in_file = fault_.in_file.sink(), in_struct = fault_.in_struct.sink();
                in_file.append(nodes_[c].named ? "a str as key" : "a key that is no str");
                in_struct.append("keys of ");
                write_wanted(in_struct, *t.key);
                fault_.in_file.size = in_file.size;
                fault_.in_struct.size = in_struct.size;
                return false;
            }
            if (!any(*t.element, c, &p)) return false;
        }
        return true;
    }
    [[nodiscard]] constexpr bool is_nested(std::size_t n) const {
        for (std::size_t c = n + 1; c < end_of(n); c = end_of(c))
            if (nodes_[c].kind == file_kind::dict) return true;
        return false;
    }
    /// A map of tensors from a state_dict that is nested.
    constexpr bool nested(const type_facts& t, std::size_t n, const place* at) {
        file_keys keys(nodes_, n);
        for (const file_keys::item& i : keys.items()) {
            const place p{at, i.key, 0, place::dotted};
            if (!i.container && !any(*t.element, i.node, &p)) return false;
        }
        return true;
    }
    [[nodiscard]] static constexpr bool key_fits(const type_facts& t, const file_node& n) {
        if (t.kind == kind::string) return n.named;
        if (t.kind == kind::enumeration && t.has_names) {
            for (const enum_entry& e : t.names)
                if (n.named && same_text(e.name, n.key)) return true;
            return false;
        }
        std::string_view digits = n.key;
        if (digits.starts_with('-')) digits.remove_prefix(1);
        for (const char c : digits)
            if (c < '0' || c > '9') return false;
        return !n.named && !digits.empty();
    }

    constexpr bool variant(const type_facts& t, std::size_t n, const place* at) {
        if (t.tagged) {  // which alternative it is, is a value
            const bool is_pair = is_items(n) && nodes_[n].size == 2 && nodes_[n + 1].kind == file_kind::integer;
            if (!is_pair) return mismatched(t, n, at);
            const place p{at, {}, 1, place::number};
            for (const member& m : t.members)
                if (any(*m.type, next(n, n + 1), &p)) return clear();
            return mismatched(t, n, at);
        }
        for (const bool exactly : {true, false})
            for (const member& m : t.members)
                if (accepts(*m.type, n, exactly)) return any(*m.type, n, at);
        return mismatched(t, n, at);
    }
    constexpr bool clear() {
        fault_ = {};
        return true;
    }
    /// Whether a value is of the kind that a type is written as; `exactly` leaves out an int for a float.
    [[nodiscard]] constexpr bool accepts(const type_facts& t, std::size_t n, bool exactly) const {
        const file_kind k = nodes_[n].kind;
        switch (t.kind) {
            case kind::stand_in: return accepts(*t.element, n, exactly);
            case kind::real: return k == file_kind::real || (!exactly && k == file_kind::integer);
            case kind::complex: return k == file_kind::complex || (!exactly && plain_scalar_fits(t, k));
            case kind::tensor: return k == file_kind::tensor;
            case kind::bits:
            case kind::sequence:
            case kind::array:
            case kind::tuple: return is_items(n);
            case kind::set: return k == file_kind::set;
            case kind::map:
            case kind::aggregate: return k == file_kind::dict;
            default: return plain_scalar_fits(t, k);
        }
    }

    // -- structs as dicts ---------------------------------------------------------------------------------------------

    constexpr bool dict(const type_facts& t, std::size_t n, const place* at) {
        if (nodes_[n].kind != file_kind::dict) return mismatched(t, n, at);
        struct entry {
            std::size_t node;
            bool used;
        };
        std::vector<entry> entries;
        for (std::size_t c = n + 1; c < end_of(n); c = end_of(c)) entries.push_back({c, false});
        std::size_t cursor = 0;  // behind the last one that was found: fields and file have mostly one order
        const auto find = [&](std::string_view name) {
            for (std::size_t i = 0; i < entries.size(); ++i, ++cursor) {
                if (cursor == entries.size()) cursor = 0;
                const file_node& f = nodes_[entries[cursor].node];
                if (f.named && same_text(f.key, name)) return true;
            }
            return false;
        };
        bool rest = false;
        for (const member& m : t.members) {
            if (m.transient || m.type->kind == kind::metadata) continue;
            if (m.type->kind == kind::rest) {
                rest = true;
                continue;
            }
            const place p{at, m.name};
            bool found = find(m.name);
            for (std::size_t k = 0; k < m.old_names.size() && !found; ++k) found = find(m.old_names[k]);
            const policy_scope policy(*this, m);
            if (!found) {
                if (!is_optional(m) && !missing(*m.type, &p)) return false;
                continue;
            }
            entries[cursor].used = true;
            if (!any(*m.type, entries[cursor].node, &p)) return false;
        }
        for (const std::string_view name : t.removed)
            if (find(name)) entries[cursor].used = true;
        for (const entry& e : entries)
            if (!rest && !e.used) return unexpected(e.node, at, nodes_[e.node].key, true);
        return true;
    }
    [[nodiscard]] static constexpr bool is_optional(const member& m) {
        return m.defaulted || m.type->kind == kind::optional;
    }
    [[nodiscard]] static constexpr bool may_be_absent(const member& m) {
        return m.transient || m.type->kind == kind::rest || m.type->kind == kind::metadata || is_optional(m);
    }
    constexpr bool missing(const type_facts& t, const place* at) {
        if (t.kind == kind::stand_in) return missing(*t.element, at);
        if (t.kind != kind::aggregate || t.members.empty()) return missing_key(t, at, nullptr);
        if (t.is_module) return missing_flat(t, at, flat_key());
        for (const member& m : t.members) {
            const place p{at, m.name};
            if (!may_be_absent(m) && !missing(*m.type, &p)) return false;
        }
        return true;
    }

    /// A field with a dtype_policy of its own; what stands in it has the same.
    class policy_scope {
    public:
        constexpr policy_scope(file_check& c, const member& m) : check_(c), before_(c.policy_) {
            if (m.retyped) c.policy_ = *m.retyped;
        }
        constexpr ~policy_scope() { check_.policy_ = before_; }
        policy_scope(const policy_scope&) = delete;
        policy_scope& operator=(const policy_scope&) = delete;

    private:
        file_check& check_;
        dtype_policy before_;
    };

    // below, structs as modules: archive/bind_module.hpp without values
    constexpr bool module(const type_facts& t, std::size_t n, const place* at);
    constexpr bool missing_flat(const type_facts& t, const place* at, const flat_key& key);
    constexpr bool flat_members(const type_facts& t, file_keys& keys, const place* at, const flat_key& key);
    constexpr bool flat(const type_facts& t, file_keys& keys, const place* at, const flat_key& key);
    static constexpr std::size_t count_indices(file_keys& keys, const flat_key& key);
    constexpr bool flat_map(const type_facts& t, file_keys& keys, const place* at, const flat_key& key);

    std::span<const file_node> nodes_;
    file_fault fault_;
    dtype_policy policy_ = dtype_policy::exact;
};

// -- structs that are modules against the dotted keys of a file
// ---------------------------------------------------------

constexpr bool file_check::missing_flat(const type_facts& t, const place* at, const flat_key& key) {
    if (t.kind == kind::stand_in && t.flattens) return missing_flat(*t.element, at, key);
    if (t.kind == kind::aggregate && t.flattens) {
        for (const member& m : t.members)
            if (!may_be_absent(m) && !missing_flat(*m.type, at, flat_key(key, m.name))) return false;
        return true;
    }
    if (t.kind == kind::tuple && t.flattens) {
        for (std::size_t i = 0; i < t.members.size(); ++i)
            if (!missing_flat(*t.members[i].type, at, flat_key(key, i))) return false;
        return true;
    }
    if (t.kind == kind::array && t.flattens) {
        for (std::size_t i = 0; i < t.count; ++i)
            if (!missing_flat(*t.element, at, flat_key(key, i))) return false;
        return true;
    }
    if (t.kind == kind::optional || (t.flattens && (t.kind == kind::map || t.kind == kind::sequence))) return true;
    return missing_key(t, at, &key);
}

constexpr bool file_check::module(const type_facts& t, std::size_t n, const place* at) {
    if (!file_keys::holds_items(nodes_[n].kind)) return mismatched(t, n, at);
    file_keys keys(nodes_, n);
    if (!flat_members(t, keys, at, flat_key())) return false;
    for (const file_keys::item& i : keys.items())
        if (!i.used && !i.container) return unexpected(i.node, at, i.key, false);
    return true;
}

constexpr bool file_check::flat_members(const type_facts& t, file_keys& keys, const place* at, const flat_key& key) {
    bool rest = false;
    for (const member& m : t.members) {
        if (m.transient || m.type->kind == kind::metadata) continue;
        if (m.type->kind == kind::rest) {
            rest = true;
            continue;
        }
        std::string_view name = m.name;
        for (std::size_t k = 0; k < m.old_names.size() && !keys.has(flat_key(key, name)); ++k)
            if (keys.has(flat_key(key, m.old_names[k]))) name = m.old_names[k];
        const flat_key k(key, name);
        const policy_scope policy(*this, m);
        if ((!m.defaulted || keys.has(k)) && !flat(*m.type, keys, at, k)) return false;
    }
    for (const std::string_view name : t.removed) {
        const flat_key gone(key, name);
        if (const file_keys::item* i = keys.find(gone)) keys.take(*i);
        for (file_keys::item& i : keys.around(gone)) i.used = i.used || gone.is_above(i.key);
    }
    if (!rest) return true;
    for (file_keys::item& i : keys.around(key)) i.used = i.used || key.is_above(i.key);
    return true;
}

constexpr bool file_check::flat(const type_facts& t, file_keys& keys, const place* at, const flat_key& key) {
    file_keys::item* i = keys.find(key);
    if (t.kind == kind::optional) {
        const bool none = i != nullptr && nodes_[i->node].kind == file_kind::none;
        if (none) keys.take(*i);
        return none || !keys.has(key) || flat(*t.element, keys, at, key);
    }
    if (!t.flattens || t.kind == kind::tensor) {
        if (i == nullptr || i->used || (t.kind == kind::tensor && i->container)) return missing_flat(t, at, key);
        keys.take(*i);
        const place p{at, i->key, 0, place::dotted};
        return any(t, i->node, &p);
    }
    if (i != nullptr && !i->container && file_keys::holds_items(nodes_[i->node].kind)) keys.take(*i);  // an empty one
    switch (t.kind) {
        case kind::aggregate: return flat_members(t, keys, at, key);
        case kind::stand_in: return flat(*t.element, keys, at, key);
        case kind::array:
            for (std::size_t k = 0; k < t.count; ++k)
                if (!flat(*t.element, keys, at, flat_key(key, k))) return false;
            return true;
        case kind::tuple:
            for (std::size_t k = 0; k < t.members.size(); ++k)
                if (!flat(*t.members[k].type, keys, at, flat_key(key, k))) return false;
            return true;
        case kind::sequence:
            for (std::size_t k = 0, n = count_indices(keys, key); k < n; ++k)
                if (!flat(*t.element, keys, at, flat_key(key, k))) return false;
            return true;
        case kind::map: return flat_map(t, keys, at, key);
        default: return true;
    }
}

/// The number of elements that keys such as "layers.0.weight" speak of. An index far beyond the number of keys is taken
/// for a name.
constexpr std::size_t file_check::count_indices(file_keys& keys, const flat_key& key) {
    std::size_t n = 0, leaves = 0;
    for (const file_keys::item& i : keys.around(key)) leaves += !i.container && key.is_above(i.key);
    for (const file_keys::item& i : keys.around(key)) {
        if (i.container || !key.is_above(i.key)) continue;
        std::size_t index = 0, digits = 0;
        const std::string_view rest = key.rest_of(i.key);
        while (digits < rest.size() && digits < 9 && rest[digits] >= '0' && rest[digits] <= '9')
            index = 10 * index + static_cast<std::size_t>(rest[digits++] - '0');
        const bool is_index = digits != 0 && (digits == rest.size() || rest[digits] == '.');
        if (is_index && index <= 4 * leaves + 1024 && index >= n) n = index + 1;
    }
    return n;
}

/// The names behind the key; whole ones for a map of tensors, else up to the next dot.
constexpr bool file_check::flat_map(const type_facts& t, file_keys& keys, const place* at, const flat_key& key) {
    const bool whole_names = t.element->kind == kind::tensor;
    std::vector<std::string_view> seen;
    for (const file_keys::item& i : keys.around(key)) {
        if (i.container || !key.is_above(i.key)) continue;
        const std::string_view rest = key.rest_of(i.key);
        const std::string_view name = whole_names ? rest : rest.substr(0, rest.find('.'));
        bool known = false;
        for (std::size_t k = seen.size(); k-- > 0 && !known;) known = same_text(seen[k], name);
        if (known) continue;
        seen.push_back(name);
        if (!flat(*t.element, keys, at, flat_key(key, name))) return false;
    }
    return true;
}

}  // namespace tarc::detail
