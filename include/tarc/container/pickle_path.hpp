#pragma once

#include <cstddef>
#include <string>

#include <tarc/container/known_globals.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// A dict key as a step of a path.
[[nodiscard]] inline std::string path_step(const node& key) {
    if (key.kind == value_kind::string) return std::string(key.str());
    if (key.kind == value_kind::integer && !key.big) return std::to_string(key.integer);
    if (key.kind == value_kind::boolean) return key.boolean ? "True" : "False";
    if (const auto text = text_of(key)) return *text;
    return "(a key that is no string)";
}

/// The path of the first tensor or storage over `wanted` in the order of the tree, for messages: "" when it is the
/// root. Steps are joined by "/".
[[nodiscard]] inline std::string find_path(const node& root, const storage_body* wanted) {
    struct place {
        const node* at;
        std::size_t parent;
        std::string step;
    };
    vec<place> places{{&root, SIZE_MAX, {}}};
    vec<std::size_t> work{0};
    address_set seen;
    while (!work.empty()) {
        const std::size_t here = work.back();
        work.pop_back();
        const node* n = places[here].at;
        if (!seen.add(n).fresh) continue;
        if (const node* stand_in = writable_stand_in(*n)) n = stand_in;
        const bool found = (n->kind == value_kind::tensor && n->tensor->storage == wanted) ||
                           (n->kind == value_kind::storage && n->storage == wanted);
        if (found) {
            std::string path;
            for (std::size_t i = here; places[i].parent != SIZE_MAX; i = places[i].parent)
                path = places[i].step + (path.empty() ? "" : "/") + path;
            return path;
        }
        const std::size_t before = work.size();
        const auto visit = [&](const node* child, std::string step) {
            work.push_back(places.size());
            places.push_back({child, here, std::move(step)});
        };
        if (n->kind == value_kind::list || n->kind == value_kind::tuple || n->kind == value_kind::set) {
            for (std::size_t i = 0; i < n->list->size; ++i) visit((*n->list)[i], std::to_string(i));
        } else if (n->kind == value_kind::dict) {
            for (const entry& e : *n->dict) visit(e.value, path_step(*e.key));
        } else if (n->kind == value_kind::object && n->object->args != nullptr) {
            visit(n->object->args, "args");
        }
        for (std::size_t i = before, k = work.size(); i + 1 < k; ++i) {  // the first child comes first
            --k;
            const std::size_t swap = work[i];
            work[i] = work[k];
            work[k] = swap;
        }
    }
    return {};
}

}  // namespace tarc::detail
