#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/arena.hpp>
#include <tarc/value/node.hpp>
#include <tarc/value/tensor_of.hpp>
#include <tarc/value/utf8.hpp>
#include <tarc/value/walk.hpp>

namespace tarc::detail {

/// What stands in a tree where its containers end.
struct flat_value {
    std::string_view name;  // the steps to it, joined by "."
    std::string_view path;  // the same for errors, joined by "/"
    const node* value = nullptr;
};

/// Throws errc::unsavable at a path.
[[noreturn]] inline void refuse_value(std::string_view path, std::string message) {
    error e(errc::unsavable, std::move(message));
    throw std::move(e.at_field(path));
}

/// A tree for a format that has names and no containers, such as safetensors and npz: dicts, lists and tuples give way
/// to dotted names. A state_dict's `_metadata` and the attributes of Python objects have no place there and are left
/// out. Values that are shared stand in it once for each path.
class flat_values {
public:
    /// `format` is what errors call it. Errors: errc::unsavable for two equal names, for an empty container, for a key
    /// that is no name; errc::limit_exceeded.
    flat_values(const node& root, const limits& limit, const char* format) : format_(format) {
        if (!is_container(root)) refuse({}, "the value to save is " + described(root) + " without a name");
        walk(root, limit, [&](std::span<const step> path, const node& n) { return enter(path, n); });
    }
    flat_values(const flat_values&) = delete;
    flat_values& operator=(const flat_values&) = delete;

    /// In the order of the tree.
    [[nodiscard]] std::span<const flat_value> all() const { return {all_.data(), all_.size()}; }

    /// "an object of module.name", "a str".
    [[nodiscard]] static std::string described(const node& n) {
        if (n.kind != value_kind::object && n.kind != value_kind::global) {
            const char* name = kind_name(n.kind);
            return std::string(n.kind == value_kind::none ? "" : n.kind == value_kind::integer ? "an " : "a ") + name;
        }
        const node* g = n.kind == value_kind::object ? n.object->cls : &n;
        std::string text = n.kind == value_kind::object ? "an object" : "the name";
        if (g != nullptr && g->kind == value_kind::global)
            text.append(n.kind == value_kind::object ? " of " : " ")
                .append(g->global->module)
                .append(".")
                .append(g->global->name);
        return text;
    }

private:
    /// A little tree may have very many paths, each of them long.
    static constexpr std::uint64_t most_text = 100'000'000;

    static bool is_container(const node& n) {
        return n.kind == value_kind::dict || n.kind == value_kind::list || n.kind == value_kind::tuple;
    }

    [[noreturn]] void refuse(std::string_view path, const std::string& what) const {
        refuse_value(path,
                     what + ", and " + format_ + " holds named tensors only -- leave it out, or save to a .pt file");
    }

    bool enter(std::span<const step> path, const node& n) {
        if (is_container(n)) {
            const bool empty = n.kind == value_kind::dict ? n.dict->size == 0 : n.list->size == 0;
            if (empty && !path.empty()) refuse(path_text(path), "this " + std::string(kind_name(n.kind)) + " is empty");
            return true;
        }
        std::string name, text = path_text(path);
        for (const step& s : path) {
            if (!name.empty() || &s != path.data()) name += '.';
            append(name, s, text);
        }
        if (!is_utf8(name)) refuse(text, "this name is not UTF-8");
        text_bytes_ += name.size() + text.size();
        if (text_bytes_ > most_text)
            raise(errc::limit_exceeded,
                  "the names of the values have more than " + std::to_string(most_text) + " bytes together");
        const std::string_view kept = texts_.copy(name);
        if (const numbered known = names_.add(kept); !known.fresh)
            refuse_value(text, "this value and the one at \"" + std::string(all_[known.number].path) +
                                   "\" would both be called \"" + name + "\" -- rename one of them");
        all_.push_back({kept, texts_.copy(text), &n});
        return false;
    }

    void append(std::string& name, const step& s, std::string_view path) const {
        if (s.key == nullptr)
            name += std::to_string(s.index);
        else if (s.key->kind == value_kind::string)
            name += s.key->str();
        else if (s.key->kind == value_kind::integer && !s.key->big)
            name += std::to_string(s.key->integer);
        else
            refuse(path, "a key on the way here is " + described(*s.key) + ", which makes no name");
    }

    const char* format_;
    arena texts_;
    text_set names_;
    vec<flat_value> all_;
    std::uint64_t text_bytes_ = 0;
};

}  // namespace tarc::detail
