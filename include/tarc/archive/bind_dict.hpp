#pragma once

#include <array>
#include <charconv>  // std::from_chars
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/archive/binder.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tree.hpp>

/// Binding of structs that are dicts: a key for each field.
namespace tarc::detail {

/// Where a dict has a string key; hashed only when that pays.
class name_index {
public:
    explicit name_index(const dict_body& d) : dict_(d) {
        if (d.size <= 16) return;
        for (std::size_t i = 0; i < d.size; ++i)
            if (d[i].key->kind == value_kind::string && by_name_.add(d[i].key->str()).fresh) places_.push_back(i);
    }
    [[nodiscard]] std::size_t find(std::string_view name) const {
        if (dict_.size > 16) {
            const std::size_t at = by_name_.find(name);
            return at == text_set::none ? dict_.size : places_[at];
        }
        for (std::size_t i = 0; i < dict_.size; ++i)
            if (dict_[i].key->kind == value_kind::string && dict_[i].key->str() == name) return i;
        return dict_.size;
    }

private:
    const dict_body& dict_;
    text_set by_name_;
    vec<std::size_t> places_;
};

inline void binder::dict(const type_facts& t, void* target, const node& n) {
    const dict_body* d = dict_of(n);
    if (d == nullptr) return mismatch(n, "a dict");
    budget_.visit(d->size);
    std::array<void*, max_parts> at;
    t.addresses(target, at.data());
    const name_index names(*d);
    vec<bool> used(d->size);
    std::size_t rest = max_parts;
    element_forms forms;
    const forms_scope f(*this, &forms);
    for (std::size_t i = 0; i < t.members.size(); ++i) {
        const member& m = t.members[i];
        if (m.transient) continue;
        if (m.type->kind == kind::rest) {
            rest = i;
        } else if (m.type->kind == kind::metadata) {
            metadata(*m.type, at[i], n);
        } else {
            std::size_t where = names.find(m.name);
            for (std::size_t k = 0; k < m.old_names.size() && where == d->size; ++k) where = names.find(m.old_names[k]);
            scope s(path_, escaped(m.name), '/');
            const policy_scope p(*this, m);
            if (const node* part = where == d->size && options_.dotted ? gathered(m, *d, used) : nullptr) {
                any(*m.type, at[i], *part);
            } else if (where == d->size) {
                absent(m, at[i]);
            } else {
                used[where] = true;
                any(*m.type, at[i], *(*d)[where].value);
            }
        }
    }
    for (const std::string_view name : t.removed)
        if (const std::size_t where = names.find(name); where != d->size)
            used[where] = true;
        else if (options_.dotted)
            static_cast<void>(below_dot(*d, name, used));
    if (rest != max_parts) {
        stage(*t.members[rest].type, at[rest], [&](void* p) {
            auto& r = *static_cast<tarc::rest*>(p);
            keep_unselected(r, {});
            for (std::size_t i = 0; i < d->size; ++i)
                if (!used[i] && takes(step_text(*(*d)[i].key))) r.append(copied(*(*d)[i].key), copied(*(*d)[i].value));
            r.set_forms(forms);
        });
        return;
    }
    for (std::size_t i = 0; i < d->size; ++i) {
        if (!used[i]) unexpected(step_text(*(*d)[i].key));
    }
}

/// A key without its first bytes.
inline node* binder::rest_of(const node& key, std::size_t bytes) {
    node* rest = out_.values->make(value_kind::string);
    rest->text = key.text + bytes;
    rest->size = key.size - bytes;
    return rest;
}

/// What stands below a name in a format without containers ("model.fc1.weight" below "model"), as a dict; null where
/// nothing does.
inline node* binder::below_dot(const dict_body& d, std::string_view name, vec<bool>& used) {
    node* part = nullptr;
    tree& t = *out_.values;
    budget_.visit(d.size);
    for (std::size_t i = 0; i < d.size; ++i) {
        const node& key = *d[i].key;
        if (key.kind != value_kind::string || key.size <= name.size() + 1 || !key.str().starts_with(name) ||
            key.text[name.size()] != '.')
            continue;
        if (part == nullptr) part = t.dict();
        t.insert(part, rest_of(key, name.size() + 1), d[i].value);
        used[i] = true;
    }
    return part;
}

/// The container that a field was written from to a format that has none; null where there is nothing of it.
inline const node* binder::gathered(const member& m, const dict_body& d, vec<bool>& used) {
    if (!has_steps(*m.type)) return nullptr;
    node* part = below_dot(d, m.name, used);
    for (std::size_t k = 0; k < m.old_names.size() && part == nullptr; ++k) part = below_dot(d, m.old_names[k], used);
    return part == nullptr ? nullptr : shaped(*m.type, part);
}

/// Whether values of a type stand below steps of a path, not at its end.
inline bool binder::has_steps(const type_facts& t) {
    switch (t.kind) {
        case kind::optional:
        case kind::stand_in: return has_steps(*t.element);
        case kind::aggregate:
        case kind::sequence:
        case kind::array:
        case kind::tuple:
        case kind::map:
        case kind::value: return true;
        default: return false;
    }
}

/// A dict of dotted names as the type has it. Names that do not fit stay, and are reported where they are bound.
inline node* binder::shaped(const type_facts& type, node* part) {
    const type_facts& t = type.kind == kind::optional || type.kind == kind::stand_in ? *type.element : type;
    if (&t != &type) return shaped(t, part);
    const bool list = t.kind == kind::sequence || t.kind == kind::array || t.kind == kind::tuple;
    const bool numbered_map = t.kind == kind::map && t.key->kind == kind::integer;
    if (!list && !numbered_map && (t.kind != kind::map || !has_steps(*t.element))) return part;
    const dict_body& d = *part->dict;
    budget_.visit(d.size);
    text_set firsts;  // first steps, and what stands at each: one value, or a dict of what is below
    vec<node*> at, below;
    for (const entry& e : d) {
        const std::string_view key = e.key->str(), first = key.substr(0, key.find('.'));
        const numbered n = firsts.add(first);
        if (n.fresh) {
            at.push_back(nullptr);
            below.push_back(nullptr);
        }
        if (first.size() == key.size()) {
            at[n.number] = e.value;
            continue;
        }
        if (below[n.number] == nullptr) below[n.number] = out_.values->dict();
        out_.values->insert(below[n.number], rest_of(*e.key, first.size() + 1), e.value);
    }
    node* made = list ? out_.values->sequence(value_kind::list) : out_.values->dict();
    for (std::size_t i = 0; i < at.size(); ++i) {
        const std::string name = list ? std::to_string(i) : std::string();
        const std::size_t n = list ? firsts.find(name) : i;
        if (n == text_set::none || (at[n] != nullptr && below[n] != nullptr)) return part;
        if (t.kind == kind::tuple && i >= t.members.size()) return part;
        const type_facts& element = t.kind == kind::tuple ? *t.members[i].type : *t.element;
        node* item = at[n] == nullptr && has_steps(element) ? shaped(element, below[n]) : at[n];
        if (item == nullptr) return part;
        std::int64_t number = 0;
        if (list) {
            out_.values->append(made, item);
        } else if (!numbered_map) {
            out_.values->insert(made, firsts[i], item);
        } else {
            const std::string_view text = firsts[i];
            std::from_chars(text.data(), text.data() + text.size(), number);
            if (std::to_string(number) != text) return part;
            out_.values->insert(made, out_.values->integer(number), item);
        }
    }
    return made;
}

inline void binder::metadata(const type_facts& t, void* target, const node& n) {
    const node* state = n.kind == value_kind::dict ? n.dict->state : nullptr;
    const node* found = nullptr;
    if (state != nullptr && state->kind == value_kind::dict)
        for (const entry& e : *state->dict)
            if (e.key->kind == value_kind::string && e.key->str() == "_metadata") found = e.value;
    stage(t, target, [&](void* p) {
        auto& data = static_cast<module_metadata*>(p)->data;
        data = found == nullptr ? tarc::value() : copied(*found);
        if (found != nullptr && found->kind == value_kind::dict && !options_.strip_prefix.empty())
            strip_metadata(*out_.copier.copy(found));
    });
}

/// The keys of `_metadata` name modules, without a dot at the end ("module" and "module.fc1" for the prefix
/// "module."). That of the wrapper itself ("") goes, as in torch's consume_prefix_in_state_dict_if_present.
inline void binder::strip_metadata(node& copy) {
    const std::string_view prefix = options_.strip_prefix;
    const std::string_view wrapper = prefix.substr(0, prefix.size() - (prefix.ends_with('.') ? 1 : 0));
    bool wrapped = false;
    for (const entry& e : *copy.dict) wrapped |= e.key->kind == value_kind::string && e.key->str() == wrapper;
    if (!wrapped) return;
    auto* kept = out_.values->memory.make<dict_body>();
    kept->cls = copy.dict->cls;
    kept->state = copy.dict->state;
    for (const entry& e : *copy.dict) {
        if (e.key->kind != value_kind::string) continue;
        const std::string_view name = e.key->str();
        if (name == wrapper)
            kept->push_back(out_.values->memory, {out_.values->string(""), e.value});
        else if (name.starts_with(prefix))
            kept->push_back(out_.values->memory, {out_.values->string(name.substr(prefix.size())), e.value});
        else if (!name.empty())
            kept->push_back(out_.values->memory, e);
    }
    copy.dict = kept;
}

/// A field whose key the file does not have.
inline void binder::absent(const member& m, void* target) {
    if (m.defaulted) return;
    if (m.type->kind == kind::optional) {
        if (options_.strict && options_.filter->takes_container(path_))
            stage(*m.type, target, [&](void* p) { m.type->clear(p); });
        return;
    }
    missing(*m.type);
}

/// One missing key for each leaf below the path; a container whose keys the file decides is one.
inline void binder::missing(const type_facts& t) {
    if (t.kind == kind::stand_in) return missing(*t.element);
    if (t.kind == kind::aggregate && !t.members.empty()) {
        if (t.is_module) return missing_flat(t, {});
        for (const member& m : t.members) {
            if (m.transient || m.defaulted || m.type->kind == kind::rest || m.type->kind == kind::metadata ||
                m.type->kind == kind::optional)
                continue;
            scope s(path_, escaped(m.name), '/');
            missing(*m.type);
        }
        return;
    }
    missing_key({});
}

inline void binder::missing_key(const std::string& key) {
    std::string path = path_;
    if (!key.empty()) path.append(path.empty() ? "" : "/").append(key);
    if (!options_.filter->takes_container(path)) return;
    budget_.text(path.size());
    out_.report.missing_keys.push_back(std::move(path));
}

}  // namespace tarc::detail
