#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <tarc/archive/binder.hpp>
#include <tarc/archive/flat_view.hpp>
#include <tarc/archive/scalars.hpp>
#include <tarc/tensor/convert.hpp>
#include <tarc/util/vec.hpp>

/// Binding of scalars, tensors and containers, by what Python has for each (DESIGN 3).
namespace tarc::detail {

inline void binder::scalar(const type_facts& t, void* target, const node& n) {
    const bool number =
        t.kind == kind::boolean || t.kind == kind::integer || t.kind == kind::real || t.kind == kind::complex;
    if (number && n.kind == value_kind::tensor && n.tensor->shape.empty() && n.tensor->storage != nullptr &&
        !n.tensor->meta && options_.read_element != nullptr) {
        const element_value read(read_element(*n.tensor));
        const element_value exact = t.kind == kind::integer ? read.whole() : read;
        return stage(t, target, [&](void* p) {
            std::string why = read_scalar(t, p, exact.get());
            if (!why.empty()) return number_mismatch(t, p, read.get(), "a 0-d tensor of ", std::move(why));
            if (t.kind != kind::real || forms_ == nullptr) return;
            budget_.text(path_.size() + sizeof(element_form));
            forms_->emplace(path_.substr(forms_at_), element_form{n.tensor->type, read_real(t, p)});
        });
    }
    stage(t, target, [&](void* p) {
        std::string why = read_within_budget(t, p, n);
        if (!why.empty()) number_mismatch(t, p, n, "", std::move(why));
    });
}

/// A scalar that does not fit as it is, but may by the load's dtype_policy.
inline void binder::number_mismatch(const type_facts& t, void* p, const node& n, const char* what, std::string why) {
    std::string archived = what + describe_node(n);
    if (policy_ != dtype_policy::exact && cast_number(t, p, n, policy_ == dtype_policy::cast))
        return converted(std::move(archived), std::move(why));
    const bool same_kind = (t.kind == kind::integer && n.kind == value_kind::integer) ||
                           (t.kind == kind::real && (n.kind == value_kind::real || n.kind == value_kind::integer)) ||
                           (t.kind == kind::enumeration && t.has_names && n.kind == value_kind::string);
    mismatch(std::move(archived), std::move(why), same_kind ? difference::value : difference::kind);
}

inline any_tensor binder::read_element(const tensor_body& t) {
    try {
        return options_.read_element(options_.context, t);
    } catch (error& e) {
        e.at_field(file_path({}));
        throw;
    }
}

inline std::string binder::read_within_budget(const type_facts& t, void* p, const node& n) {
    if (n.kind == value_kind::string || n.kind == value_kind::bytes) budget_.text(n.size);
    return read_scalar(t, p, n);
}

/// read_scalar, with its complaint in the report.
inline bool binder::read_text(const type_facts& t, void* p, const node& n) {
    std::string why = read_within_budget(t, p, n);
    if (!why.empty()) mismatch(n, std::move(why));
    return why.empty();
}

inline void binder::tensor(const type_facts& t, void* target, const node& n) {
    if (n.kind != value_kind::tensor) {
        if (!t.any_dtype &&
            (n.kind == value_kind::integer || n.kind == value_kind::real || n.kind == value_kind::boolean ||
             n.kind == value_kind::complex) &&
            (!t.has_rank || t.extents.empty()))
            return tensor_of_scalar(t, target, n);
        return mismatch(n, tensor_text(t));
    }
    const tensor_body& b = *n.tensor;
    const bool same = t.any_dtype || t.dtype == b.type;
    if (!same && !can_convert(policy_, b.type, t.dtype)) return mismatch(n, tensor_text(t), difference::dtype);
    if (t.has_rank && b.shape.size() != t.extents.size()) return mismatch(n, tensor_text(t), difference::rank);
    for (std::size_t i = 0; i < t.extents.size(); ++i)
        if (t.extents[i] != dyn && t.extents[i] != b.shape[i]) return mismatch(n, tensor_text(t), difference::extent);
    if (!same) converted(describe_node(n), tensor_text(t));
    out_.tensors.push_back({t.tensor(target), &b, file_path({}), same ? b.type : t.dtype, hidden_});
}

inline void binder::tensor_of_scalar(const type_facts& t, void* target, const node& n) {
    any_tensor made;
    if (!element_tensor(t.dtype, n, made))
        return mismatch(n, tensor_text(t) + ", into which this value does not convert exactly");
    const tensor_base& old = *t.tensor(target);
    if (options_.in_place && !hidden_ && old.defined() && old.dtype() == t.dtype && old.shape().empty() &&
        host_accessible(old.device()))
        return out_.elements.push_back({any_tensor(old), made});
    stage(t, target, [&](void* p) { detail_access::assign(*t.tensor(p), made); });
}

inline void binder::optional(const type_facts& t, void* target, const node& n) {
    stage_parts(t, target, n.kind != value_kind::none && t.get(target) != nullptr, [&](void* p) {
        if (n.kind == value_kind::none) return t.clear(p);
        void* inner = t.get(p);
        any(*t.element, inner != nullptr ? inner : t.emplace(p, 0), n);
    });
}

inline void binder::bits(const type_facts& t, void* target, const node& n) {
    const list_body* items = items_of(n);
    if (items == nullptr) return mismatch(n, "a list of bool");
    budget_.visit(items->size);
    budget_.grow(facts_of<bool>, items, items->size);
    stage(t, target, [&](void* p) {
        t.resize(p, items->size);
        for (std::size_t i = 0; i < items->size; ++i) {
            if ((*items)[i]->kind != value_kind::boolean) return mismatch(*(*items)[i], "bool");
            t.set_bit(p, i, (*items)[i]->boolean);
        }
    });
}

inline void binder::sequence(const type_facts& t, void* target, const node& n) {
    const list_body* items = items_of(n);
    if (items == nullptr) return mismatch(n, "a list");
    budget_.grow(*t.element, items, items->size);
    stage_parts(t, target, t.get_size(target) == items->size, [&](void* p) {
        t.resize(p, items->size);
        const container_scope c(*this);
        for (std::size_t i = 0; i < items->size; ++i) {
            scope s(path_, std::to_string(i), '/');
            any(*t.element, t.at(p, i), *(*items)[i]);
        }
    });
}

inline void binder::fixed(const type_facts& t, void* target, const node& n) {
    const list_body* items = items_of(n);
    const std::size_t want = t.kind == kind::array ? t.count : t.members.size();
    if (items == nullptr || items->size != want)
        return mismatch(n, (t.kind == kind::array ? "a list of " : "a tuple of ") + std::to_string(want),
                        items == nullptr ? difference::kind : difference::extent);
    for_each_part(t, target, [&](std::size_t i, const type_facts& part, void* p) {
        scope s(path_, std::to_string(i), '/');
        any(part, p, *(*items)[i]);
    });
}

inline void binder::set(const type_facts& t, void* target, const node& n) {
    if (n.kind != value_kind::set) return mismatch(n, "a set");
    budget_.visit(n.list->size);
    stage(t, target, [&](void* p) {
        const std::size_t before = out_.report.mismatched.size();
        t.clear(p);
        for (const node* item : *n.list) {
            temporary e(*t.element);
            if (read_text(*t.element, e.object, *item)) t.insert(p, e.object);
        }
        if (t.get_size(p) < n.list->size && before == out_.report.mismatched.size())
            mismatch(n, "a set whose elements differ as elements of the struct's set");
    });
}

inline void binder::map(const type_facts& t, void* target, const node& n) {
    const dict_body* d = dict_of(n);
    if (d == nullptr) return mismatch(n, "a dict");
    const bool tensors = t.key->kind == kind::string && t.element->kind == kind::tensor;
    if (tensors && flat_view::is_nested(n)) return nested(t, target, n);
    budget_.grow(*t.element, d, d->size);
    stage(t, target, [&](void* p) {
        const container_scope c(*this);
        // All keys come first, since some maps move their elements when one is added.
        struct wanted_value {
            const entry* from;
            void* to;
        };
        vec<wanted_value> wanted;
        wanted.reserve(d->size);
        temporary made(t), key(*t.key);
        std::string text;
        for (const entry& e : *d) {
            scope s(path_, step_text(*e.key, text), '/');
            if (!read_key(t, key.object, *e.key, tensors)) continue;
            const inserted at = keep(t, p, made.object, key.object);
            if (at.fresh)
                wanted.push_back({&e, at.value});
            else  // two keys of the file become one
                mismatch("the key " + describe_node(*e.key), "keys that differ");
        }
        t.move(made.object, p);
        for (const wanted_value& w : wanted) {
            scope s(path_, step_text(*w.from->key, text), '/');
            void* value = w.to;
            if (t.stable || (read_key(t, key.object, *w.from->key, tensors) && t.find(p, key.object, &value)))
                any(*t.element, value, *w.from->value);
        }
    });
}

/// A map of tensors from a state_dict that is nested, or from an entire pickled model.
inline void binder::nested(const type_facts& t, void* target, const node& n) {
    flat_view view(n, options_, out_.texts, budget_);
    stage(t, target, [&](void* p) {
        const container_scope c(*this);
        temporary made(t);
        for (const auto& i : view.items()) {
            if (i.container) continue;
            std::string name(i.key);
            budget_.text(name.size());
            if (!keep(t, p, made.object, &name).fresh)  // two places of the file become one key
                mismatch("the key \"" + std::string(i.whole) + "\"", "keys that differ");
        }
        t.move(made.object, p);
        for (const auto& i : view.items()) {
            const std::string name(i.key);
            scope s(path_, name, '/');
            void* value = nullptr;
            if (!i.container && view.find(i.key) == &i && t.find(p, &name, &value)) any(*t.element, value, *i.value);
        }
    });
}

inline bool binder::read_key(const type_facts& t, void* to, const node& n, bool strip) {
    budget_.visit();
    if (n.kind == value_kind::string) budget_.text(n.size);
    if (std::string why = read_scalar(*t.key, to, n); !why.empty()) {
        mismatch("the key " + describe_node(n), std::move(why));
        return false;
    }
    if (auto* name = static_cast<std::string*>(to);
        strip && !options_.strip_prefix.empty() && name->starts_with(options_.strip_prefix))
        name->erase(0, options_.strip_prefix.size());
    if (auto* name = static_cast<std::string*>(to); strip && !options_.keys.empty())
        *name = options_.keys.wanted(*name);
    return true;
}

/// Adds a key to a new map, with the value that the old one has there, so that an in-place load finds its tensors.
inline inserted binder::keep(const type_facts& t, void* old, void* made, void* key) {
    void* from = nullptr;
    const bool had = t.find(old, key, &from);
    const inserted at = t.insert(made, key);
    if (had && at.fresh) t.element->move(from, at.value);
    return at;
}

inline void binder::variant(const type_facts& t, void* target, const node& n) {
    std::size_t which = t.members.size();
    const node* inner = &n;
    if (t.tagged) {
        const list_body* items = items_of(n);
        if (items == nullptr || items->size != 2 || (*items)[0]->kind != value_kind::integer || (*items)[0]->big)
            return mismatch(n, "a tuple (index, value)");
        const std::int64_t index = (*items)[0]->integer;
        if (index < 0 || static_cast<std::uint64_t>(index) >= t.members.size())
            return mismatch("the index " + std::to_string(index),
                            "one of " + std::to_string(t.members.size()) + " alternatives");
        which = static_cast<std::size_t>(index);
        inner = (*items)[1];
    } else {
        for (std::size_t i = 0; i < t.members.size() && which == t.members.size(); ++i)
            if (accepts(*t.members[i].type, n, true)) which = i;
        for (std::size_t i = 0; i < t.members.size() && which == t.members.size(); ++i)
            if (accepts(*t.members[i].type, n, false)) which = i;
        if (which == t.members.size()) return mismatch(n, "one of a variant's alternatives");
    }
    stage(t, target, [&](void* p) {
        const container_scope c(*this);
        any(*t.members[which].type, t.which(p) == which ? t.get(p) : t.emplace(p, which), *inner);
    });
}

/// Whether a Python value is of the kind that a type is written as; `exactly` leaves out an int for a float.
inline bool binder::accepts(const type_facts& t, const node& n, bool exactly) {
    switch (t.kind) {
        case kind::stand_in: return accepts(*t.element, n, exactly);
        case kind::none: return n.kind == value_kind::none;
        case kind::boolean: return n.kind == value_kind::boolean;
        case kind::integer: return n.kind == value_kind::integer;
        case kind::real: return n.kind == value_kind::real || (!exactly && n.kind == value_kind::integer);
        case kind::complex:
            return n.kind == value_kind::complex ||
                   (!exactly && (n.kind == value_kind::real || n.kind == value_kind::integer));
        case kind::string:
        case kind::text: return n.kind == value_kind::string;
        case kind::enumeration: return n.kind == (t.has_names ? value_kind::string : value_kind::integer);
        case kind::bytes: return n.kind == value_kind::bytes;
        case kind::tensor: return n.kind == value_kind::tensor;
        case kind::bits:
        case kind::sequence:
        case kind::array:
        case kind::tuple: return items_of(n) != nullptr;
        case kind::set: return n.kind == value_kind::set;
        case kind::map:
        case kind::aggregate: return dict_of(n) != nullptr;
        default: return false;
    }
}

}  // namespace tarc::detail
