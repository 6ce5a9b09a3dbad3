#pragma once

#include <algorithm>  // std::sort, std::max
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>   // std::shared_ptr
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tarc/archive/flat_view.hpp>
#include <tarc/archive/report.hpp>
#include <tarc/archive/scalars.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/reflect/schema.hpp>
#include <tarc/value/value.hpp>

namespace tarc::detail {

/// A value made beside its target, to be moved in when everything else has succeeded.
class staged_object {
public:
    staged_object(const type_facts& t, void* object, void* target) : type_(&t), object_(object), target_(target) {}
    staged_object(staged_object&& o) noexcept : type_(o.type_), object_(std::exchange(o.object_, nullptr)), target_(o.target_) {}
    staged_object& operator=(staged_object&&) = delete;
    ~staged_object() {
        if (object_ != nullptr) type_->destroy(object_);
    }
    void commit() { type_->move(object_, target_); }

private:
    const type_facts* type_;
    void* object_;
    void* target_;
};

/// What binding a tree to a struct yields: the report, the tensors to be loaded, and the values to be moved in.
struct binding {
    struct tensor_job {
        tensor_base* target;
        const tensor_body* source;
        const type_facts* type;
        std::string_view path;
    };
    load_report report;
    std::vector<tensor_job> tensors;
    std::vector<staged_object> objects;
    std::shared_ptr<tree> values = std::make_shared<tree>();  // what members of type tarc::value hold
    tree_copier copier{*values};
    arena texts;
};

struct bind_options {
    bool strict = true;
    std::string_view strip_prefix;
    tarc::limits limit;
    void* context = nullptr;
    /// Reads a tensor of one element, for a scalar field that a 0-d tensor fills.
    any_tensor (*read_element)(void* context, const tensor_body&) = nullptr;
};

/// Holds a file's tree against a struct, by the tables of reflect/leaves.hpp. Nothing is changed in the struct, unless it is
/// fresh; no tensor byte is read but those of 0-d tensors that fill scalar fields.
class binder {
public:
    binder(binding& out, const bind_options& options) : out_(out), options_(options) {}

    /// `fresh`: the object was made for this load, and may be written before it is known to succeed.
    void bind(const type_facts& t, void* object, const node& n, bool fresh) {
        direct_ = fresh;
        any(t, object, n);
    }

    /// Binds one field of a module on its own: the leaves whose keys stand under `key`.
    void bind_below(const type_facts& t, void* object, const node& n, bool fresh, const std::string& key) {
        direct_ = fresh;
        if (dict_of(n) == nullptr && items_of(n) == nullptr) return mismatch(n, "a state_dict");
        flat_view view(n, options_.strip_prefix, options_.limit, out_.texts);
        flat(t, object, view, key);
        for (const std::size_t i : view.below(key)) {
            if (view[i].used) continue;
            scope s(path_, view[i].key, '/');
            out_.report.unexpected_keys.push_back(path_);
        }
    }

private:
    static constexpr std::size_t max_members = 256;

    struct [[nodiscard]] scope {
        scope(std::string& p, std::string_view name, char separator) : path(p), before(p.size()) {
            if (!p.empty()) p += separator;
            p += name;
        }
        ~scope() { path.resize(before); }
        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;
        std::string& path;
        std::size_t before;
    };

    static std::string escaped(std::string_view name) {
        std::string s;
        for (const char c : name) {
            if (c == '/' || c == '\\') s += '\\';
            s += c;
        }
        return s;
    }

    void mismatch(const node& n, std::string expected) { mismatch(describe_node(n), std::move(expected)); }
    void mismatch(std::string archived, std::string expected) { out_.report.mismatched.push_back({path_, std::move(archived), std::move(expected)}); }

    /// Runs `fill(object)` on the target itself when it is fresh, else on a copy that is moved in at the end. Where something
    /// inside does not fit and no tensor stands there, nothing of it is applied.
    template <class Fill>
    void stage(const type_facts& t, void* target, Fill&& fill) {
        if (direct_) return static_cast<void>(fill(target));
        void* object = t.copy != nullptr ? t.copy(target) : t.create();
        staged_object staged(t, object, target);
        const std::size_t before = out_.report.mismatched.size() + out_.report.missing_keys.size();
        direct_ = true;
        try {
            fill(object);
        } catch (...) {
            direct_ = false;
            throw;
        }
        direct_ = false;
        const bool fits = before == out_.report.mismatched.size() + out_.report.missing_keys.size();
        if (fits || t.has_tensor) out_.objects.push_back(std::move(staged));
    }

    void any(const type_facts& t, void* target, const node& n) {
        switch (t.kind) {
            case kind::boolean:
            case kind::integer:
            case kind::real:
            case kind::complex:
            case kind::string:
            case kind::bytes:
            case kind::enumeration:
            case kind::text:
            case kind::none: return scalar(t, target, n);
            case kind::tensor: return tensor(t, target, n);
            case kind::value:
                return stage(t, target, [&](void* p) { *static_cast<tarc::value*>(p) = copied(n); });
            case kind::optional: return optional(t, target, n);
            case kind::bits: return bits(t, target, n);
            case kind::sequence: return sequence(t, target, n);
            case kind::array:
            case kind::tuple: return fixed(t, target, n);
            case kind::set: return set(t, target, n);
            case kind::map: return map(t, target, n);
            case kind::variant: return variant(t, target, n);
            case kind::aggregate: return t.is_module ? module(t, target, n) : dict(t, target, n);
            case kind::rest:
            case kind::metadata:
            case kind::unknown: break;
        }
        raise(errc::invalid_argument, "tarc::rest and tarc::module_metadata stand for parts of the dict around them: make them members of a struct");
    }

    [[nodiscard]] tarc::value copied(const node& n) {
        collect_tensors(n);
        return tarc::value(out_.values, out_.copier.copy(&n));
    }

    /// The tensors inside a tarc::value are loaded like any others, they have no target of their own.
    void collect_tensors(const node& root) {
        std::unordered_map<const storage_body*, bool> seen;
        std::unordered_map<const node*, bool> visited;
        walk(root, options_.limit, [&](std::span<const step> at, const node& n) {
            if (n.kind == value_kind::tensor && n.tensor->storage != nullptr && !n.tensor->meta && seen.try_emplace(n.tensor->storage, true).second)
                out_.tensors.push_back({nullptr, n.tensor, nullptr, out_.texts.copy(joined(path_text(at)))});
            if (n.kind == value_kind::storage && seen.try_emplace(n.storage, true).second) {
                auto* b = out_.texts.make<tensor_body>();
                b->type = n.storage->type.value_or(dtype::uint8);
                b->storage = n.storage;
                out_.tensors.push_back({nullptr, b, nullptr, out_.texts.copy(joined(path_text(at)))});
            }
            return visited.try_emplace(&n, true).second;
        });
    }
    [[nodiscard]] std::string joined(const std::string& below) const { return path_.empty() || below.empty() ? path_ + below : path_ + "/" + below; }

    void scalar(const type_facts& t, void* target, const node& n) {
        if (n.kind == value_kind::tensor && options_.read_element != nullptr && count_elements(n.tensor->shape) == 1 && n.tensor->shape.empty() && !n.tensor->meta &&
            (t.kind == kind::boolean || t.kind == kind::integer || t.kind == kind::real || t.kind == kind::complex)) {
            const node element = element_node(options_.read_element(options_.context, *n.tensor));
            const node exact = t.kind == kind::integer ? whole(element) : element;
            return stage(t, target, [&](void* p) {
                if (std::string why = read_scalar(t, p, exact); !why.empty()) mismatch("a 0-d tensor of " + describe_node(element), std::move(why));
            });
        }
        stage(t, target, [&](void* p) {
            if (std::string why = read_scalar(t, p, n); !why.empty()) mismatch(n, std::move(why));
        });
    }

    void tensor(const type_facts& t, void* target, const node& n) {
        if (n.kind != value_kind::tensor) {
            if (!t.any_dtype && (n.kind == value_kind::integer || n.kind == value_kind::real || n.kind == value_kind::boolean || n.kind == value_kind::complex) &&
                (!t.has_rank || t.extents.empty()))
                return tensor_of_scalar(t, target, n);
            return mismatch(n, tensor_text(t));
        }
        const tensor_body& b = *n.tensor;
        bool fits = t.any_dtype || t.dtype == b.type;
        if (fits && t.has_rank) {
            fits = b.shape.size() == t.extents.size();
            for (std::size_t i = 0; fits && i < t.extents.size(); ++i) fits = t.extents[i] == dyn || t.extents[i] == b.shape[i];
        }
        if (!fits) return mismatch(n, tensor_text(t));
        out_.tensors.push_back({t.tensor(target), &b, &t, out_.texts.copy(path_)});
    }

    void tensor_of_scalar(const type_facts& t, void* target, const node& n) {
        any_tensor made;
        if (!element_tensor(t.dtype, n, made)) return mismatch(n, tensor_text(t) + ", into which this value does not convert exactly");
        stage(t, target, [&](void* p) { detail_access::assign(*t.tensor(p), made); });
    }

    void optional(const type_facts& t, void* target, const node& n) {
        stage(t, target, [&](void* p) {
            if (n.kind == value_kind::none) return t.clear(p);
            void* inner = t.get(p);
            any(*t.element, inner != nullptr ? inner : t.emplace(p, 0), n);
        });
    }

    static const list_body* items_of(const node& n) { return n.kind == value_kind::list || n.kind == value_kind::tuple ? n.list : nullptr; }

    void bits(const type_facts& t, void* target, const node& n) {
        const list_body* items = items_of(n);
        if (items == nullptr) return mismatch(n, "a list of bool");
        stage(t, target, [&](void* p) {
            t.resize(p, items->size);
            for (std::size_t i = 0; i < items->size; ++i) {
                if ((*items)[i]->kind != value_kind::boolean) return mismatch(*(*items)[i], "bool");
                t.set_bit(p, i, (*items)[i]->boolean);
            }
        });
    }

    void sequence(const type_facts& t, void* target, const node& n) {
        const list_body* items = items_of(n);
        if (items == nullptr) return mismatch(n, "a list");
        stage(t, target, [&](void* p) {
            t.resize(p, items->size);
            for (std::size_t i = 0; i < items->size; ++i) {
                scope s(path_, std::to_string(i), '/');
                any(*t.element, t.at(p, i), *(*items)[i]);
            }
        });
    }

    /// The addresses and types of the parts of an array or tuple.
    template <class F>
    static void for_each_part(const type_facts& t, void* p, F&& f) {
        if (t.kind == kind::array) {
            for (std::size_t i = 0; i < t.count; ++i) f(i, *t.element, t.at(p, i));
        } else {
            std::array<void*, max_members> at;
            t.addresses(p, at.data());
            for (std::size_t i = 0; i < t.members.size(); ++i) f(i, *t.members[i].type, at[i]);
        }
    }

    void fixed(const type_facts& t, void* target, const node& n) {
        const list_body* items = items_of(n);
        const std::size_t want = t.kind == kind::array ? t.count : t.members.size();
        if (items == nullptr || items->size != want)
            return mismatch(n, (t.kind == kind::array ? "a list of " : "a tuple of ") + std::to_string(want));
        for_each_part(t, target, [&](std::size_t i, const type_facts& part, void* p) {
            scope s(path_, std::to_string(i), '/');
            any(part, p, *(*items)[i]);
        });
    }

    /// A key or element made apart, to be moved into its container.
    struct temporary {
        explicit temporary(const type_facts& t) : type(t), object(t.create()) {}
        ~temporary() { type.destroy(object); }
        temporary(const temporary&) = delete;
        temporary& operator=(const temporary&) = delete;
        const type_facts& type;
        void* object;
    };

    void set(const type_facts& t, void* target, const node& n) {
        if (n.kind != value_kind::set) return mismatch(n, "a set");
        stage(t, target, [&](void* p) {
            t.clear(p);
            for (const node* item : *n.list) {
                temporary e(*t.element);
                if (std::string why = read_scalar(*t.element, e.object, *item); !why.empty()) mismatch(*item, std::move(why));
                else t.insert(p, e.object);
            }
        });
    }

    void map(const type_facts& t, void* target, const node& n) {
        const dict_body* d = dict_of(n);
        if (d == nullptr) return mismatch(n, "a dict");
        const bool names = t.key->kind == kind::string && all_tensors_below(*t.element);
        stage(t, target, [&](void* p) {
            t.clear(p);
            for (const entry& e : *d) {
                std::string step;
                append_step(step, {e.key, 0, {}});
                scope s(path_, step, '/');
                temporary key(*t.key);
                if (std::string why = read_scalar(*t.key, key.object, *e.key); !why.empty()) {
                    mismatch("the key " + describe_node(*e.key), std::move(why));
                    continue;
                }
                if (names) {
                    auto& name = *static_cast<std::string*>(key.object);
                    if (!options_.strip_prefix.empty() && name.starts_with(options_.strip_prefix)) name.erase(0, options_.strip_prefix.size());
                }
                any(*t.element, t.insert(p, key.object), *e.value);
            }
        });
    }
    static bool all_tensors_below(const type_facts& t) { return t.kind == kind::tensor; }

    void variant(const type_facts& t, void* target, const node& n) {
        std::size_t which = t.members.size();
        const node* inner = &n;
        if (t.tagged) {
            const list_body* items = items_of(n);
            if (items == nullptr || items->size != 2 || (*items)[0]->kind != value_kind::integer || (*items)[0]->big)
                return mismatch(n, "a tuple (index, value)");
            const std::int64_t index = (*items)[0]->integer;
            if (index < 0 || static_cast<std::uint64_t>(index) >= t.members.size())
                return mismatch("the index " + std::to_string(index), "one of " + std::to_string(t.members.size()) + " alternatives");
            which = static_cast<std::size_t>(index);
            inner = (*items)[1];
        } else {
            for (std::size_t i = 0; i < t.members.size() && which == t.members.size(); ++i)
                if (accepts(*t.members[i].type, n, true)) which = i;
            for (std::size_t i = 0; i < t.members.size() && which == t.members.size(); ++i)
                if (accepts(*t.members[i].type, n, false)) which = i;
            if (which == t.members.size()) return mismatch(n, "one of a variant's alternatives");
        }
        stage(t, target, [&](void* p) { any(*t.members[which].type, t.emplace(p, which), *inner); });
    }

    /// Whether a Python value is of the kind that a type is written as; `exactly` leaves out an int for a float.
    static bool accepts(const type_facts& t, const node& n, bool exactly) {
        switch (t.kind) {
            case kind::none: return n.kind == value_kind::none;
            case kind::boolean: return n.kind == value_kind::boolean;
            case kind::integer: return n.kind == value_kind::integer;
            case kind::real: return n.kind == value_kind::real || (!exactly && n.kind == value_kind::integer);
            case kind::complex: return n.kind == value_kind::complex || (!exactly && (n.kind == value_kind::real || n.kind == value_kind::integer));
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

    /// The dict that a node is, or stands for.
    static const dict_body* dict_of(const node& n) {
        if (n.kind == value_kind::dict) return n.dict;
        return is_transparent(n) ? n.object->state->dict : nullptr;
    }

    void dict(const type_facts& t, void* target, const node& n) {
        const dict_body* d = dict_of(n);
        if (d == nullptr) return mismatch(n, "a dict");
        std::array<void*, max_members> at;
        t.addresses(target, at.data());
        const name_index names(*d);
        std::vector<bool> used(d->size);
        std::size_t rest = max_members;
        for (std::size_t i = 0; i < t.members.size(); ++i) {
            const member& m = t.members[i];
            if (m.transient) continue;
            if (m.type->kind == kind::rest) {
                rest = i;
            } else if (m.type->kind == kind::metadata) {
                metadata(*m.type, at[i], n);
            } else {
                const std::size_t where = names.find(m.name);
                scope s(path_, escaped(m.name), '/');
                if (where == d->size) {
                    absent(m, at[i]);
                } else {
                    used[where] = true;
                    any(*m.type, at[i], *(*d)[where].value);
                }
            }
        }
        if (rest != max_members) {
            stage(*t.members[rest].type, at[rest], [&](void* p) {
                auto& r = *static_cast<tarc::rest*>(p);
                r.clear();
                for (std::size_t i = 0; i < d->size; ++i)
                    if (!used[i]) r.append(copied(*(*d)[i].key), copied(*(*d)[i].value));
            });
            return;
        }
        for (std::size_t i = 0; i < d->size; ++i) {
            if (used[i]) continue;
            std::string step;
            append_step(step, {(*d)[i].key, 0, {}});
            scope s(path_, step, '/');
            out_.report.unexpected_keys.push_back(path_);
        }
    }

    /// Where a dict has a string key; hashed only when that pays.
    class name_index {
    public:
        explicit name_index(const dict_body& d) : dict_(d) {
            if (d.size <= 16) return;
            for (std::size_t i = 0; i < d.size; ++i)
                if (d[i].key->kind == value_kind::string) by_name_.try_emplace(d[i].key->str(), i);
        }
        [[nodiscard]] std::size_t find(std::string_view name) const {
            if (dict_.size > 16) {
                const auto at = by_name_.find(name);
                return at == by_name_.end() ? dict_.size : at->second;
            }
            for (std::size_t i = 0; i < dict_.size; ++i)
                if (dict_[i].key->kind == value_kind::string && dict_[i].key->str() == name) return i;
            return dict_.size;
        }

    private:
        const dict_body& dict_;
        std::unordered_map<std::string_view, std::size_t> by_name_;
    };

    void metadata(const type_facts& t, void* target, const node& n) {
        const node* state = n.kind == value_kind::dict ? n.dict->state : nullptr;
        const node* found = nullptr;
        if (state != nullptr && state->kind == value_kind::dict)
            for (const entry& e : *state->dict)
                if (e.key->kind == value_kind::string && e.key->str() == "_metadata") found = e.value;
        stage(t, target, [&](void* p) { static_cast<module_metadata*>(p)->data = found == nullptr ? tarc::value() : copied(*found); });
    }

    /// A field whose key the file does not have.
    void absent(const member& m, void* target) {
        if (m.defaulted) return;
        if (m.type->kind == kind::optional) {
            if (options_.strict) stage(*m.type, target, [&](void* p) { m.type->clear(p); });
            return;
        }
        missing(*m.type);
    }

    /// One missing key for each leaf below the path; a container whose keys the file decides is one.
    void missing(const type_facts& t) {
        if (t.kind == kind::aggregate && !t.members.empty()) {
            if (t.is_module) return missing_flat(t, {});
            for (const member& m : t.members) {
                if (m.transient || m.defaulted || m.type->kind == kind::rest || m.type->kind == kind::metadata || m.type->kind == kind::optional) continue;
                scope s(path_, escaped(m.name), '/');
                missing(*m.type);
            }
            return;
        }
        out_.report.missing_keys.push_back(path_);
    }

    void missing_key(const std::string& key) {
        scope s(path_, key, '/');
        out_.report.missing_keys.push_back(path_);
    }

    void missing_flat(const type_facts& t, const std::string& key) {
        const auto below = [&](std::string_view name) { return key.empty() ? std::string(name) : key + "." + std::string(name); };
        if (t.kind == kind::aggregate && t.flattens) {
            for (const member& m : t.members) {
                if (m.transient || m.defaulted || m.type->kind == kind::rest || m.type->kind == kind::metadata || m.type->kind == kind::optional) continue;
                missing_flat(*m.type, below(m.name));
            }
        } else if (t.kind == kind::tuple && t.flattens) {
            for (std::size_t i = 0; i < t.members.size(); ++i) missing_flat(*t.members[i].type, below(std::to_string(i)));
        } else if (t.kind == kind::array && t.flattens) {
            for (std::size_t i = 0; i < t.count; ++i) missing_flat(*t.element, below(std::to_string(i)));
        } else if (t.kind == kind::optional || (t.flattens && (t.kind == kind::map || t.kind == kind::sequence))) {
            return;
        } else {
            missing_key(key);
        }
    }

    // ---- modules: dotted keys ----

    void module(const type_facts& t, void* target, const node& n) {
        if (dict_of(n) == nullptr && items_of(n) == nullptr) return mismatch(n, "a state_dict");
        flat_view view(n, options_.strip_prefix, options_.limit, out_.texts);
        std::array<void*, max_members> at;
        t.addresses(target, at.data());
        std::size_t rest = max_members;
        for (std::size_t i = 0; i < t.members.size(); ++i) {
            const member& m = t.members[i];
            if (m.transient) continue;
            if (m.type->kind == kind::rest) rest = i;
            else if (m.type->kind == kind::metadata) metadata(*m.type, at[i], n);
            else flat_member(m, at[i], view, std::string(m.name));
        }
        if (rest != max_members) {
            stage(*t.members[rest].type, at[rest], [&](void* p) {
                auto& r = *static_cast<tarc::rest*>(p);
                r.clear();
                for (auto& i : view.items())
                    if (!i.used && !i.container) r.append(tarc::value(i.key), copied(*i.value));
            });
            return;
        }
        for (auto& i : view.items())
            if (!i.used && !i.container) {
                scope s(path_, i.key, '/');
                out_.report.unexpected_keys.push_back(path_);
            }
    }

    void flat_member(const member& m, void* target, flat_view& view, const std::string& key) {
        if (m.type->kind == kind::rest || m.type->kind == kind::metadata) return;  // those of an inner struct stay as they are
        if (m.defaulted && !view.has(key)) return;
        flat(*m.type, target, view, key);
    }

    void flat(const type_facts& t, void* target, flat_view& view, const std::string& key) {
        if (t.kind == kind::optional) return flat_optional(t, target, view, key);
        if (!t.flattens || t.kind == kind::tensor) {
            flat_view::item* i = view.find(key);
            if (i == nullptr || i->used || (t.kind == kind::tensor && i->container && i->value->kind != value_kind::object)) return missing_flat(t, key);
            view.take(*i);
            scope s(path_, key, '/');
            return any(t, target, *i->value);
        }
        switch (t.kind) {
            case kind::aggregate: {
                std::array<void*, max_members> at;
                t.addresses(target, at.data());
                for (std::size_t i = 0; i < t.members.size(); ++i)
                    if (!t.members[i].transient) flat_member(t.members[i], at[i], view, key + "." + std::string(t.members[i].name));
                return;
            }
            case kind::array:
            case kind::tuple:
                return for_each_part(t, target, [&](std::size_t i, const type_facts& part, void* p) { flat(part, p, view, key + "." + std::to_string(i)); });
            case kind::sequence:
                return stage(t, target, [&](void* p) {
                    const std::size_t n = count_indices(view, key);
                    t.resize(p, n);
                    for (std::size_t i = 0; i < n; ++i) flat(*t.element, t.at(p, i), view, key + "." + std::to_string(i));
                });
            case kind::map:
                return stage(t, target, [&](void* p) {
                    t.clear(p);
                    for (const std::string& name : names_below(view, key, t.element->kind == kind::tensor)) {
                        std::string copy = name;
                        flat(*t.element, t.insert(p, &copy), view, key + "." + name);
                    }
                });
            default: return;
        }
    }

    void flat_optional(const type_facts& t, void* target, flat_view& view, const std::string& key) {
        flat_view::item* i = view.find(key);
        const bool none = i != nullptr && i->value->kind == value_kind::none;
        if (none) view.take(*i);
        if (none || !view.has(key)) {
            if (none || options_.strict) stage(t, target, [&](void* p) { t.clear(p); });
            return;
        }
        stage(t, target, [&](void* p) {
            void* inner = t.get(p);
            flat(*t.element, inner != nullptr ? inner : t.emplace(p, 0), view, key);
        });
    }

    /// The number of elements that keys such as "layers.0.weight" speak of. An index far beyond the number of keys is taken for
    /// a name, so that a hostile file cannot ask for memory.
    static std::size_t count_indices(flat_view& view, const std::string& key) {
        const auto leaves = view.below(key);
        std::size_t n = 0;
        for (const std::size_t i : leaves) {
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
    static std::vector<std::string> names_below(flat_view& view, const std::string& key, bool whole_names) {
        std::vector<std::size_t> leaves(view.below(key).begin(), view.below(key).end());
        std::sort(leaves.begin(), leaves.end());
        std::vector<std::string> names;
        std::unordered_map<std::string, bool> seen;
        for (const std::size_t i : leaves) {
            const std::string_view rest = view[i].key.substr(key.size() + 1);
            std::string name(whole_names ? rest : rest.substr(0, rest.find('.')));
            if (seen.try_emplace(name, true).second) names.push_back(std::move(name));
        }
        return names;
    }

    binding& out_;
    const bind_options& options_;
    std::string path_;
    bool direct_ = false;
};

}  // namespace tarc::detail
