#pragma once

#include <algorithm>  // std::ranges::none_of
#include <array>
#include <cstddef>
#include <memory>  // std::make_unique
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/archive/binding.hpp>
#include <tarc/archive/flat_view.hpp>
#include <tarc/archive/path_scope.hpp>
#include <tarc/archive/scalars.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/util/constant_text.hpp>
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
        direct_ = fresh_ = fresh;
        any(t, object, n);
    }

    /// Binds one field of a module on its own: the leaves whose keys stand under its name.
    void bind_field(const member& m, void* object, const node& n, bool fresh) {
        direct_ = fresh_ = fresh;
        if (dict_of(n) == nullptr && items_of(n) == nullptr) return mismatch(n, "a state_dict");
        flat_view view(n, options_, out_.texts, budget_);
        flat_member(m, object, view, {});
        for (const std::size_t i : view.below(m.name))
            if (!view[i].used) unexpected(view[i].key);
    }

private:
    using scope = path_scope;

    static std::string escaped(std::string_view name) {
        std::string s;
        for_each_escaped(name, [&](char c) { s += c; });
        return s;
    }
    /// A dotted key below another, which may be empty.
    static std::string below(std::string_view key, std::string_view name) {
        return key.empty() ? std::string(name) : std::string(key) + "." + std::string(name);
    }

    void mismatch(const node& n, std::string expected, difference what = difference::kind) {
        mismatch(describe_node(n), std::move(expected), what);
    }
    void mismatch(std::string archived, std::string expected, difference what = difference::kind) {
        budget_.text(path_.size() + archived.size());
        out_.report.mismatched.push_back(
            {path_.empty() ? options_.at : path_, std::move(archived), std::move(expected), what});
    }
    void converted(std::string archived, std::string expected) {
        budget_.text(path_.size() + archived.size());
        out_.report.converted.push_back(
            {path_.empty() ? options_.at : path_, std::move(archived), std::move(expected)});
    }
    /// `step` as path texts have it.
    void unexpected(std::string_view step) {
        scope s(path_, step, '/');
        if (!options_.filter->takes_container(path_)) return;
        budget_.text(path_.size());
        out_.report.unexpected_keys.push_back(path_);
    }

    /// Where a tensor stands in the file.
    std::string_view file_path(std::string_view below) {
        const std::string_view parts[] = {options_.at, path_, below};
        std::size_t most = 0;
        for (const std::string_view part : parts) most += part.size() + 1;
        char* const whole = out_.texts.array<char>(most);
        std::size_t size = 0;
        for (const std::string_view part : parts) {
            if (part.empty()) continue;
            if (size != 0) whole[size++] = '/';
            std::memcpy(whole + size, part.data(), part.size());
            size += part.size();
        }
        budget_.text(size);
        return {whole, size};
    }

    /// Runs `fill(object)` on the target itself when it is fresh, else on a copy that is moved in at the end. Where
    /// something inside does not fit and no tensor stands there, nothing of it is applied.
    template <class Fill>
    void stage(const type_facts& t, void* target, Fill&& fill) {
        if (direct_) return static_cast<void>(fill(target));
        void* object = t.copy != nullptr ? t.copy(target) : t.create();
        staged_object staged(t, object, target);
        const std::size_t before = out_.report.mismatched.size() + out_.report.missing_keys.size();
        const std::size_t stand_ins = out_.stand_ins.size();
        direct_ = true;
        try {
            fill(object);
        } catch (...) {
            direct_ = false;
            throw;
        }
        direct_ = false;
        const bool fits = before == out_.report.mismatched.size() + out_.report.missing_keys.size();
        if (fits || t.has_tensor) return out_.objects.push_back(std::move(staged));
        while (out_.stand_ins.size() > stand_ins) out_.stand_ins.pop_back();
    }

    /// Binds what a type is archived as; the object itself is made of it when that has its tensors.
    template <class Fill>
    void stand_in(const type_facts& t, void* target, Fill&& fill) {
        stage(t, target, [&](void* p) {
            auto made = std::make_unique<temporary>(*t.element);
            if (!fresh_)
                t.save_as(t.copy != nullptr ? p : target, made->object);  // what the file lacks keeps its value
            const bool outer = std::exchange(hidden_, true);
            try {
                fill(made->object);
            } catch (...) {
                hidden_ = outer;
                throw;
            }
            hidden_ = outer;
            out_.stand_ins.push_back({&t, std::move(made), p});
        });
    }

    /// Whether the load does anything at the path: to one value, or to a part of what stands there.
    [[nodiscard]] bool takes_part(const type_facts& t) const {
        if (!options_.filter->active() || in_container_) return true;
        const type_facts* inner = &t;
        while (inner->kind == kind::optional || inner->kind == kind::stand_in) inner = inner->element;
        const bool has_parts =
            inner->kind == kind::aggregate || inner->kind == kind::array || inner->kind == kind::tuple;
        return has_parts ? options_.filter->reaches(path_) : options_.filter->takes_container(path_);
    }
    /// Whether all that stands at a key takes part, in the file and in the struct.
    [[nodiscard]] bool takes_whole(flat_view& view, const std::string& key) {
        if (!options_.filter->active()) return true;
        return takes(key) && takes_any(view, key) == view.below(key).size();
    }
    /// How many of the leaves below a key take part.
    [[nodiscard]] std::size_t takes_any(flat_view& view, const std::string& key) {
        std::size_t n = 0;
        for (const std::size_t i : view.below(key)) n += takes(view[i].key);
        return n;
    }
    /// Whether a leaf takes part: `step` is a key below the path.
    [[nodiscard]] bool takes(std::string_view step) {
        if (!options_.filter->active()) return true;
        scope s(path_, step, '/');
        return options_.filter->takes(path_);
    }
    /// Of a tarc::rest, what takes no part in the load.
    void keep_unselected(tarc::rest& r, std::string_view prefix) {
        if (!options_.filter->active()) return r.clear();
        tarc::rest kept;
        for (const auto& [key, value] : r) {
            const std::string step = key.kind() == value_kind::string ? std::string(key.as_string()) : std::string();
            if (!takes(below(prefix, step))) kept.append(key, value);
        }
        r = std::move(kept);
    }

    class container_scope {
    public:
        explicit container_scope(binder& b) : binder_(b), before_(std::exchange(b.in_container_, true)) {}
        ~container_scope() { binder_.in_container_ = before_; }
        container_scope(const container_scope&) = delete;
        container_scope& operator=(const container_scope&) = delete;

    private:
        binder& binder_;
        bool before_;
    };

    /// Where the 0-d tensors of a dict that fill floating fields are noted.
    class forms_scope {
    public:
        forms_scope(binder& b, element_forms* to)
            : binder_(b), before_(std::exchange(b.forms_, to)), at_(std::exchange(b.forms_at_, b.path_.size())) {}
        ~forms_scope() {
            binder_.forms_ = before_;
            binder_.forms_at_ = at_;
        }
        forms_scope(const forms_scope&) = delete;
        forms_scope& operator=(const forms_scope&) = delete;

    private:
        binder& binder_;
        element_forms* before_;
        std::size_t at_;
    };

    /// A field with a dtype_policy of its own; what stands in it has the same.
    class policy_scope {
    public:
        policy_scope(binder& b, const member& m) : binder_(b), before_(b.policy_) {
            if (m.retyped) b.policy_ = *m.retyped;
        }
        ~policy_scope() { binder_.policy_ = before_; }
        policy_scope(const policy_scope&) = delete;
        policy_scope& operator=(const policy_scope&) = delete;

    private:
        binder& binder_;
        dtype_policy before_;
    };

    /// A target that cannot be copied is bound part by part, so that what is transient in it stays.
    template <class Fill>
    void stage_parts(const type_facts& t, void* target, bool same_parts, Fill&& fill) {
        if (t.copy == nullptr && same_parts) return static_cast<void>(fill(target));
        stage(t, target, fill);
    }

    void any(const type_facts& t, void* target, const node& n) {
        budget_.visit();
        if (!takes_part(t)) return;
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
            case kind::stand_in: return stand_in(t, target, [&](void* made) { any(*t.element, made, n); });
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
                out_.tensors.push_back({nullptr, n.tensor, file_path(path_text(at)), n.tensor->type});
            if (n.kind == value_kind::storage) {
                auto* b = out_.texts.make<tensor_body>();
                b->type = n.storage->type.value_or(dtype::uint8);
                b->storage = n.storage;
                out_.tensors.push_back({nullptr, b, file_path(path_text(at)), b->type});
            }
            return true;
        });
    }

    // archive/bind_values.hpp
    void scalar(const type_facts& t, void* target, const node& n);
    any_tensor read_element(const tensor_body& t);
    std::string read_within_budget(const type_facts& t, void* p, const node& n);
    bool read_text(const type_facts& t, void* p, const node& n);
    void number_mismatch(const type_facts& t, void* p, const node& n, const char* what, std::string why);
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
    static inserted keep(const type_facts& t, void* old, void* made, void* key);
    void variant(const type_facts& t, void* target, const node& n);
    static bool accepts(const type_facts& t, const node& n, bool exactly);

    // archive/bind_module.hpp: dotted keys
    void missing_flat(const type_facts& t, const std::string& key);
    void forget_removed(const type_facts& t, flat_view& view, const std::string& key);
    void module(const type_facts& t, void* target, const node& n);
    void flat_members(const type_facts& t, void* target, flat_view& view, const std::string& key);
    void flat_member(const member& m, void* target, flat_view& view, const std::string& key);
    void flat(const type_facts& t, void* target, flat_view& view, const std::string& key);
    void flat_optional(const type_facts& t, void* target, flat_view& view, const std::string& key);
    static vec<std::string> names_in(const type_facts& t, const void* map);
    std::size_t count_indices(flat_view& view, const std::string& key, bool only_taken);
    vec<std::string> names_below(flat_view& view, const std::string& key, bool whole_names, bool only_taken);

    // archive/bind_dict.hpp: structs as dicts
    void dict(const type_facts& t, void* target, const node& n);
    node* rest_of(const node& key, std::size_t bytes);
    node* below_dot(const dict_body& d, std::string_view name, vec<bool>& used);
    const node* gathered(const member& m, const dict_body& d, vec<bool>& used);
    static bool has_steps(const type_facts& t);
    node* shaped(const type_facts& t, node* part);
    void metadata(const type_facts& t, void* target, const node& n);
    void strip_metadata(node& copy);
    void absent(const member& m, void* target);
    void missing(const type_facts& t);
    void missing_key(const std::string& key);

    /// The items of a list or tuple, or of what stands for one, or null.
    static const list_body* items_of(const node& node) {
        const auto* s = stand_in_of(node);
        const auto& n = s != nullptr ? *s : node;
        return n.kind == value_kind::list || n.kind == value_kind::tuple ? n.list : nullptr;
    }
    /// The dict that a node is, or stands for.
    static const dict_body* dict_of(const node& n) {
        if (n.kind == value_kind::dict) return n.dict;
        const node* s = stand_in_of(n);
        return s != nullptr && s->kind == value_kind::dict ? s->dict : nullptr;
    }

    /// The same without a copy, where the key has nothing to escape; `room` is for where it has.
    static std::string_view step_text(const node& key, std::string& room) {
        const auto escapes = [](char c) { return c == '/' || c == ':' || c == '\\'; };
        if (key.kind == value_kind::string && std::ranges::none_of(key.str(), escapes)) return key.str();
        room = step_text(key);
        return room;
    }
    static std::string step_text(const node& key) {
        std::string text;
        append_step(text, {&key, 0, {}});
        return text;
    }

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
    element_forms* forms_ = nullptr;
    std::size_t forms_at_ = 0;  // the size of the path of the struct that they are fields of
    dtype_policy policy_ = options_.dtypes;
    bool fresh_ = false;         // the object was made for this load
    bool direct_ = false;        // what is bound now is not yet anybody's, and is written at once
    bool hidden_ = false;        // it is what a type is archived as
    bool in_container_ = false;  // it stands in a list or map, which takes part whole
};

}  // namespace tarc::detail
