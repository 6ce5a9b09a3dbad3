#pragma once

#include <bit>  // std::bit_cast
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <map>
#include <memory>  // std::shared_ptr
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/reflect/clone.hpp>
#include <tarc/tensor/any_tensor.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/copy.hpp>
#include <tarc/value/tensor_of.hpp>

namespace tarc {

/// A Python complex, as what std::complex is made of; converts to any of that kind.
struct complex_number {
    using value_type = double;

    constexpr complex_number(double re, double im) : re_(re), im_(im) {}
    [[nodiscard]] constexpr double real() const noexcept { return re_; }
    [[nodiscard]] constexpr double imag() const noexcept { return im_; }
    template <detail::complex_like Z>
        requires std::same_as<typename Z::value_type, double>
    constexpr operator Z() const {
        return Z(re_, im_);
    }
    template <detail::complex_like Z>
    friend constexpr bool operator==(const complex_number& a, const Z& b) {
        return a.re_ == b.real() && a.im_ == b.imag();
    }

private:
    double re_, im_;
};

/// A value of the dynamic tree: what a pickle holds, or what a program puts together. Immutable; a copy is a handle on
/// the same value and keeps its whole tree alive. Any number of threads may read one.
class value {
public:
    /// None.
    value() = default;
    value(std::nullptr_t) : value() {}
    template <std::same_as<bool> B>
    value(B b) : value([&](detail::tree& t) { return t.boolean(b); }) {}
    template <detail::plain_integer I>
    value(I i)
        : value([&](detail::tree& t) {
              if constexpr (std::is_signed_v<I>)
                  return t.integer(static_cast<std::int64_t>(i));
              else
                  return t.unsigned_integer(i);
          }) {}
    template <class F>
        requires(std::same_as<F, float> || std::same_as<F, double>)
    value(F f) : value([&](detail::tree& t) { return t.real(static_cast<double>(f)); }) {}
    value(std::string_view s) : value([&](detail::tree& t) { return t.string(s); }) {}
    value(const char* s) : value(std::string_view(s)) {}
    value(const std::string& s) : value(std::string_view(s)) {}
    template <detail::complex_like Z>
    value(const Z& z)
        : value([&](detail::tree& t) {
              return t.complex(static_cast<double>(z.real()), static_cast<double>(z.imag()));
          }) {}
    value(const any_tensor& x) : value([&](detail::tree& t) { return detail::tensor_node(t, x); }) {}
    template <class T, std::int64_t... E>
    value(const tarc::tensor<T, E...>& x) : value(any_tensor(x)) {}

    [[nodiscard]] static value bytes(std::span<const std::byte> b) {
        return value([&](detail::tree& t) { return t.bytes({reinterpret_cast<const char*>(b.data()), b.size()}); });
    }
    [[nodiscard]] static value list(std::span<const value> items) { return sequence(value_kind::list, items); }
    [[nodiscard]] static value list(std::initializer_list<value> items) { return list({items.begin(), items.size()}); }
    [[nodiscard]] static value tuple(std::span<const value> items) { return sequence(value_kind::tuple, items); }
    [[nodiscard]] static value tuple(std::initializer_list<value> items) {
        return tuple({items.begin(), items.size()});
    }
    /// Errors: errc::invalid_argument for an element that stands twice, or that Python cannot hash.
    [[nodiscard]] static value set(std::span<const value> items) { return sequence(value_kind::set, items); }
    [[nodiscard]] static value set(std::initializer_list<value> items) { return set({items.begin(), items.size()}); }

    /// A key of a dict and what it leads to.
    struct item;
    /// A dict in the order given. Errors: errc::invalid_argument for a key that stands twice, or that Python cannot
    /// hash.
    [[nodiscard]] static value dict(std::span<const item> items);
    [[nodiscard]] static value dict(std::initializer_list<item> items);

    [[nodiscard]] value_kind kind() const noexcept { return node_ == nullptr ? value_kind::none : node_->kind; }
    [[nodiscard]] bool is_none() const noexcept { return kind() == value_kind::none; }

    /// The value as a C++ type; numbers only when they convert exactly. Errors: errc::wrong_type, errc::out_of_range.
    [[nodiscard]] bool as_bool() const { return need(value_kind::boolean).boolean; }
    [[nodiscard]] std::int64_t as_int() const {
        const detail::node& n = need(value_kind::integer);
        if (n.big) detail::raise(errc::out_of_range, "the integer does not fit 64 bits");
        return n.integer;
    }
    [[nodiscard]] double as_double() const {
        if (kind() != value_kind::integer) return need(value_kind::real).real;
        const auto d = static_cast<double>(node_->integer);
        if (node_->big || d >= 0x1p63 || static_cast<std::int64_t>(d) != node_->integer)
            detail::raise(errc::out_of_range, "the integer is not exactly a double");
        return d;
    }
    [[nodiscard]] complex_number as_complex() const {
        if (kind() == value_kind::integer || kind() == value_kind::real) return {as_double(), 0};
        const detail::node& n = need(value_kind::complex);
        return {n.complex[0], n.complex[1]};
    }
    /// UTF-8; a lone surrogate of the file stays encoded as if it were a character.
    [[nodiscard]] std::string_view as_string() const { return need(value_kind::string).str(); }
    [[nodiscard]] std::span<const std::byte> as_bytes() const {
        const std::string_view s = need(value_kind::bytes).str();
        return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
    }
    /// Shares the storage of every other tensor that shares it in the file. Errors: errc::wrong_type.
    [[nodiscard]] any_tensor as_tensor() const { return detail::tensor_of(*need(value_kind::tensor).tensor); }

    /// Elements of a list, tuple, set or dict; 0 for anything else.
    [[nodiscard]] std::size_t size() const noexcept {
        switch (kind()) {
            case value_kind::list:
            case value_kind::tuple:
            case value_kind::set: return node_->list->size;
            case value_kind::dict: return node_->dict->size;
            default: return 0;
        }
    }
    /// An element of a list, tuple or set. Errors: errc::wrong_type, errc::out_of_range.
    [[nodiscard]] value operator[](std::size_t index) const {
        if (kind() != value_kind::tuple && kind() != value_kind::set) static_cast<void>(need(value_kind::list));
        if (index >= node_->list->size)
            detail::raise(errc::out_of_range,
                          "index " + std::to_string(index) + " of " + std::to_string(node_->list->size) + " elements");
        return value(owner_, (*node_->list)[index]);
    }
    template <std::integral I>
        requires(!std::same_as<I, std::size_t>)
    [[nodiscard]] value operator[](I index) const {
        return (*this)[static_cast<std::size_t>(index)];
    }
    /// What a dict's string key leads to. Errors: errc::wrong_type, errc::out_of_range when there is none.
    [[nodiscard]] value operator[](std::string_view key) const {
        if (auto v = find(key)) return *v;
        detail::raise(errc::out_of_range, "the dict has no key \"" + std::string(key) + "\"");
    }
    [[nodiscard]] value operator[](const char* key) const { return (*this)[std::string_view(key)]; }
    /// The same, or nothing. Linear in the size of the dict.
    [[nodiscard]] std::optional<value> find(std::string_view key) const {
        for (const detail::entry& e : *need(value_kind::dict).dict)
            if (e.key->kind == value_kind::string && e.key->str() == key) return value(owner_, e.value);
        return std::nullopt;
    }
    [[nodiscard]] bool contains(std::string_view key) const { return find(key).has_value(); }
    /// Keys and values of a dict, in order.
    [[nodiscard]] std::vector<item> items() const;
    /// The `_metadata` of a state_dict, or None.
    [[nodiscard]] value metadata() const {
        if (kind() != value_kind::dict || node_->dict->state == nullptr) return {};
        const value state(owner_, node_->dict->state);
        return state.kind() == value_kind::dict ? state.find("_metadata").value_or(value()) : value();
    }
    /// "module.name" of a global, or of an object's class; empty for all else.
    [[nodiscard]] std::string class_name() const {
        const detail::node* g = kind() == value_kind::object ? node_->object->cls : node_;
        if (g == nullptr || g->kind != value_kind::global) return {};
        return std::string(g->global->module) + "." + std::string(g->global->name);
    }
    /// What an opaque object was made with, as data. None where it has none.
    [[nodiscard]] value arguments() const {
        return kind() == value_kind::object ? value(owner_, node_->object->args) : value();
    }
    [[nodiscard]] value state() const {
        return kind() == value_kind::object ? value(owner_, node_->object->state) : value();
    }

    /// For the library's own use.
    value(std::shared_ptr<const detail::tree> owner, const detail::node* n) : owner_(std::move(owner)), node_(n) {}
    [[nodiscard]] const detail::node* get() const noexcept { return node_; }

private:
    template <std::invocable<detail::tree&> Make>
    explicit value(Make make) {
        auto t = std::make_shared<detail::tree>();
        node_ = make(*t);
        owner_ = std::move(t);
    }
    static value sequence(value_kind k, std::span<const value> items);

    [[nodiscard]] const detail::node& need(value_kind k) const {
        if (kind() != k)
            detail::raise(errc::wrong_type,
                          std::string("a ") + detail::kind_name(kind()) + " was asked for as " + detail::kind_name(k));
        return *node_;
    }

    std::shared_ptr<const detail::tree> owner_;
    const detail::node* node_ = nullptr;
};

struct value::item {
    value key;
    value val;
};

namespace detail {

inline node* copy_into(tree_copier& copier, tree& t, const value& v) {
    return v.get() == nullptr ? t.none() : copier.copy(v.get());
}

/// A text that is the same for keys that are equal in Python (1 == 1.0 == True). Errors: errc::invalid_argument for
/// what Python cannot hash.
[[nodiscard]] inline std::string key_identity(const node* n) {
    if (n == nullptr) return "n";
    const auto part = [](double d) {
        if (d >= -0x1p63 && d < 0x1p63 && static_cast<double>(static_cast<std::int64_t>(d)) == d)
            return std::to_string(static_cast<std::int64_t>(d));
        return "r" + std::to_string(std::bit_cast<std::uint64_t>(d));
    };
    const auto itself = [](const node* at) { return "@" + std::to_string(reinterpret_cast<std::uintptr_t>(at)); };
    switch (n->kind) {
        case value_kind::none: return "n";
        case value_kind::boolean: return n->boolean ? "1" : "0";
        case value_kind::integer: return n->big ? "i" + std::string(n->str()) : std::to_string(n->integer);
        case value_kind::real: return part(n->real);
        case value_kind::complex:
            return n->complex[1] == 0 ? part(n->complex[0]) : "c" + part(n->complex[0]) + "," + part(n->complex[1]);
        case value_kind::string: return "s" + std::string(n->str());
        case value_kind::bytes:
            if (n->mutable_) break;
            return "b" + std::string(n->str());
        case value_kind::tuple: {  // one level deep; a tuple inside is equal to itself only
            std::string s = "t";
            for (const node* item : *n->list) {
                const std::string id = item->kind == value_kind::tuple ? itself(item) : key_identity(item);
                s += std::to_string(id.size()) + ":" + id;
            }
            return s;
        }
        case value_kind::set:
            if (n->mutable_) break;
            return itself(n);  // a frozenset
        case value_kind::list:
        case value_kind::dict: break;
        default: return itself(n);
    }
    raise(errc::invalid_argument,
          std::string("a ") + kind_name(n->kind) + " cannot be a key or an element of a set: Python cannot hash it");
}

}  // namespace detail

inline value value::sequence(value_kind k, std::span<const value> items) {
    return value([&](detail::tree& t) {
        detail::tree_copier copier(t);
        detail::text_set seen;
        detail::arena texts;
        detail::node* n = t.sequence(k);
        for (const value& v : items) {
            if (k == value_kind::set && !seen.add(texts.copy(detail::key_identity(v.get()))).fresh)
                detail::raise(errc::invalid_argument, "an element stands twice in a set");
            t.append(n, detail::copy_into(copier, t, v));
        }
        return n;
    });
}

inline value value::dict(std::span<const item> items) {
    return value([&](detail::tree& t) {
        detail::tree_copier copier(t);
        detail::text_set seen;
        detail::arena texts;
        detail::node* n = t.dict();
        for (const item& i : items) {
            if (!seen.add(texts.copy(detail::key_identity(i.key.get()))).fresh)
                detail::raise(errc::invalid_argument, "a key stands twice in a dict");
            detail::node* key = detail::copy_into(copier, t, i.key);
            t.insert(n, key, detail::copy_into(copier, t, i.val));
        }
        return n;
    });
}
inline value value::dict(std::initializer_list<item> items) { return dict({items.begin(), items.size()}); }

inline std::vector<value::item> value::items() const {
    std::vector<item> out;
    for (const detail::entry& e : *need(value_kind::dict).dict)
        out.push_back({value(owner_, e.key), value(owner_, e.value)});
    return out;
}

namespace detail {
/// A floating field that stood in the file as a 0-d tensor.
struct element_form {
    dtype type;
    double value;
};
/// By the paths below the struct, each with a "/" in front.
using element_forms = std::map<std::string, element_form, std::less<>>;
}  // namespace detail

/// A member of this type takes the keys of the file's dict that no other field wants, in order, and writes them back
/// behind the others. It also knows which floating fields of its struct were 0-d tensors in the file (a learning rate
/// of torch.optim may be one): those that still have that value are written so again.
class rest {
public:
    [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
    [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
    [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
    [[nodiscard]] auto end() const noexcept { return items_.end(); }
    /// The value of a string key, or nothing.
    [[nodiscard]] std::optional<value> find(std::string_view key) const {
        for (const auto& i : items_)
            if (i.key.kind() == value_kind::string && i.key.as_string() == key) return i.val;
        return std::nullopt;
    }
    /// Sets a key to a value, in its old place or behind the others. Errors: errc::invalid_argument for a key that
    /// Python cannot hash.
    void set(const value& key, value v) {
        const std::string id = detail::key_identity(key.get());
        for (auto& i : items_)
            if (detail::key_identity(i.key.get()) == id) {
                i.val = std::move(v);
                return;
            }
        items_.push_back({key, std::move(v)});
    }
    /// Adds a key that is known not to be there.
    void append(value key, value v) { items_.push_back({std::move(key), std::move(v)}); }
    void clear() noexcept { items_.clear(); }

    /// For the library's own use.
    [[nodiscard]] const detail::element_forms& forms() const noexcept { return forms_; }
    void set_forms(detail::element_forms forms) noexcept { forms_ = std::move(forms); }

private:
    std::vector<value::item> items_;
    detail::element_forms forms_;
};

/// A member of this type keeps a state_dict's `_metadata` (versions of nn.Modules), which PyTorch migrates by.
struct module_metadata {
    value data;
};

template <>
struct detail::leaf<value> {
    static constexpr kind is = kind::value;
    static void clone(value& v, storage_cloner& storages);
};
inline void detail::leaf<value>::clone(value& v, storage_cloner& storages) {
    if (v.get() == nullptr) return;
    auto t = std::make_shared<tree>();
    const node* n = tree_copier(*t).copy(v.get());
    for (storage_body& s : t->storages()) {
        s.live = storages.copy(s.live);
        if (s.live.defined()) s.location = t->memory.copy(s.live.device().location());
    }
    v = value(std::move(t), n);
}
template <>
struct detail::leaf<rest> {
    static constexpr kind is = kind::rest;
    static void clone(rest& r, storage_cloner& storages) {
        rest copy;
        for (const auto& [key, val] : r) {
            tarc::value v = val;
            leaf<tarc::value>::clone(v, storages);
            copy.append(key, std::move(v));
        }
        copy.set_forms(r.forms());
        r = std::move(copy);
    }
};
template <>
struct detail::leaf<module_metadata> {
    static constexpr kind is = kind::metadata;
};

}  // namespace tarc
