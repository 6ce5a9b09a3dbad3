#pragma once

#include <algorithm>  // std::max
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/archive/binding.hpp>
#include <tarc/archive/flat_view.hpp>
#include <tarc/archive/scalars.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/value.hpp>

namespace tarc::detail {

/// Holds a file's tree against a struct, by the tables of reflect/leaves.hpp. Nothing is changed in the struct, unless it is
/// fresh; no tensor byte is read but those of 0-d tensors that fill scalar fields.
class binder {
public:
    binder(binding& out, const bind_options& options) : out_(out), options_(options), budget_(options) {}

    /// `fresh`: the object was made for this load, and may be written before it is known to succeed.
    void bind(const type_facts& t, void* object, const node& n, bool fresh) {
        direct_ = fresh;
        any(t, object, n);
    }

    /// Binds one field of a module on its own: the leaves whose keys stand under `key`.
    void bind_below(const type_facts& t, void* object, const node& n, bool fresh, const std::string& key) {
        direct_ = fresh;
        if (dict_of(n) == nullptr && items_of(n) == nullptr) return mismatch(n, "a state_dict");
        flat_view view(n, options_.strip_prefix, options_.limit, out_.texts, budget_);
        flat(t, object, view, key);
        for (const std::size_t i : view.below(key))
            if (!view[i].used) unexpected(view[i].key);
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
            if (c == '/' || c == ':' || c == '\\') s += '\\';
            s += c;
        }
        return s;
    }

    void mismatch(const node& n, std::string expected) { mismatch(describe_node(n), std::move(expected)); }
    void mismatch(std::string archived, std::string expected) {
        budget_.text(path_.size() + archived.size());
        out_.report.mismatched.push_back({path_.empty() ? options_.at : path_, std::move(archived), std::move(expected)});
    }
    /// `step` as path texts have it.
    void unexpected(std::string_view step) {
        scope s(path_, step, '/');
        budget_.text(path_.size());
        out_.report.unexpected_keys.push_back(path_);
    }

    /// Where a tensor stands in the file.
    std::string_view file_path(std::string_view below) {
        std::string whole = options_.at;
        for (const std::string_view part : {std::string_view(path_), below}) {
            if (!whole.empty() && !part.empty()) whole += '/';
            whole += part;
        }
        budget_.text(whole.size());
        return out_.texts.copy(whole);
    }

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
        budget_.visit();
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
        walk(root, options_.limit, [&](std::span<const step> at, const node& n) {
            budget_.visit();
            if (!collected_.add(&n).fresh) return false;
            if (n.kind == value_kind::tensor && n.tensor->storage != nullptr && !n.tensor->meta)
                out_.tensors.push_back({nullptr, n.tensor, file_path(path_text(at))});
            if (n.kind == value_kind::storage) {
                auto* b = out_.texts.make<tensor_body>();
                b->type = n.storage->type.value_or(dtype::uint8);
                b->storage = n.storage;
                out_.tensors.push_back({nullptr, b, file_path(path_text(at))});
            }
            return true;
        });
    }

    void scalar(const type_facts& t, void* target, const node& n) {
        const bool number = t.kind == kind::boolean || t.kind == kind::integer || t.kind == kind::real || t.kind == kind::complex;
        if (number && n.kind == value_kind::tensor && n.tensor->shape.empty() && n.tensor->storage != nullptr && !n.tensor->meta &&
            options_.read_element != nullptr) {
            const element_value read(options_.read_element(options_.context, *n.tensor));
            const element_value exact = t.kind == kind::integer ? read.whole() : read;
            return stage(t, target, [&](void* p) {
                if (std::string why = read_scalar(t, p, exact.get()); !why.empty()) mismatch("a 0-d tensor of " + describe_node(read.get()), std::move(why));
            });
        }
        stage(t, target, [&](void* p) { read_text(t, p, n); });
    }

    /// read_scalar, with its complaint in the report.
    bool read_text(const type_facts& t, void* p, const node& n) {
        if (n.kind == value_kind::string || n.kind == value_kind::bytes) budget_.text(n.size);
        std::string why = read_scalar(t, p, n);
        if (!why.empty()) mismatch(n, std::move(why));
        return why.empty();
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
        out_.tensors.push_back({t.tensor(target), &b, file_path({})});
    }

    void tensor_of_scalar(const type_facts& t, void* target, const node& n) {
        any_tensor made;
        if (!element_tensor(t.dtype, n, made)) return mismatch(n, tensor_text(t) + ", into which this value does not convert exactly");
        const tensor_base& old = *t.tensor(target);
        if (options_.in_place && old.defined() && old.dtype() == t.dtype && old.shape().empty() && host_accessible(old.device()))
            return out_.elements.push_back({any_tensor(old), made});
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
        budget_.visit(items->size);
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
        budget_.visit(n.list->size);
        stage(t, target, [&](void* p) {
            t.clear(p);
            for (const node* item : *n.list) {
                temporary e(*t.element);
                if (read_text(*t.element, e.object, *item)) t.insert(p, e.object);
            }
        });
    }

    void map(const type_facts& t, void* target, const node& n) {
        const dict_body* d = dict_of(n);
        if (d == nullptr) return mismatch(n, "a dict");
        const bool tensors = t.key->kind == kind::string && t.element->kind == kind::tensor;
        if (tensors && flat_view::is_nested(n)) return nested(t, target, n);
        stage(t, target, [&](void* p) {
            // All keys come first, since some maps move their elements when one is added.
            vec<const entry*> wanted;
            temporary made(t);
            for (const entry& e : *d) {
                temporary key(*t.key);
                scope s(path_, step_text(*e.key), '/');
                if (!read_key(t, key.object, *e.key, tensors)) continue;
                void* other = nullptr;
                if (t.find(made.object, key.object, &other)) {  // two keys of the file become one
                    mismatch("the key " + describe_node(*e.key), "keys that differ");
                    continue;
                }
                keep(t, p, made.object, key.object);
                wanted.push_back(&e);
            }
            t.move(made.object, p);
            for (const entry* e : wanted) {
                temporary key(*t.key);
                scope s(path_, step_text(*e->key), '/');
                void* value = nullptr;
                if (read_key(t, key.object, *e->key, tensors) && t.find(p, key.object, &value)) any(*t.element, value, *e->value);
            }
        });
    }

    /// A map of tensors from a state_dict that is nested, or from an entire pickled model.
    void nested(const type_facts& t, void* target, const node& n) {
        flat_view view(n, options_.strip_prefix, options_.limit, out_.texts, budget_);
        stage(t, target, [&](void* p) {
            temporary made(t);
            for (const auto& i : view.items()) {
                if (i.container) continue;
                std::string name(i.key);
                budget_.text(name.size());
                keep(t, p, made.object, &name);
            }
            t.move(made.object, p);
            for (const auto& i : view.items()) {
                const std::string name(i.key);
                scope s(path_, name, '/');
                void* value = nullptr;
                if (!i.container && t.find(p, &name, &value)) any(*t.element, value, *i.value);
            }
        });
    }

    bool read_key(const type_facts& t, void* to, const node& n, bool strip) {
        budget_.visit();
        if (n.kind == value_kind::string) budget_.text(n.size);
        if (std::string why = read_scalar(*t.key, to, n); !why.empty()) {
            mismatch("the key " + describe_node(n), std::move(why));
            return false;
        }
        if (auto* name = static_cast<std::string*>(to); strip && !options_.strip_prefix.empty() && name->starts_with(options_.strip_prefix))
            name->erase(0, options_.strip_prefix.size());
        return true;
    }

    /// Adds a key to a new map, with the value that the old one has there, so that an in-place load finds its tensors.
    static void keep(const type_facts& t, void* old, void* made, void* key) {
        void* from = nullptr;
        const bool had = t.find(old, key, &from);
        void* to = t.insert(made, key);
        if (had) t.element->move(from, to);
    }

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
        stage(t, target, [&](void* p) { any(*t.members[which].type, t.which(p) == which ? t.get(p) : t.emplace(p, which), *inner); });
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
        budget_.visit(d->size);
        std::array<void*, max_members> at;
        t.addresses(target, at.data());
        const name_index names(*d);
        vec<bool> used(d->size);
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
            if (!used[i]) unexpected(step_text(*(*d)[i].key));
        }
    }
    static std::string step_text(const node& key) {
        std::string text;
        append_step(text, {&key, 0, {}});
        return text;
    }

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

    void metadata(const type_facts& t, void* target, const node& n) {
        const node* state = n.kind == value_kind::dict ? n.dict->state : nullptr;
        const node* found = nullptr;
        if (state != nullptr && state->kind == value_kind::dict)
            for (const entry& e : *state->dict)
                if (e.key->kind == value_kind::string && e.key->str() == "_metadata") found = e.value;
        stage(t, target, [&](void* p) {
            auto& data = static_cast<module_metadata*>(p)->data;
            data = found == nullptr ? tarc::value() : copied(*found);
            if (found != nullptr && found->kind == value_kind::dict && !options_.strip_prefix.empty()) strip_metadata(*out_.copier.copy(found));
        });
    }

    /// The keys of `_metadata` name modules, without a dot at the end ("module" and "module.fc1" for the prefix "module."). That of
    /// the wrapper itself ("") goes, as in torch's consume_prefix_in_state_dict_if_present.
    void strip_metadata(node& copy) {
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
            if (name == wrapper) kept->push_back(out_.values->memory, {out_.values->string(""), e.value});
            else if (name.starts_with(prefix)) kept->push_back(out_.values->memory, {out_.values->string(name.substr(prefix.size())), e.value});
            else if (!name.empty()) kept->push_back(out_.values->memory, e);
        }
        copy.dict = kept;
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
        missing_key({});
    }

    void missing_key(const std::string& key) {
        std::string path = path_;
        if (!key.empty()) path.append(path.empty() ? "" : "/").append(key);
        budget_.text(path.size());
        out_.report.missing_keys.push_back(std::move(path));
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
        flat_view view(n, options_.strip_prefix, options_.limit, out_.texts, budget_);
        std::array<void*, max_members> at;
        t.addresses(target, at.data());
        for (std::size_t i = 0; i < t.members.size(); ++i)
            if (!t.members[i].transient && t.members[i].type->kind == kind::metadata) metadata(*t.members[i].type, at[i], n);
        flat_members(t, target, view, {});
        for (auto& i : view.items())
            if (!i.used && !i.container) unexpected(i.key);
    }

    void flat_members(const type_facts& t, void* target, flat_view& view, const std::string& key) {
        std::array<void*, max_members> at;
        t.addresses(target, at.data());
        std::size_t rest = max_members;
        for (std::size_t i = 0; i < t.members.size(); ++i) {
            const member& m = t.members[i];
            if (m.transient || m.type->kind == kind::metadata) continue;  // an inner struct's metadata stays as it is
            const std::string name = key.empty() ? std::string(m.name) : key + "." + std::string(m.name);
            if (m.type->kind == kind::rest) rest = i;
            else if (!m.defaulted || view.has(name)) flat(*m.type, at[i], view, name);
        }
        if (rest == max_members) return;
        stage(*t.members[rest].type, at[rest], [&](void* p) {
            auto& r = *static_cast<tarc::rest*>(p);
            r.clear();
            const vec<std::size_t> left = view.in_file_order(key);
            for (const std::size_t i : left) {
                if (view[i].used) continue;
                r.append(tarc::value(view[i].key.substr(key.empty() ? 0 : key.size() + 1)), copied(*view[i].value));
                view.take(i);
            }
        });
    }

    void flat(const type_facts& t, void* target, flat_view& view, const std::string& key) {
        budget_.visit();
        if (t.kind == kind::optional) return flat_optional(t, target, view, key);
        if (!t.flattens || t.kind == kind::tensor) {
            flat_view::item* i = view.find(key);
            if (i == nullptr || i->used || (t.kind == kind::tensor && i->container && i->value->kind != value_kind::object)) return missing_flat(t, key);
            view.take(*i);
            scope s(path_, key, '/');
            return any(t, target, *i->value);
        }
        switch (t.kind) {
            case kind::aggregate: return flat_members(t, target, view, key);
            case kind::array:
            case kind::tuple:
                return for_each_part(t, target, [&](std::size_t i, const type_facts& part, void* p) { flat(part, p, view, key + "." + std::to_string(i)); });
            case kind::sequence:
                return stage(t, target, [&](void* p) {
                    std::size_t n = count_indices(view, key);
                    if (!options_.strict) n = std::max(n, t.get_size(p));  // elements that the file has not stay, and are missing
                    t.resize(p, n);
                    for (std::size_t i = 0; i < n; ++i) flat(*t.element, t.at(p, i), view, key + "." + std::to_string(i));
                });
            case kind::map:
                return stage(t, target, [&](void* p) {
                    vec<std::string> names = names_below(view, key, t.element->kind == kind::tensor);
                    temporary made(t);
                    for (std::string name : names) {
                        budget_.text(name.size());
                        keep(t, p, made.object, &name);
                    }
                    if (!options_.strict) {  // elements that the file has not stay, and are missing
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

    static vec<std::string> names_in(const type_facts& t, const void* map) {
        vec<std::string> names;
        t.for_each(map, &names, [](void* to, const void* key, void*) {
            static_cast<vec<std::string>*>(to)->push_back(*static_cast<const std::string*>(key));
        });
        return names;
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
    static vec<std::string> names_below(flat_view& view, const std::string& key, bool whole_names) {
        const vec<std::size_t> leaves = view.in_file_order(key);
        vec<std::string> names;
        text_set seen;
        for (const std::size_t i : leaves) {
            const std::string_view rest = view[i].key.substr(key.size() + 1);
            const std::string_view name = whole_names ? rest : rest.substr(0, rest.find('.'));
            if (seen.add(name).fresh) names.push_back(std::string(name));
        }
        return names;
    }

    binding& out_;
    const bind_options& options_;
    bind_budget budget_;
    address_set collected_;  // parts of a tarc::value whose tensors are in out_.tensors
    std::string path_;
    bool direct_ = false;
};

}  // namespace tarc::detail
