#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include <tarc/reflect/file_check.hpp>
#include <tarc/reflect/file_keys.hpp>

/// Structs that are modules against the dotted keys of a file: archive/bind_module.hpp without values.
namespace tarc::detail {

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
