#include "inference.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cli {

using tarc::file_kind;
using tarc::detail::kind;

namespace {

constexpr std::size_t most_fields = 200;  // of a struct, by Boost.PFR
constexpr std::size_t longest_array = 256;

using type_list = std::vector<const inferred*>;

/// What a file alone says, place by place: state_dicts are flat, None and empty containers are still known as such.
class reader {
public:
    explicit reader(type_arena& types) : types_(types) {}

    const inferred* of(const place& p) {
        if (p.only_value) return types_.plain(kind::value);
        switch (p.kind) {
            case file_kind::none: return types_.plain(kind::none);
            case file_kind::boolean: return types_.plain(kind::boolean);
            case file_kind::integer: return types_.integer(!p.wide);
            case file_kind::real: return types_.plain(kind::real);
            case file_kind::complex: return types_.plain(kind::complex);
            case file_kind::string: return types_.plain(kind::string);
            case file_kind::bytes: return types_.plain(kind::bytes);
            case file_kind::tensor: return tensor(p);
            case file_kind::list: return list(p);
            case file_kind::tuple: return tuple(p);
            case file_kind::set: return types_.set(of(p.inside[0]));
            case file_kind::dict: return dict(p);
            case file_kind::other: break;
        }
        return types_.plain(kind::value);
    }

private:
    const inferred* tensor(const place& p) {
        const tarc::dtype_class c = tarc::facts(p.dtype).kind;
        const bool plain = c != tarc::dtype_class::quantized && c != tarc::dtype_class::bits;
        return plain ? types_.tensor(p.dtype, p.shape) : types_.any_tensor();
    }

    type_list inside(const place& p) {
        type_list all;
        for (const place& e : p.inside) all.push_back(of(e));
        return all;
    }

    const inferred* list(const place& p) {
        if (p.size == 0) return types_.sequence(nullptr);
        const type_list all = inside(p);
        const inferred* one = unify(types_, all);
        const auto is_value = [](const inferred* t) { return t->kind == kind::value; };
        if (!is_value(one) || std::all_of(all.begin(), all.end(), is_value) || p.size > most_parts)
            return types_.sequence(one);
        return types_.tuple(all);
    }

    const inferred* tuple(const place& p) {
        if (p.size == 0 || p.size > most_parts) return types_.plain(kind::value);
        return types_.tuple(inside(p));
    }

    const inferred* dict(const place& p) {
        if (p.size == 0) return types_.aggregate({});
        // Integers, many equal values, or a name that tarc::rename could not say: keys are data.
        const bool table =
            !p.inside[0].named || p.inside.size() < p.size ||
            std::any_of(
                p.inside.begin(), p.inside.end(), [](const place& i) { return i.key.find('\0') != i.key.npos; });
        if (table) return types_.map(p.inside[0].named, unify(types_, inside(p)));
        std::vector<part> members;
        for (const place& i : p.inside) members.push_back({i.key, of(i)});
        return types_.aggregate(members);
    }

    type_arena& types_;
};

/// From there to types of C++: state_dicts are taken apart by the dots of their keys.
class lowerer {
public:
    explicit lowerer(type_arena& types) : types_(types) {}

    const inferred* of(const inferred* t) {
        if (const auto known = done_.find(t); known != done_.end()) return known->second;
        const inferred* made = make(t);
        done_.emplace(t, made);
        return made;
    }

private:
    const inferred* make(const inferred* t) {
        switch (t->kind) {
            case kind::none: return types_.plain(kind::value);
            case kind::optional: return types_.optional(of(t->of()));
            case kind::sequence:
                return types_.sequence(t->element == nullptr ? types_.plain(kind::value) : of(t->of()));
            case kind::map: return types_.map(t->key->kind == kind::string, of(t->of()));
            case kind::tuple: {
                type_list parts;
                for (std::size_t i = 0; i < t->parts.size(); ++i) parts.push_back(of(t->part(i)));
                return types_.tuple(parts);
            }
            case kind::aggregate: return structure(t);
            default: return t;
        }
    }

    static bool is_tensor(const inferred* t) {
        return t->kind == kind::tensor || (t->kind == kind::optional && t->of()->kind == kind::tensor);
    }
    static const inferred* present(const inferred* t) { return t->kind == kind::optional ? t->of() : t; }

    const inferred* structure(const inferred* t) {
        if (t->parts.empty()) return types_.map(true, types_.plain(kind::value));
        std::vector<leaf> leaves;
        for (std::size_t i = 0; i < t->parts.size() && is_tensor(t->part(i)); ++i)
            leaves.push_back({t->parts[i].name, t->part(i)});
        if (leaves.size() == t->parts.size()) return level(leaves, 0);
        if (t->parts.size() > most_fields) {
            type_list all;
            for (std::size_t i = 0; i < t->parts.size(); ++i) all.push_back(present(t->part(i)));
            const inferred* one = unify(types_, all);
            return one->kind == kind::value ? one : types_.map(true, of(one));
        }
        std::vector<part> members;
        for (std::size_t i = 0; i < t->parts.size(); ++i) members.push_back({t->parts[i].name, of(t->part(i))});
        return types_.aggregate(members, true);
    }

    /// A tensor of a state_dict, by what its key is below the level that it is looked at from.
    struct leaf {
        std::string_view key;
        const inferred* type;
    };
    /// Leaves whose keys begin alike.
    struct group {
        std::string_view name;
        std::vector<leaf> below;              // keys without the name
        const inferred* own = nullptr;        // of the leaf that has just this name
        std::vector<const leaf*> whole = {};  // all leaves of it, keys with the name
        bool flat = false;                    // its leaves are fields of the level around it
    };

    static std::vector<group> groups_of(const std::vector<leaf>& leaves, std::size_t depth) {
        std::vector<group> groups;
        std::unordered_map<std::string_view, std::size_t> places;
        for (const leaf& l : leaves) {
            const std::size_t dot = std::min(l.key.find('.'), l.key.size());
            const std::string_view name = l.key.substr(0, dot);
            const auto [at, fresh] = places.try_emplace(name, groups.size());
            if (fresh) groups.push_back({.name = name, .below = {}});
            group& g = groups[at->second];
            g.whole.push_back(&l);
            if (dot == l.key.size()) {
                g.own = l.type;
            } else {
                const std::string_view rest = l.key.substr(dot + 1);
                g.below.push_back({rest, l.type});
                // A step without a name would make two keys one.
                g.flat |= name.empty() || rest.empty() || rest.front() == '.' || rest.back() == '.' ||
                          rest.find("..") != rest.npos || depth + 1 == deepest_place;
            }
        }
        for (group& g : groups) g.flat |= g.own != nullptr && !g.below.empty();
        return groups;
    }

    /// Whether the names are 0, 1, 2, …
    static bool is_numbered(const std::vector<group>& groups) {
        for (std::size_t i = 0; i < groups.size(); ++i)
            if (groups[i].flat || groups[i].name != std::to_string(i)) return false;
        return true;
    }

    const inferred* level(const std::vector<leaf>& leaves, std::size_t depth) {
        const std::vector<group> groups = groups_of(leaves, depth);
        const bool numbered = depth != 0 && is_numbered(groups);
        std::vector<part> members;
        for (const group& g : groups) {
            if (g.flat)
                for (const leaf* l : g.whole) members.push_back({l->key, l->type});
            else
                members.push_back({g.name, g.own != nullptr ? g.own : level(g.below, depth + 1)});
            if (members.size() > most_fields && !numbered) return many(leaves, groups, depth);
        }
        const auto like_first = [&](const part& p) { return p.type == members[0].type; };
        if (numbered && std::all_of(members.begin(), members.end(), like_first))
            return members.size() <= longest_array ? types_.array(members[0].type, members.size())
                                                   : types_.sequence(members[0].type);
        return members.size() <= most_fields ? types_.aggregate(members) : many(leaves, groups, depth);
    }

    /// More than a struct can have. At the top of a state_dict, and where single tensors stand among groups, whole keys
    /// are the map's.
    const inferred* many(const std::vector<leaf>& leaves, const std::vector<group>& groups, std::size_t depth) {
        type_list tensors, inner;
        for (const leaf& l : leaves) tensors.push_back(present(l.type));
        if (depth != 0) {
            for (const group& g : groups) {
                if (g.flat || g.own != nullptr) break;
                std::vector<part> members;
                for (const leaf& l : g.below) members.push_back({l.key, l.type});
                inner.push_back(types_.aggregate(members));
            }
            if (inner.size() == groups.size())
                return types_.map(true, level(parts_of(unify(types_, inner)), depth + 1));
        }
        return types_.map(true, unify(types_, tensors));
    }

    static std::vector<leaf> parts_of(const inferred* t) {
        std::vector<leaf> leaves;
        for (std::size_t i = 0; i < t->parts.size(); ++i) leaves.push_back({t->parts[i].name, t->part(i)});
        return leaves;
    }

    type_arena& types_;
    std::unordered_map<const inferred*, const inferred*> done_;
};

}  // namespace

const inferred* infer(type_arena& types, const place& root) { return lowerer(types).of(reader(types).of(root)); }

}  // namespace cli
