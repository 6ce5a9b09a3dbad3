#include "places.hpp"

#include <algorithm>
#include <cmath>  // std::isnan
#include <unordered_map>
#include <utility>

#include <tarc/archive/flat_view.hpp>
#include <tarc/error.hpp>
#include <tarc/value/utf8.hpp>
#include <tarc/value/walk.hpp>

namespace cli {

namespace detail = tarc::detail;
using tarc::file_kind;
using tarc::value_kind;

bool same_place(const place& a, const place& b) {
    if (a.kind != b.kind || a.size != b.size || a.wide != b.wide || a.only_value != b.only_value ||
        a.nodes != b.nodes || a.inside.size() != b.inside.size())
        return false;
    if (a.kind == file_kind::tensor &&
        (a.dtype != b.dtype || !std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end())))
        return false;
    for (std::size_t i = 0; i < a.inside.size(); ++i) {
        const place &x = a.inside[i], &y = b.inside[i];
        const bool same_text = x.key.data() == y.key.data() && x.key.size() == y.key.size();  // a text may be long
        if ((!same_text && x.key != y.key) || x.named != y.named || !same_place(x, y)) return false;
    }
    return true;
}

namespace {

/// Containers other than dicts that are not of one kind are lists of records at best; so many of them are data.
constexpr std::uint64_t most_in_list = std::uint64_t{1} << 13;
/// Longer tuples are data.
constexpr std::size_t longest_tuple = most_parts + 1;
/// From so many equal values on, a dict is a table, and its keys are data.
constexpr std::size_t table_size = 1024;

struct item_key {
    std::string_view text;
    bool named = true;
};

class surveyor {
public:
    surveyor(const checkpoint& file, detail::arena& texts) : file_(file), texts_(texts) {}

    place of(const detail::node& n, std::size_t depth) {
        switch (n.kind) {
            case value_kind::none: return leaf(file_kind::none);
            case value_kind::boolean: return leaf(file_kind::boolean);
            case value_kind::integer: return integer(n);
            case value_kind::real: return leaf(file_kind::real);
            case value_kind::complex: return leaf(file_kind::complex);
            case value_kind::string: return leaf(is_utf8(n) ? file_kind::string : file_kind::other);
            case value_kind::bytes: return leaf(file_kind::bytes);
            case value_kind::tensor: return tensor(*n.tensor);
            case value_kind::list: return elements(file_kind::list, *n.list, depth);
            case value_kind::tuple: return elements(file_kind::tuple, *n.list, depth);
            case value_kind::set: return set(n, depth);
            case value_kind::dict: return dict(*n.dict, depth);
            case value_kind::object:
                if (detail::stand_in_of(n) == nullptr) break;
                if (detail::flat_view::is_nested(n)) return model(n);
                return of(*detail::stand_in_of(n), depth);
            case value_kind::storage:
            case value_kind::global: break;
        }
        return leaf(file_kind::other);
    }

private:
    static place leaf(file_kind k) {
        place p;
        p.kind = k;
        return p;
    }

    static place integer(const detail::node& n) {
        place p = leaf(file_kind::integer);
        p.wide = n.big;
        if (n.big && (n.size != 9 || n.text[8] != 0)) p.kind = file_kind::other;  // not below 2^64
        return p;
    }

    static place tensor(const detail::tensor_body& t) {
        place p = leaf(file_kind::tensor);
        p.dtype = t.type;
        p.shape = t.shape;
        return p;
    }

    /// Of a str. A file may have a long one at many places.
    bool is_utf8(const detail::node& n) {
        if (n.size < 64) return detail::is_utf8(n.str());
        const auto [at, fresh] = utf8_.try_emplace(&n);
        if (fresh) at->second = detail::is_utf8(n.str());
        return at->second;
    }

    place elements(file_kind k, const detail::list_body& list, std::size_t depth) {
        return gather(
            k, list.size, k == file_kind::tuple ? longest_tuple : 2, most_in_list, depth,
            [&](std::size_t i) { return of(*list[i], depth + 1); }, [](std::size_t) { return item_key{}; });
    }

    place set(const detail::node& n, std::size_t depth) {
        place p = elements(file_kind::set, *n.list, depth);
        p.only_value = !n.mutable_ || p.inside.size() != 1;
        for (const place& e : p.inside)
            p.only_value |= e.kind != file_kind::boolean && e.kind != file_kind::integer && e.kind != file_kind::real &&
                            e.kind != file_kind::string && e.kind != file_kind::bytes;
        for (const detail::node* e : *n.list)
            p.only_value |= e->kind == value_kind::real && std::isnan(e->real);  // equal to nothing, itself included
        return p;
    }

    place dict(const detail::dict_body& d, std::size_t depth) {
        const bool strings = d.size == 0 || d[0].key->kind == value_kind::string;
        for (const detail::entry& e : d) {
            const bool good = strings ? e.key->kind == value_kind::string && is_utf8(*e.key)
                                      : e.key->kind == value_kind::integer && !e.key->big;
            if (!good) return leaf(file_kind::other);
        }
        return gather(
            file_kind::dict, d.size, table_size, most_places, depth,
            [&](std::size_t i) { return of(*d[i].value, depth + 1); },
            [&](std::size_t i) {
                if (strings) return item_key{d[i].key->str(), true};
                return item_key{texts_.copy(std::to_string(d[i].key->integer)), false};
            });
    }

    /// An entire pickled nn.Module, as its state_dict().
    place model(const detail::node& n) {
        detail::bind_options options;
        options.limit = file_.limits;
        options.tree_bytes = file_.content.values()->memory.capacity();
        detail::bind_budget budget(options);
        detail::flat_view view(n, options, texts_, budget);
        place p = leaf(file_kind::dict);
        for (const auto& i : view.items()) {
            if (i.container) continue;
            if (i.value->kind != value_kind::tensor || !detail::is_utf8(i.key)) return leaf(file_kind::other);
            place t = tensor(*i.value->tensor);
            t.key = i.key;
            charge(i.key);
            p.inside.push_back(std::move(t));
            require_few(++p.nodes);
        }
        p.size = p.inside.size();
        return p;
    }

    static void require_few(std::uint64_t nodes) {
        if (nodes > most_places)
            detail::raise(tarc::errc::limit_exceeded, "the file has more than " + std::to_string(most_places) +
                                                          " values of different kinds, too many for a schema of it");
    }

    void charge(std::string_view key) {
        if (key.size() > room_)
            detail::raise(tarc::errc::limit_exceeded, "the keys of the file are too long for a schema of it");
        room_ -= key.size();
    }

    /// A container of `size` elements. From `table` equal ones on, the first stands for all.
    template <class Element, class Key>
    place gather(file_kind k, std::size_t size, std::size_t table, std::uint64_t most, std::size_t depth,
                 Element&& element, Key&& key) {
        if (depth >= deepest_place) return leaf(file_kind::other);
        place p = leaf(k);
        p.size = size;
        bool equal = true;
        const auto put = [&](place e, std::size_t i) {
            const item_key own = key(i);
            charge(own.text);
            e.key = own.text;
            e.named = own.named;
            p.nodes += e.nodes;
            p.inside.push_back(std::move(e));
        };
        const auto repeat = [&](std::size_t end) {
            for (std::size_t i = 1; i < end && p.nodes <= most; ++i) put(p.inside[0], i);
        };
        for (std::size_t i = 0; i < size && p.nodes <= most; ++i) {
            place e = element(i);
            if (i != 0 && equal) {
                if (same_place(e, p.inside[0])) continue;
                equal = false;
                repeat(i);
            }
            put(std::move(e), i);
        }
        if (equal && size < table) repeat(size);
        if (p.nodes <= most) return p;
        if (k == file_kind::dict) require_few(p.nodes);
        return leaf(file_kind::other);
    }

    const checkpoint& file_;
    detail::arena& texts_;
    std::unordered_map<const detail::node*, bool> utf8_;
    std::uint64_t room_ = most_text;
};

}  // namespace

place places_of(const checkpoint& file, detail::arena& texts) {
    const detail::node& root = *file.content.values()->root;
    // Few bytes can stand for billions of places: those are refused here, and values that hold themselves.
    tarc::limits limit = file.limits;
    limit.nodes =
        std::min<std::uint64_t>(limit.nodes, (std::uint64_t{1} << 20) + file.content.values()->memory.capacity() / 8);
    detail::walk(root, limit, [](std::span<const detail::step>, const detail::node&) { return true; });
    place p = surveyor(file, texts).of(root, 0);
    return p;
}

}  // namespace cli
