#pragma once

#include <array>
#include <compare>  // std::strong_order
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/key_map.hpp>
#include <tarc/archive/path_scope.hpp>
#include <tarc/archive/scalars.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/utf8.hpp>
#include <tarc/value/value.hpp>

namespace tarc::detail {

/// A struct as a value tree: ordinary functions over the tables of reflect/leaves.hpp. Errors: errc::unsavable, with
/// the field's path.
class encoder {
public:
    /// `keys`: what the file calls the keys of state_dicts. `has_none`: the format has a None for an empty optional;
    /// else the field is left out.
    explicit encoder(tree& to, const key_map& keys = {}, bool has_none = true)
        : tree_(to), copier_(to), keys_(keys), has_none_(has_none) {}

    [[nodiscard]] node* encode(const type_facts& t, const void* object) { return any(t, object); }

private:
    using scope = path_scope;

    [[noreturn]] void fail(std::string message) const {
        error e(errc::unsavable, std::move(message));
        throw std::move(e.at_field(path_));
    }

    node* integer(const type_facts& t, const void* p) {
        const std::int64_t i = read_signed(t, p);
        return t.is_signed ? tree_.integer(i) : tree_.unsigned_integer(static_cast<std::uint64_t>(i));
    }

    /// As the 0-d tensor that it came from, while it has that value.
    node* real(const type_facts& t, const void* p) {
        const double x = read_real(t, p);
        node* n = tree_.real(x);
        if (forms_ == nullptr) return n;
        const auto f = forms_->find(std::string_view(path_).substr(forms_at_));
        any_tensor made;
        if (f == forms_->end() || f->second.value != x || !element_tensor(f->second.type, *n, made)) return n;
        return tensor_node(tree_, made);
    }

    node* string(std::string_view s) {
        if (!is_utf8(s))
            fail("the text is not UTF-8 -- a str of Python must be; use std::vector<std::byte> for other bytes");
        return tree_.string(s);
    }

    node* enumeration(const type_facts& t, const void* p) {
        if (!t.has_names) return integer(t, p);
        const std::int64_t v = read_signed(t, p);
        for (const enum_entry& e : t.names)
            if (e.value == v) return tree_.string(e.name);
        fail("the enum's value " + std::to_string(v) + " has no name in tarc::enum_names");
    }

    node* tensor(const type_facts& t, const void* p) {
        const tensor_base& x = *t.tensor(const_cast<void*>(p));
        if (!x.defined())
            fail("the tensor is undefined: it was never given a storage -- make it std::optional if it may be absent");
        return tensor_node(tree_, x);
    }

    node* any(const type_facts& t, const void* p) {
        void* const q = const_cast<void*>(p);  // the tables' accessors hand out what callers here only read
        switch (t.kind) {
            case kind::none: return tree_.none();
            case kind::boolean: return tree_.boolean(*static_cast<const bool*>(p));
            case kind::integer: return integer(t, p);
            case kind::real: return real(t, p);
            case kind::complex:
                return tree_.complex(read_real(t, p), read_real(t, static_cast<const char*>(p) + t.size));
            case kind::string: return string(*static_cast<const std::string*>(p));
            case kind::bytes: {
                const auto& b = *static_cast<const std::vector<std::byte>*>(p);
                return tree_.bytes({reinterpret_cast<const char*>(b.data()), b.size()});
            }
            case kind::enumeration: return enumeration(t, p);
            case kind::text: return string(t.to_text(p));
            case kind::tensor: return tensor(t, p);
            case kind::value: return copy_into(copier_, tree_, *static_cast<const tarc::value*>(p));
            case kind::stand_in: {
                temporary made(*t.element);
                t.save_as(p, made.object);
                return any(*t.element, made.object);
            }
            case kind::optional: {
                void* inner = t.get(q);
                return inner == nullptr ? tree_.none() : any(*t.element, inner);
            }
            case kind::bits: {
                node* list = tree_.sequence(value_kind::list);
                for (std::size_t i = 0, n = t.get_size(p); i < n; ++i)
                    tree_.append(list, tree_.boolean(t.get_bit(p, i)));
                return list;
            }
            case kind::sequence:
            case kind::array: {
                node* list = tree_.sequence(value_kind::list);
                for (std::size_t i = 0, n = t.get_size(p); i < n; ++i) {
                    scope s(path_, std::to_string(i), '/');
                    tree_.append(list, any(*t.element, t.at(q, i)));
                }
                return list;
            }
            case kind::tuple: {
                node* tuple = tree_.sequence(value_kind::tuple);
                std::array<void*, max_parts> at;
                t.addresses(q, at.data());
                for (std::size_t i = 0; i < t.members.size(); ++i) {
                    scope s(path_, std::to_string(i), '/');
                    tree_.append(tuple, any(*t.members[i].type, at[i]));
                }
                return tuple;
            }
            case kind::set: {
                node* set = tree_.sequence(value_kind::set);
                for (const pair& e : elements(t, p)) tree_.append(set, any(*t.element, e.key));
                return set;
            }
            case kind::map: {
                node* dict = tree_.dict();
                vec<std::string_view> origins;
                for (const pair& e : elements(t, p)) {
                    node* key = any(*t.key, e.key);
                    if (!keys_.empty() && key->kind == value_kind::string)
                        origins.push_back(tree_.string(key->str())->str());
                    if (!keys_.empty() && t.key->kind == kind::string && t.element->kind == kind::tensor)
                        key = tree_.string(keys_.archived(key->str()));
                    const std::string number = key->kind == value_kind::string ? std::string() : key_text(*key);
                    scope s(path_, number.empty() ? key->str() : std::string_view(number), '/');
                    tree_.insert(dict, key, any(*t.element, e.value));
                }
                if (!keys_.empty()) refuse_duplicates(*dict, origins);
                return dict;
            }
            case kind::variant: {
                const std::size_t which = t.which(p);
                if (which >= t.members.size()) fail("the variant is valueless by exception");
                node* inner = any(*t.members[which].type, t.get(q));
                if (!t.tagged) return inner;
                node* tagged = tree_.sequence(value_kind::tuple);
                tree_.append(tagged, tree_.integer(static_cast<std::int64_t>(which)));
                tree_.append(tagged, inner);
                return tagged;
            }
            case kind::aggregate: return t.is_module ? module(t, p) : dict(t, p);
            case kind::rest:
            case kind::metadata:
                fail(
                    "tarc::rest and tarc::module_metadata stand for parts of the dict around them: make them members "
                    "of a struct");
            case kind::unknown: break;
        }
        fail("no way to save this type");
    }

    struct pair {
        const void* key;
        void* value;
    };

    /// The elements of a set or map; of an unordered one in the order of its keys.
    vec<pair> elements(const type_facts& t, const void* p) {
        vec<pair> all;
        all.reserve(t.get_size(p));
        t.for_each(p, &all,
                   [](void* c, const void* key, void* value) { static_cast<vec<pair>*>(c)->push_back({key, value}); });
        if (!t.unordered) return all;
        vec<pair> sorted;
        sorted.reserve(all.size());
        const auto before = [&](std::size_t a, std::size_t b) { return less(*t.key, all[a].key, all[b].key); };
        for (const std::size_t i : sorted_numbers(all.size(), before)) sorted.push_back(all[i]);
        return sorted;
    }

    static bool less(const type_facts& t, const void* a, const void* b) {
        switch (t.kind) {
            case kind::string: return *static_cast<const std::string*>(a) < *static_cast<const std::string*>(b);
            case kind::bytes:
                return *static_cast<const std::vector<std::byte>*>(a) < *static_cast<const std::vector<std::byte>*>(b);
            case kind::boolean: return *static_cast<const bool*>(a) < *static_cast<const bool*>(b);
            case kind::real: return std::strong_order(read_real(t, a), read_real(t, b)) < 0;  // NaN has its place too
            case kind::complex: {
                const auto re = std::strong_order(read_real(t, a), read_real(t, b));
                if (re != 0) return re < 0;
                return std::strong_order(read_real(t, static_cast<const char*>(a) + t.size),
                                         read_real(t, static_cast<const char*>(b) + t.size)) < 0;
            }
            default: {
                const std::int64_t x = read_signed(t, a), y = read_signed(t, b);
                return t.is_signed ? x < y : static_cast<std::uint64_t>(x) < static_cast<std::uint64_t>(y);
            }
        }
    }

    static std::string key_text(const node& key) { return key.big ? "<int>" : std::to_string(key.integer); }

    void append_rest(node* dict, const tarc::rest& r, std::string_view prefix, bool in_module) {
        for (const auto& [key, val] : r) {
            node* k = nullptr;
            if (in_module && key.kind() == value_kind::string)
                k = tree_.string(
                    keys_.archived(std::string(prefix) + (prefix.empty() ? "" : ".") + std::string(key.as_string())));
            else if (prefix.empty())
                k = copy_into(copier_, tree_, key);
            else
                fail("a key of tarc::rest inside a module must be a string");
            if (k->kind != value_kind::string)  // those are looked at all together, by refuse_duplicates
                for (const entry& e : *dict->dict)
                    if (key_identity(e.key) == key_identity(k))
                        fail("a key stands twice in a tarc::rest, and would be one on load");
            tree_.insert(dict, k, copy_into(copier_, tree_, val));
        }
    }

    node* dict(const type_facts& t, const void* p) {
        node* d = tree_.dict();
        std::array<void*, max_parts> at;
        t.addresses(const_cast<void*>(p), at.data());
        const tarc::rest* rest = nullptr;
        for (std::size_t i = 0; i < t.members.size(); ++i)
            if (!t.members[i].transient && t.members[i].type->kind == kind::rest)
                rest = static_cast<const tarc::rest*>(at[i]);
        const bool has_forms = rest != nullptr && !rest->forms().empty();
        const auto* outer_forms = std::exchange(forms_, has_forms ? &rest->forms() : nullptr);
        const std::size_t outer_at = std::exchange(forms_at_, path_.size());
        vec<std::string_view> origins;
        for (std::size_t i = 0; i < t.members.size(); ++i) {
            const member& m = t.members[i];
            if (m.transient || m.type->kind == kind::rest) continue;
            if (!has_none_ && m.type->kind == kind::optional && m.type->get(at[i]) == nullptr) continue;
            if (m.type->kind == kind::metadata)
                add_metadata(d, at[i]);
            else {
                scope s(path_, m.name, '/');
                tree_.insert(d, m.name, any(*m.type, at[i]));
                origins.push_back(m.name);
            }
        }
        forms_ = outer_forms;
        forms_at_ = outer_at;
        if (rest != nullptr) {
            append_rest(d, *rest, {}, false);
            refuse_duplicates(*d, origins);
        }
        return d;
    }

    void add_metadata(node* d, const void* p) {
        const auto& metadata = *static_cast<const module_metadata*>(p);
        if (metadata.data.is_none()) return;
        node* state = tree_.dict();
        tree_.insert(state, "_metadata", copy_into(copier_, tree_, metadata.data));
        d->dict->cls = dict_class::ordered;  // only an OrderedDict can carry attributes
        d->dict->state = state;
    }

    /// A flat OrderedDict, as a state_dict() is.
    node* module(const type_facts& t, const void* p) {
        node* d = tree_.dict(dict_class::ordered);
        vec<std::string_view> origins;
        std::string key;
        flatten_members(t, p, key, {d, &origins});
        refuse_duplicates(*d, origins);
        return d;
    }

    struct flat_target {
        node* dict = nullptr;
        vec<std::string_view>* origins = nullptr;  // the field that each key comes from
    };

    void flatten_members(const type_facts& t, const void* p, std::string& key, flat_target to) {
        std::array<void*, max_parts> at;
        t.addresses(const_cast<void*>(p), at.data());
        const tarc::rest* rest = nullptr;
        for (std::size_t i = 0; i < t.members.size(); ++i) {
            const member& m = t.members[i];
            if (m.transient) continue;
            if (m.type->kind == kind::metadata) {
                if (key.empty()) add_metadata(to.dict, at[i]);
            } else if (m.type->kind == kind::rest) {
                rest = static_cast<const tarc::rest*>(at[i]);
            } else {
                scope s(key, m.name, '.');
                flatten(*m.type, at[i], key, m.name, to);
            }
        }
        if (rest == nullptr) return;
        append_rest(to.dict, *rest, key, true);
        to.origins->resize(to.dict->dict->size, "tarc::rest");
    }

    void flatten(const type_facts& t, const void* p, std::string& key, std::string_view origin, flat_target to) {
        void* const q = const_cast<void*>(p);
        if (t.kind == kind::optional) {
            if (void* inner = t.get(q)) flatten(*t.element, inner, key, origin, to);
            return;
        }
        if (t.kind == kind::stand_in && t.flattens) {
            temporary made(*t.element);
            t.save_as(p, made.object);
            return flatten(*t.element, made.object, key, origin, to);
        }
        if (!t.flattens || t.kind == kind::tensor) {
            scope s(path_, key, '/');
            tree_.insert(to.dict, tree_.string(keys_.archived(key)), any(t, p));
            to.origins->resize(to.dict->dict->size, origin);
            return;
        }
        switch (t.kind) {
            case kind::aggregate: return flatten_members(t, p, key, to);
            case kind::sequence:
            case kind::array:
                for (std::size_t i = 0, n = t.get_size(p); i < n; ++i) {
                    const std::size_t before = to.dict->dict->size;
                    scope s(key, std::to_string(i), '.');
                    flatten(*t.element, t.at(q, i), key, origin, to);
                    if (t.kind == kind::sequence && i + 1 == n)
                        require_written(before, key, to);  // else it would be shorter on load
                }
                return;
            case kind::tuple: {
                std::array<void*, max_parts> at;
                t.addresses(q, at.data());
                for (std::size_t i = 0; i < t.members.size(); ++i) {
                    scope s(key, std::to_string(i), '.');
                    flatten(*t.members[i].type, at[i], key, origin, to);
                }
                return;
            }
            case kind::map:
                for (const pair& e : elements(t, p)) {
                    const std::string& name = *static_cast<const std::string*>(e.key);
                    scope s(key, name, '.');
                    if (t.element->kind != kind::tensor && (name.empty() || name.find('.') != std::string::npos)) {
                        scope at(path_, key, '/');
                        fail("the name \"" + name +
                             "\" of a module in a map is empty or holds a \".\", which cannot be told apart on load");
                    }
                    const std::size_t before = to.dict->dict->size;
                    flatten(*t.element, e.value, key, origin, to);
                    require_written(before, key, to);
                }
                return;
            default: return;
        }
    }

    /// An element without a key of its own would not be there on load.
    void require_written(std::size_t before, const std::string& key, flat_target to) {
        if (to.dict->dict->size != before) return;
        scope s(path_, key, '/');
        fail(
            "this element holds no tensor, and a flat state_dict cannot tell that it is there -- leave it out, or set "
            "tarc::is_module to false for the struct around it");
    }

    /// Two leaves with one key would be one on load.
    void refuse_duplicates(const node& d, const vec<std::string_view>& origins) {
        text_set keys;
        vec<std::size_t> places;
        for (std::size_t i = 0; i < d.dict->size; ++i) {
            const node& k = *(*d.dict)[i].key;
            if (k.kind != value_kind::string) continue;
            const numbered known = keys.add(k.str());
            if (known.fresh) {
                places.push_back(i);
                continue;
            }
            const auto origin = [&](std::size_t at) {
                return at < origins.size() ? std::string(origins[at]) : std::string("tarc::rest");
            };
            fail("the key \"" + std::string(k.str()) + "\" would be written twice, by the fields \"" +
                 origin(places[known.number]) + "\" and \"" + origin(i) + "\"");
        }
    }

    tree& tree_;
    tree_copier copier_;
    key_map keys_;
    bool has_none_;
    std::string path_;
    const element_forms* forms_ = nullptr;  // of the struct whose fields are written
    std::size_t forms_at_ = 0;              // the size of its path
};

}  // namespace tarc::detail
