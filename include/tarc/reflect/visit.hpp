#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <tarc/reflect/leaves.hpp>

namespace tarc::detail {

/// Calls `f(part, type)` for what an object is made of at the next level: fields, elements, the value of an optional or
/// variant, the mapped values of a map, what a type is archived as; with the name that it has in a dotted key, empty
/// for what adds none. Transient fields are left out. Depth is bounded by the type.
template <class F>
void for_each_part(const type_facts& t, void* p, F&& f) {
    switch (t.kind) {
        case kind::aggregate:
        case kind::tuple: {
            std::array<void*, max_parts> at;
            t.addresses(p, at.data());
            for (std::size_t i = 0; i < t.members.size(); ++i) {
                if (t.members[i].transient) continue;
                if (t.kind == kind::tuple)
                    f(at[i], *t.members[i].type, std::to_string(i));
                else
                    f(at[i], *t.members[i].type, t.members[i].name);
            }
            return;
        }
        case kind::sequence:
        case kind::array:
            for (std::size_t i = 0, n = t.get_size(p); i < n; ++i) f(t.at(p, i), *t.element, std::to_string(i));
            return;
        case kind::optional:
            if (void* inner = t.get(p)) f(inner, *t.element, std::string_view{});
            return;
        case kind::stand_in: {  // a copy, which shares the storages of its tensors
            temporary made(*t.element);
            t.save_as(p, made.object);
            f(made.object, *t.element, std::string_view{});
            return;
        }
        case kind::variant: {
            const std::size_t which = t.which(p);
            if (which < t.members.size()) f(t.get(p), *t.members[which].type, std::string_view{});
            return;
        }
        case kind::map: {
            struct context {
                F& call;
                const type_facts& type;
            } c{f, t};
            t.for_each(p, &c, [](void* opaque, const void* key, void* value) {
                auto& [call, type] = *static_cast<context*>(opaque);
                if (type.key->kind == kind::string)
                    call(value, *type.element, *static_cast<const std::string*>(key));
                else
                    call(value, *type.element, std::to_string(read_signed(*type.key, key)));
            });
            return;
        }
        default: return;
    }
}

}  // namespace tarc::detail
