#pragma once

#include <algorithm>  // std::min, std::max
#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>  // std::errc
#include <utility>

#include <tarc/archive/binder.hpp>
#include <tarc/archive/flat_view.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

/// Binding of modules: dotted keys, in whatever form the file has them (archive/flat_view.hpp).
namespace tarc::detail {

inline void binder::missing_flat(const type_facts& t, const std::string& key) {
    if (t.kind == kind::stand_in && t.flattens) return missing_flat(*t.element, key);
    if (t.kind == kind::aggregate && t.flattens) {
        for (const member& m : t.members) {
            if (m.transient || m.defaulted || m.type->kind == kind::rest || m.type->kind == kind::metadata ||
                m.type->kind == kind::optional)
                continue;
            missing_flat(*m.type, below(key, m.name));
        }
    } else if (t.kind == kind::tuple && t.flattens) {
        for (std::size_t i = 0; i < t.members.size(); ++i)
            missing_flat(*t.members[i].type, below(key, std::to_string(i)));
    } else if (t.kind == kind::array && t.flattens) {
        for (std::size_t i = 0; i < t.count; ++i) missing_flat(*t.element, below(key, std::to_string(i)));
    } else if (t.kind == kind::optional || (t.flattens && (t.kind == kind::map || t.kind == kind::sequence))) {
        return;
    } else {
        missing_key(key);
    }
}

inline void binder::module(const type_facts& t, void* target, const node& n) {
    if (dict_of(n) == nullptr && items_of(n) == nullptr) return mismatch(n, "a state_dict");
    flat_view view(n, options_, out_.texts, budget_);
    std::array<void*, max_parts> at;
    t.addresses(target, at.data());
    for (std::size_t i = 0; i < t.members.size(); ++i)
        if (!t.members[i].transient && t.members[i].type->kind == kind::metadata)
            metadata(*t.members[i].type, at[i], n);
    flat_members(t, target, view, {});
    for (auto& i : view.items())
        if (!i.used && !i.container) unexpected(i.key);
}

/// What older files have and no field has taken.
inline void binder::forget_removed(const type_facts& t, flat_view& view, const std::string& key) {
    for (const std::string_view name : t.removed) {
        const std::string gone = below(key, name);
        if (const flat_view::item* i = view.find(gone)) view.take(*i);
        for (const std::size_t i : view.below(gone)) view.take(i);
    }
}

inline void binder::flat_members(const type_facts& t, void* target, flat_view& view, const std::string& key) {
    std::array<void*, max_parts> at;
    t.addresses(target, at.data());
    std::size_t rest = max_parts;
    for (std::size_t i = 0; i < t.members.size(); ++i) {
        const member& m = t.members[i];
        if (m.transient || m.type->kind == kind::metadata) continue;  // an inner struct's metadata stays as it is
        if (m.type->kind == kind::rest) {
            rest = i;
            continue;
        }
        flat_member(m, at[i], view, key);
    }
    forget_removed(t, view, key);
    if (rest == max_parts) return;
    stage(*t.members[rest].type, at[rest], [&](void* p) {
        auto& r = *static_cast<tarc::rest*>(p);
        keep_unselected(r, key);
        for (const std::size_t i : view.left_below(key)) {
            if (!takes(view[i].key) || view.find(view[i].key) != &view[i]) continue;  // one of two: unexpected
            r.append(tarc::value(view[i].key.substr(key.empty() ? 0 : key.size() + 1)), copied(*view[i].value));
            view.take(i);
        }
    });
}

inline void binder::flat_member(const member& m, void* target, flat_view& view, const std::string& key) {
    const std::string name = below(key, m.name);
    for (std::size_t k = 0; k < m.old_names.size() && !view.has(name); ++k)
        view.rename(below(key, m.old_names[k]), name);
    const policy_scope p(*this, m);
    if (!m.defaulted || view.has(name)) flat(*m.type, target, view, name);
}

inline void binder::flat(const type_facts& t, void* target, flat_view& view, const std::string& key) {
    budget_.visit();
    if (t.kind == kind::optional) return flat_optional(t, target, view, key);
    if (!t.flattens || t.kind == kind::tensor) {
        flat_view::item* i = view.find(key);
        if (!takes(key)) {
            if (i != nullptr) view.take(*i);
            return;
        }
        if (i == nullptr || i->used || (t.kind == kind::tensor && i->container && i->value->kind != value_kind::object))
            return missing_flat(t, key);
        view.take(*i);
        scope s(path_, key, '/');
        return any(t, target, *i->value);
    }
    if (flat_view::item* i = view.find(key); i != nullptr && i->empty()) view.take(*i);  // of a nested form
    switch (t.kind) {
        case kind::aggregate: return flat_members(t, target, view, key);
        case kind::stand_in: return stand_in(t, target, [&](void* made) { flat(*t.element, made, view, key); });
        case kind::array:
        case kind::tuple:
            return for_each_part(t, target, [&](std::size_t i, const type_facts& part, void* p) {
                flat(part, p, view, key + "." + std::to_string(i));
            });
        case kind::sequence: {
            const bool whole = takes_whole(view, key);
            std::size_t n = count_indices(view, key, !whole);
            const std::size_t old = t.get_size(target);
            budget_.holes(*t.element, n - std::min(n, view.below(key).size()));
            if (!whole) n = std::max(n, old);
            if (!options_.strict && old != 0)
                n = old;  // a warm start fills the layers that the model has, as torch's does
            return stage_parts(t, target, n == old, [&](void* p) {
                t.resize(p, n);
                for (std::size_t i = 0; i < n; ++i) flat(*t.element, t.at(p, i), view, key + "." + std::to_string(i));
            });
        }
        case kind::map:
            return stage(t, target, [&](void* p) {
                const bool fixed = !options_.strict && t.element->kind != kind::tensor && t.get_size(p) != 0;
                const bool whole = takes_whole(view, key);
                vec<std::string> names;
                if (!fixed) names = names_below(view, key, t.element->kind == kind::tensor, !whole);
                temporary made(t);
                for (std::string name : names) {
                    budget_.text(name.size());
                    keep(t, p, made.object, &name);
                }
                if (fixed || !whole || !options_.strict) {  // elements that the file has not stay, and are missing
                    const vec<std::string> known_names = names_in(t, p);
                    const auto before = [&](std::size_t a, std::size_t b) { return known_names[a] < known_names[b]; };
                    for (const std::size_t i : sorted_numbers(known_names.size(), before)) {
                        const std::string& name = known_names[i];
                        std::string copy = name;
                        if (void* known = nullptr; t.find(made.object, &name, &known)) continue;
                        keep(t, p, made.object, &copy);
                        names.push_back(name);
                    }
                }
                t.move(made.object, p);
                for (const std::string& name : names) {
                    void* value = nullptr;
                    if (t.find(p, &name, &value)) flat(*t.element, value, view, key + "." + name);
                }
            });
        default: return;
    }
}

inline void binder::flat_optional(const type_facts& t, void* target, flat_view& view, const std::string& key) {
    flat_view::item* i = view.find(key);
    if (options_.filter->active() && !takes(key) && takes_any(view, key) == 0) {
        if (i != nullptr) view.take(*i);
        return;
    }
    const bool none = i != nullptr && i->value->kind == value_kind::none;
    if (none) view.take(*i);
    if (none || !view.has(key)) {
        if (none || options_.strict) stage(t, target, [&](void* p) { t.clear(p); });
        return;
    }
    stage_parts(t, target, t.get(target) != nullptr, [&](void* p) {
        void* inner = t.get(p);
        flat(*t.element, inner != nullptr ? inner : t.emplace(p, 0), view, key);
    });
}

inline vec<std::string> binder::names_in(const type_facts& t, const void* map) {
    vec<std::string> names;
    t.for_each(map, &names, [](void* to, const void* key, void*) {
        static_cast<vec<std::string>*>(to)->push_back(*static_cast<const std::string*>(key));
    });
    return names;
}

/// The number of elements that keys such as "layers.0.weight" speak of. An index far beyond the number of keys is taken
/// for a name, so that a hostile file cannot ask for memory.
inline std::size_t binder::count_indices(flat_view& view, const std::string& key, bool only_taken) {
    const auto leaves = view.below(key);
    std::size_t n = 0;
    for (const std::size_t i : leaves) {
        if (only_taken && !takes(view[i].key)) continue;
        const std::string_view rest = view[i].key.substr(key.empty() ? 0 : key.size() + 1);
        const std::string_view first = rest.substr(0, rest.find('.'));
        std::size_t index = 0;
        const auto [end, bad] = std::from_chars(first.data(), first.data() + first.size(), index);
        if (bad != std::errc{} || end != first.data() + first.size() || index > 4 * leaves.size() + 1024) continue;
        n = std::max(n, index + 1);
    }
    return n;
}

/// The names that stand behind the key; whole ones for a map of tensors, else up to the next dot. In file order.
inline vec<std::string> binder::names_below(flat_view& view, const std::string& key, bool whole_names,
                                            bool only_taken) {
    const vec<std::size_t> leaves = view.in_file_order(key);
    vec<std::string> names;
    text_set seen;
    for (const std::size_t i : leaves) {
        if (only_taken && !takes(view[i].key)) continue;
        const std::string_view rest = view[i].key.substr(key.size() + 1);
        const std::string_view name = whole_names ? rest : rest.substr(0, rest.find('.'));
        if (seen.add(name).fresh) names.push_back(std::string(name));
    }
    return names;
}

}  // namespace tarc::detail
