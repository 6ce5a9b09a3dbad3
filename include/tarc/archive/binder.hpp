#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/archive/binding.hpp>
#include <tarc/archive/flat_view.hpp>
#include <tarc/archive/path_scope.hpp>
#include <tarc/archive/scalars.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/value.hpp>

namespace tarc::detail {

/// Holds a file's tree against a struct, by the tables of reflect/leaves.hpp. Nothing is changed in the struct, unless
/// it is fresh; no tensor byte is read but those of 0-d tensors that fill scalar fields.
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
    using scope = path_scope;

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
        out_.report.mismatched.push_back(
            {path_.empty() ? options_.at : path_, std::move(archived), std::move(expected)});
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

    /// Runs `fill(object)` on the target itself when it is fresh, else on a copy that is moved in at the end. Where
    /// something inside does not fit and no tensor stands there, nothing of it is applied.
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

    /// A target that cannot be copied is bound part by part, so that what is transient in it stays.
    template <class Fill>
    void stage_parts(const type_facts& t, void* target, bool same_parts, Fill&& fill) {
        if (t.copy == nullptr && same_parts) return static_cast<void>(fill(target));
        stage(t, target, fill);
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
            case kind::value: return stage(t, target, [&](void* p) { *static_cast<tarc::value*>(p) = copied(n); });
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
        raise(errc::invalid_argument,
              "tarc::rest and tarc::module_metadata stand for parts of the dict around them: make them members of a "
              "struct");
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

    // archive/bind_values.hpp
    void scalar(const type_facts& t, void* target, const node& n);
    any_tensor read_element(const tensor_body& t);
    bool read_text(const type_facts& t, void* p, const node& n);
    void tensor(const type_facts& t, void* target, const node& n);
    void tensor_of_scalar(const type_facts& t, void* target, const node& n);
    void optional(const type_facts& t, void* target, const node& n);
    void bits(const type_facts& t, void* target, const node& n);
    void sequence(const type_facts& t, void* target, const node& n);
    void fixed(const type_facts& t, void* target, const node& n);
    void set(const type_facts& t, void* target, const node& n);
    void map(const type_facts& t, void* target, const node& n);
    void nested(const type_facts& t, void* target, const node& n);
    bool read_key(const type_facts& t, void* to, const node& n, bool strip);
    static void keep(const type_facts& t, void* old, void* made, void* key);
    void variant(const type_facts& t, void* target, const node& n);
    static bool accepts(const type_facts& t, const node& n, bool exactly);

    // archive/bind_module.hpp: dotted keys
    void missing_flat(const type_facts& t, const std::string& key);
    void module(const type_facts& t, void* target, const node& n);
    void flat_members(const type_facts& t, void* target, flat_view& view, const std::string& key);
    void flat(const type_facts& t, void* target, flat_view& view, const std::string& key);
    void flat_optional(const type_facts& t, void* target, flat_view& view, const std::string& key);
    static vec<std::string> names_in(const type_facts& t, const void* map);
    static std::size_t count_indices(flat_view& view, const std::string& key);
    static vec<std::string> names_below(flat_view& view, const std::string& key, bool whole_names);

    /// The items of a list or tuple, or null.
    static const list_body* items_of(const node& n) {
        return n.kind == value_kind::list || n.kind == value_kind::tuple ? n.list : nullptr;
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
        std::array<void*, max_parts> at;
        t.addresses(target, at.data());
        const name_index names(*d);
        vec<bool> used(d->size);
        std::size_t rest = max_parts;
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
        if (rest != max_parts) {
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
            if (found != nullptr && found->kind == value_kind::dict && !options_.strip_prefix.empty())
                strip_metadata(*out_.copier.copy(found));
        });
    }

    /// The keys of `_metadata` name modules, without a dot at the end ("module" and "module.fc1" for the prefix
    /// "module."). That of the wrapper itself ("") goes, as in torch's consume_prefix_in_state_dict_if_present.
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

    void missing_key(const std::string& key) {
        std::string path = path_;
        if (!key.empty()) path.append(path.empty() ? "" : "/").append(key);
        budget_.text(path.size());
        out_.report.missing_keys.push_back(std::move(path));
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

    /// The addresses and types of the parts of an array or tuple.
    template <class F>
    static void for_each_part(const type_facts& t, void* p, F&& f) {
        if (t.kind == kind::array) {
            for (std::size_t i = 0; i < t.count; ++i) f(i, *t.element, t.at(p, i));
        } else {
            std::array<void*, max_parts> at;
            t.addresses(p, at.data());
            for (std::size_t i = 0; i < t.members.size(); ++i) f(i, *t.members[i].type, at[i]);
        }
    }

    binding& out_;
    const bind_options& options_;
    bind_budget budget_;
    address_set collected_;  // parts of a tarc::value whose tensors are in out_.tensors
    std::string path_;
    bool direct_ = false;
};

}  // namespace tarc::detail
