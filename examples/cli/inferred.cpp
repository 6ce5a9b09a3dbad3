#include "inferred.hpp"

#include <algorithm>
#include <utility>

namespace cli {

using tarc::detail::kind;

const inferred* type_arena::keep(inferred t) {
    // A text that is equal for equal types: what stands inside is known by its number.
    std::string id;
    const auto add = [&](std::uint64_t n) { id.append(std::to_string(n)).append(" "); };
    const auto add_type = [&](const tarc::detail::type_facts* f) {
        add(f == nullptr ? SIZE_MAX : static_cast<const inferred*>(f)->number);
    };
    for (const std::uint64_t n :
         {std::uint64_t{static_cast<std::uint8_t>(t.kind)}, std::uint64_t{t.size}, std::uint64_t{t.is_signed},
          std::uint64_t{t.any_dtype}, std::uint64_t{t.has_rank}, std::uint64_t{static_cast<std::uint8_t>(t.dtype)},
          std::uint64_t{t.plain_dict}, std::uint64_t{t.count}})
        add(n);
    add_type(t.element);
    add(t.key == nullptr ? 0 : t.key->kind == kind::string ? 1 : 2);
    for (const std::int64_t d : t.dims) add(static_cast<std::uint64_t>(d));
    for (const tarc::detail::member& m : t.parts) {
        add(m.name.size());
        id += m.name;
        add_type(m.type);
    }
    const auto [at, fresh] = known_.try_emplace(std::move(id));
    if (fresh) {
        t.number = all_.size();
        inferred& kept = all_.emplace_back(std::move(t));
        kept.extents = kept.dims;
        kept.members = kept.parts;
        at->second = &kept;
    }
    return at->second;
}

const inferred* type_arena::plain(tarc::detail::kind k) {
    inferred t;
    t.kind = k;
    if (k == kind::real || k == kind::complex) t.size = sizeof(double);
    return keep(std::move(t));
}

const inferred* type_arena::integer(bool is_signed) {
    inferred t;
    t.kind = kind::integer;
    t.size = sizeof(std::int64_t);
    t.is_signed = is_signed;
    return keep(std::move(t));
}

const inferred* type_arena::any_tensor() {
    inferred t;
    t.kind = kind::tensor;
    t.any_dtype = t.flattens = true;
    return keep(std::move(t));
}

const inferred* type_arena::tensor(tarc::dtype type) {
    inferred t;
    t.kind = kind::tensor;
    t.flattens = true;
    t.dtype = type;
    return keep(std::move(t));
}

const inferred* type_arena::tensor(tarc::dtype type, std::span<const std::int64_t> extents) {
    inferred t;
    t.kind = kind::tensor;
    t.flattens = t.has_rank = true;
    t.dtype = type;
    t.dims.assign(extents.begin(), extents.end());
    return keep(std::move(t));
}

namespace {

inferred container(tarc::detail::kind k, const inferred* of) {
    inferred t;
    t.kind = k;
    t.element = of;
    t.flattens = of != nullptr && of->flattens;
    return t;
}

}  // namespace

const inferred* type_arena::optional(const inferred* of) {
    return of->kind == kind::optional ? of : keep(container(kind::optional, of));
}
const inferred* type_arena::sequence(const inferred* of) { return keep(container(kind::sequence, of)); }
const inferred* type_arena::set(const inferred* of) { return keep(container(kind::set, of)); }

const inferred* type_arena::array(const inferred* of, std::size_t n) {
    inferred t = container(kind::array, of);
    t.count = n;
    return keep(std::move(t));
}

const inferred* type_arena::map(bool string_keys, const inferred* of) {
    inferred t = container(kind::map, of);
    t.key = string_keys ? plain(kind::string) : integer(true);
    t.flattens = t.flattens && string_keys;
    return keep(std::move(t));
}

const inferred* type_arena::tuple(std::span<const inferred* const> parts) {
    inferred t;
    t.kind = kind::tuple;
    t.flattens = true;
    for (const inferred* p : parts) {
        t.parts.push_back({{}, p});
        t.flattens = t.flattens && p->flattens;
    }
    return keep(std::move(t));
}

const inferred* type_arena::aggregate(std::span<const part> members, bool plain_dict) {
    inferred t;
    t.kind = kind::aggregate;
    t.is_module = true;
    for (const part& p : members) {
        t.parts.push_back({p.name, p.type});
        t.is_module = t.is_module && p.type->flattens;  // `flattens` of a struct without tensors only is false here
        t.dotted |= p.name.empty() || p.name.find('.') != p.name.npos || p.type->dotted;
    }
    t.plain_dict = t.is_module && plain_dict;
    if (plain_dict) t.is_module = false;
    t.flattens = t.is_module;
    return keep(std::move(t));
}

namespace {

using type_list = std::vector<const inferred*>;

const inferred* unify_tensors(type_arena& types, const type_list& all) {
    const inferred& first = *all[0];
    bool same_rank = first.has_rank;
    std::vector<std::int64_t> dims = first.dims;
    for (const inferred* t : all) {
        if (t->any_dtype || first.any_dtype || t->dtype != first.dtype) return types.any_tensor();
        same_rank = same_rank && t->has_rank && t->dims.size() == dims.size();
        for (std::size_t i = 0; same_rank && i < dims.size(); ++i)
            if (dims[i] != t->dims[i]) dims[i] = tarc::dyn;
    }
    return same_rank ? types.tensor(first.dtype, dims) : types.tensor(first.dtype);
}

const inferred* unify_tuples(type_arena& types, const type_list& all) {
    type_list parts;
    for (const inferred* t : all)
        if (t->parts.size() != all[0]->parts.size()) return types.plain(kind::value);
    for (std::size_t i = 0; i < all[0]->parts.size(); ++i) {
        type_list column;
        for (const inferred* t : all) column.push_back(t->part(i));
        parts.push_back(unify(types, column));
    }
    return types.tuple(parts);
}

const inferred* unify_structs(type_arena& types, const type_list& all) {
    struct field {
        std::string_view name;
        type_list seen;
    };
    std::vector<field> fields;
    std::unordered_map<std::string_view, std::size_t> places;
    for (const inferred* t : all) {
        for (std::size_t i = 0; i < t->parts.size(); ++i) {
            const auto [at, fresh] = places.try_emplace(t->parts[i].name, fields.size());
            if (fresh) fields.push_back({t->parts[i].name, {}});
            fields[at->second].seen.push_back(t->part(i));
        }
    }
    std::vector<part> members;
    for (const field& f : fields) {
        const inferred* t = unify(types, f.seen);
        members.push_back({f.name, f.seen.size() == all.size() ? t : types.optional(t)});
    }
    return types.aggregate(members);
}

const inferred* unify_elements(type_arena& types, const type_list& all) {
    type_list inner;
    for (const inferred* t : all)
        if (t->element != nullptr) inner.push_back(t->of());
    return inner.empty() ? nullptr : unify(types, inner);
}

/// None of them None or optional.
const inferred* unify_present(type_arena& types, type_list all) {
    const inferred* value = types.plain(kind::value);
    const bool a_map = std::any_of(all.begin(), all.end(), [](const inferred* t) { return t->kind == kind::map; });
    if (a_map)  // an empty dict is an empty map
        std::erase_if(all, [](const inferred* t) { return t->kind == kind::aggregate && t->parts.empty(); });
    const inferred& first = *all[0];
    for (const inferred* t : all)
        if (t->kind != first.kind) return value;
    if (all.size() == 1) return all[0];
    switch (first.kind) {
        case kind::tensor: return unify_tensors(types, all);
        case kind::sequence: return types.sequence(unify_elements(types, all));
        case kind::tuple: return unify_tuples(types, all);
        case kind::aggregate: return unify_structs(types, all);
        case kind::map:
            for (const inferred* t : all)
                if (t->key != first.key) return value;
            return types.map(first.key->kind == kind::string, unify_elements(types, all));
        default: return value;  // integers of different signs, sets of different elements
    }
}

}  // namespace

const inferred* unify(type_arena& types, std::span<const inferred* const> all) {
    type_list present;
    std::vector<bool> seen;
    bool lacks = false, optional = false;
    for (const inferred* t : all) {
        if (t->kind == kind::optional) {
            optional = true;
            t = t->of();
        }
        if (t->kind == kind::none) {
            lacks = true;
            continue;
        }
        if (t->number >= seen.size()) seen.resize(t->number + 1);
        if (seen[t->number]) continue;
        seen[t->number] = true;
        present.push_back(t);
    }
    if (present.empty()) return optional ? types.optional(types.plain(kind::none)) : types.plain(kind::none);
    const inferred* t = unify_present(types, std::move(present));
    if (optional) return types.optional(t);
    return lacks && t->kind != kind::value ? types.optional(t) : t;
}

}  // namespace cli
