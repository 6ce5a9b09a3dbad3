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

/// An object that stands for the dict of its state: no call arguments of its own worth showing, state a dict.
[[nodiscard]] inline bool is_transparent(const node& n) {
    return n.kind == value_kind::object && n.object->state != nullptr && n.object->state->kind == value_kind::dict &&
           n.object->items == nullptr && n.object->pairs == nullptr;
}

/// Appends the children of a container or object, in file order.
inline void list_children(const node& n, vec<child>& out) {
    const auto add_dict = [&](const dict_body& d) {
        for (const entry& e : d) out.push_back({{e.key, 0, {}}, e.value});
    };
    switch (n.kind) {
        case value_kind::list:
        case value_kind::tuple:
        case value_kind::set:
            for (std::size_t i = 0; i < n.list->size; ++i) out.push_back({{nullptr, i, {}}, (*n.list)[i]});
            break;
        case value_kind::dict: add_dict(*n.dict); break;
        case value_kind::object:
            if (is_transparent(n)) {
                add_dict(*n.object->state->dict);
                for (std::size_t i = n.object->stated; i < n.object->state->dict->size; ++i)
                    out[out.size() - n.object->state->dict->size + i].step.aside = true;
                return;
            }
            if (n.object->args != nullptr) out.push_back({{nullptr, 0, "args"}, n.object->args});
            if (n.object->state != nullptr) out.push_back({{nullptr, 0, "state"}, n.object->state});
            if (n.object->items != nullptr)
                for (std::size_t i = 0; i < n.object->items->size; ++i)
                    out.push_back({{nullptr, i, {}}, (*n.object->items)[i]});
            if (n.object->pairs != nullptr) add_dict(*n.object->pairs);
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
        if (levels.size() >= limit.depth) {
            for (const level& l : levels)
                if (l.at == &n)
                    raise(errc::bad_pickle, "a container holds itself at " + path_text({path.data(), path.size()}));
            raise(errc::limit_exceeded,
                  "values are nested deeper than " + std::to_string(limit.depth) + " (tarc::limits::depth)");
        }
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
