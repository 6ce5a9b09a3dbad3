#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/constant_text.hpp>
#include <tarc/util/function_ref.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

/// Walking a tree without recursion, with a budget: a pickle may hold cycles and billions of paths to few nodes.
namespace tarc::detail {

/// One step down: a dict's key, or an index, or a label for the parts of an object.
struct step {
    const node* key = nullptr;
    std::size_t index = 0;
    std::string_view label;
    bool aside = false;  // to an attribute of a TorchScript module, which its state_dict has not
};

struct child {
    tarc::detail::step step;
    const node* value;
};

/// What an object stands for wherever values are listed or bound: the items of one that is a list or a dict by its
/// base class, else its attributes. Null for any other node.
[[nodiscard]] inline const node* stand_in_of(const node& n) {
    if (n.kind != value_kind::object) return nullptr;
    const object_body& o = *n.object;
    if (o.items != nullptr || o.pairs != nullptr)
        return o.items == nullptr ? o.pairs : o.pairs == nullptr ? o.items : nullptr;
    return o.state != nullptr && o.state->kind == value_kind::dict ? o.state : nullptr;
}

/// Whether list_children() may find any.
[[nodiscard]] inline bool has_parts(const node& n) {
    return n.kind == value_kind::dict || n.kind == value_kind::list || n.kind == value_kind::tuple ||
           n.kind == value_kind::set || n.kind == value_kind::object;
}

/// Appends the children of a container or object, in file order.
inline void list_children(const node& n, vec<child>& out) {
    switch (n.kind) {
        case value_kind::list:
        case value_kind::tuple:
        case value_kind::set:
            for (std::size_t i = 0; i < n.list->size; ++i) out.push_back({{nullptr, i, {}}, (*n.list)[i]});
            break;
        case value_kind::dict:
            for (const entry& e : *n.dict) out.push_back({{e.key, 0, {}}, e.value});
            break;
        case value_kind::object:
            if (const node* s = stand_in_of(n)) {
                const std::size_t before = out.size();
                list_children(*s, out);
                for (std::size_t i = n.object->stated; i < out.size() - before; ++i) out[before + i].step.aside = true;
                return;
            }
            if (n.object->args != nullptr) out.push_back({{nullptr, 0, "args"}, n.object->args});
            if (n.object->state != nullptr) out.push_back({{nullptr, 0, "state"}, n.object->state});
            if (n.object->items != nullptr) list_children(*n.object->items, out);
            if (n.object->pairs != nullptr) list_children(*n.object->pairs, out);
            break;
        default: break;
    }
}

/// A key or index as one element of a path text.
inline void append_step(std::string& out, const step& s) {
    if (s.key == nullptr) {
        if (s.label.empty())
            out += std::to_string(s.index);
        else
            out += s.label;
        return;
    }
    switch (s.key->kind) {
        case value_kind::string: for_each_escaped(s.key->str(), [&](char c) { out += c; }); break;
        case value_kind::integer: out += s.key->big ? std::string("<int>") : std::to_string(s.key->integer); break;
        case value_kind::boolean: out += s.key->boolean ? "True" : "False"; break;
        case value_kind::none: out += "None"; break;
        default: out += "<key>"; break;
    }
}

[[nodiscard]] inline std::string path_text(std::span<const step> path) {
    std::string text;
    for (const step& s : path) {
        if (!text.empty()) text += '/';
        append_step(text, s);
    }
    return text;
}

/// Depth-first, in file order, each path once. `visit(path, node)` answers whether to go into the node's children.
/// `expand(node, children)` may list them in another order or leave some out. Errors: errc::limit_exceeded,
/// errc::bad_pickle for a cycle.
inline void walk(const node& root, const limits& limit, function_ref<bool(std::span<const step>, const node&)> visit,
                 function_ref<void(const node&, vec<child>&)> expand) {
    struct level {
        const node* at;
        std::size_t next, end;
    };
    vec<level> levels;
    vec<child> pending;
    vec<step> path;
    std::uint64_t visited = 0;
    const auto enter = [&](const node& n) {
        if (++visited > limit.nodes)
            raise(errc::limit_exceeded,
                  "the tree has more than " + std::to_string(limit.nodes) +
                      " values (tarc::limits::nodes), counting shared ones as often as they are reached");
        if (!visit(std::span<const step>(path.data(), path.size()), n)) return;
        const std::size_t begin = pending.size();
        expand(n, pending);
        if (pending.size() == begin) return;
        // Where no container holds itself, what is pending is no more than what the tree holds.
        constexpr std::size_t many = 1 << 16;
        if (levels.size() >= limit.depth || pending.size() > many)
            for (std::size_t i = 0; i < levels.size(); ++i)
                if (levels[i].at == &n)
                    raise(errc::bad_pickle, "the container at \"" + path_text({path.data(), i}) + "\" holds itself");
        if (levels.size() >= limit.depth)
            raise(errc::limit_exceeded,
                  "values are nested deeper than " + std::to_string(limit.depth) + " (tarc::limits::depth)");
        levels.push_back({&n, begin, pending.size()});
    };
    enter(root);
    while (!levels.empty()) {
        level& l = levels.back();
        if (path.size() == levels.size()) path.pop_back();
        if (l.next == l.end) {
            levels.pop_back();
            pending.resize(levels.empty() ? 0 : levels.back().end);
            continue;
        }
        const child c = pending[l.next++];
        path.push_back(c.step);
        enter(*c.value);
    }
}

inline void walk(const node& root, const limits& limit, function_ref<bool(std::span<const step>, const node&)> visit) {
    walk(root, limit, visit, [](const node& n, vec<child>& out) { list_children(n, out); });
}

}  // namespace tarc::detail
