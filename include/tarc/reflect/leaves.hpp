#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tarc/reflect/describe.hpp>
#include <tarc/reflect/module.hpp>
#include <tarc/reflect/random.hpp>

/// One table per type, made at compile time: ordinary functions (pickling, binding, schemas, clones) walk it with a
/// pointer to the object, so that a struct costs a table and not another instantiation of each of them.
namespace tarc::detail {

/// What a container says of a key or element that it was given.
struct inserted {
    void* value = nullptr;  // of a map
    bool fresh = false;
};

struct type_facts;
class storage_cloner;

struct member {
    std::string_view name;  // in the archive; empty for elements of tuples and variants
    const type_facts* type;
    bool transient = false, defaulted = false;
    std::span<const std::string_view> old_names = {};  // that files written before may have instead
    std::optional<dtype_policy> retyped = {};          // instead of the load's policy
};

struct enum_entry {
    std::string_view name;
    std::int64_t value;
};

/// Calls back for each element; stops nowhere, throws through.
using visit_element = void (*)(void* context, const void* key, void* value);

struct type_facts {
    tarc::detail::kind kind = kind::unknown;

    // numbers and enums
    std::uint8_t size = 0;  // bytes; of one part for complex
    bool is_signed = false;
    std::span<const enum_entry> names;
    bool has_names = false;

    // tensors
    bool any_dtype = false, is_buffer = false, has_rank = false;
    tarc::dtype dtype = tarc::dtype::float32;
    std::span<const std::int64_t> extents;  // where has_rank
    tensor_base* (*tensor)(void*) = nullptr;

    // aggregates, tuples, variants: their parts
    std::span<const member> members;
    std::span<const std::string_view> removed;   // keys of older files
    bool is_module = false;                      // written as a flat OrderedDict
    bool flattens = false;                       // inside a module its leaves get dotted keys of their own
    void (*addresses)(void*, void**) = nullptr;  // aggregates and tuples: of all members

    // containers
    const type_facts* element = nullptr;  // of sequence, array, optional, set, stand_in; the mapped type of a map
    const type_facts* key = nullptr;
    std::size_t count = 0;    // array
    bool unordered = false;   // map, set: written in key order
    bool tagged = false;      // variant: written as (index, value)
    bool has_tensor = false;  // somewhere inside
    bool dotted = false;      // a field somewhere inside has a "." in its name, or no name
    std::size_t (*get_size)(const void*) = nullptr;
    void* (*at)(void*, std::size_t) = nullptr;     // sequence, array
    void (*resize)(void*, std::size_t) = nullptr;  // sequence, bits
    bool (*get_bit)(const void*, std::size_t) = nullptr;
    void (*set_bit)(void*, std::size_t, bool) = nullptr;
    void* (*get)(void*) = nullptr;                                  // optional: the value or null
    void* (*emplace)(void*, std::size_t) = nullptr;                 // optional, variant: a fresh value in place
    void (*clear)(void*) = nullptr;                                 // optional, set, map
    void (*for_each)(const void*, void*, visit_element) = nullptr;  // set (key only), map
    /// Set: moves the element in; map: moves the key in where there is none like it.
    inserted (*insert)(void*, void*) = nullptr;
    bool stable = false;  // the values of a map stay where they are when others come, and when it is moved
    bool (*find)(void*, const void*, void**) = nullptr;  // map
    std::size_t (*which)(const void*) = nullptr;         // variant: index; get() gives the value
    std::string (*to_text)(const void*) = nullptr;       // text
    bool (*from_text)(void*, std::string_view) = nullptr;
    void (*save_as)(const void*, void*) = nullptr;         // stand_in: (object, to what it is archived as)
    void (*load_as)(void*, void*) = nullptr;               // stand_in: (what it was archived as, to the object)
    void (*clone_leaf)(void*, storage_cloner&) = nullptr;  // of a leaf that holds tensors in a way of its own

    // life; null where T cannot do it, which only a struct or a container of one may not
    void* (*create)() = nullptr;
    void* (*copy)(const void*) = nullptr;
    void (*move)(void*, void*) = nullptr;  // (from, to)
    void (*destroy)(void*) = nullptr;
};

template <class T>
constexpr type_facts make_facts();

template <class T>
inline constexpr type_facts facts_of = make_facts<T>();

template <class T>
constexpr auto make_members() {
    if constexpr (kind_v<T> == kind::aggregate) {
        std::array<member, field_count<T>> m{};
        for (std::size_t i = 0; i < m.size(); ++i) {
            const field_facts& f = description_of<T>.fields[i];
            m[i] = {f.name,
                    nullptr,
                    f.transient,
                    f.defaulted,
                    std::span<const std::string_view>(description_of<T>.old_names).subspan(f.first_old, f.old_count),
                    f.retyped};
        }
        return m;
    } else {
        return std::array<member, elements_of<T>::type::size>{};
    }
}

/// The address of a member's table; a transient field may be of any type and has none.
template <class T, std::size_t I, class F>
consteval const type_facts* member_type() {
    if constexpr (kind_v<T> == kind::aggregate) {
        if constexpr (description_of<T>.fields[I].transient)
            return nullptr;
        else
            return &facts_of<F>;
    } else {
        return &facts_of<F>;
    }
}

template <class T>
constexpr auto typed_members() {
    auto m = make_members<T>();
    const auto fill = [&]<class... F, std::size_t... I>(type_list<F...>, std::index_sequence<I...>) {
        ((m[I].type = member_type<T, I, F>()), ...);
    };
    if constexpr (kind_v<T> == kind::aggregate)
        fill(field_types<T>{}, std::make_index_sequence<field_types<T>::size>{});
    else
        fill(typename elements_of<T>::type{}, std::make_index_sequence<elements_of<T>::type::size>{});
    return m;
}

template <class T>
inline constexpr auto members_of = typed_members<T>();

template <class E>
constexpr auto make_enum_entries() {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(enum_names<E>)>, no_description>) {
        return std::array<enum_entry, 0>{};
    } else {
        constexpr std::size_t n = std::size(enum_names<E>);
        std::array<enum_entry, n> entries{};
        std::size_t i = 0;
        for (const auto& [value, name] : enum_names<E>)
            entries[i++] = {name, static_cast<std::int64_t>(static_cast<std::underlying_type_t<E>>(value))};
        return entries;
    }
}

template <class E>
inline constexpr auto enum_entries = make_enum_entries<E>();

template <class T>
inline constexpr std::array<std::int64_t, 0> tensor_extents{};
template <class T, std::int64_t... E>
inline constexpr std::array<std::int64_t, sizeof...(E)> tensor_extents<tarc::tensor<T, E...>>{E...};
template <class T>
inline constexpr std::array<std::int64_t, 0> tensor_extents<tarc::tensor<T, scalar>>{};
template <class T, std::int64_t... E>
inline constexpr std::array<std::int64_t, sizeof...(E)> tensor_extents<buffer<T, E...>>{E...};
template <class T>
inline constexpr std::array<std::int64_t, 0> tensor_extents<buffer<T, scalar>>{};

/// Whether copying T compiles: a std::vector says that it can be copied whatever it holds.
template <class T, class... Above>
consteval bool copyable() {
    constexpr kind k = kind_v<T>;
    const auto all_of = []<class... A>(type_list<A...>) { return (copyable<A, T, Above...>() && ...); };
    if constexpr (!std::is_copy_constructible_v<T>)
        return false;
    else if constexpr ((std::is_same_v<T, Above> || ...))
        return true;  // a transient field may hold its struct again
    else if constexpr (k == kind::aggregate)
        return all_of(field_types<T>{});
    else if constexpr (k == kind::tuple || k == kind::variant)
        return all_of(typename elements_of<T>::type{});
    else if constexpr (k == kind::sequence || k == kind::array || k == kind::optional)
        return copyable<typename T::value_type, T, Above...>();
    else if constexpr (k == kind::map)
        return copyable<typename T::mapped_type, T, Above...>();
    else
        return true;
}

template <class T>
constexpr void add_life(type_facts& f) {
    if constexpr (std::is_default_constructible_v<T>) f.create = []() -> void* { return new T{}; };
    if constexpr (copyable<T>()) f.copy = [](const void* p) -> void* { return new T(*static_cast<const T*>(p)); };
    if constexpr (std::is_move_assignable_v<T>)
        f.move = [](void* from, void* to) { *static_cast<T*>(to) = std::move(*static_cast<T*>(from)); };
    f.destroy = [](void* p) { delete static_cast<T*>(p); };
}

template <class E>
constexpr void set_element(type_facts& f) {
    f.element = &facts_of<E>;
    f.dotted = facts_of<E>.dotted;
}

template <class T>
constexpr void add_container(type_facts& f) {
    constexpr tarc::detail::kind k = kind_v<T>;
    if constexpr (k == kind::sequence || k == kind::array) {
        set_element<typename T::value_type>(f);
        f.get_size = [](const void* p) { return static_cast<const T*>(p)->size(); };
        f.at = [](void* p, std::size_t i) -> void* { return &(*static_cast<T*>(p))[i]; };
        if constexpr (k == kind::sequence)
            f.resize = [](void* p, std::size_t n) { static_cast<T*>(p)->resize(n); };
        else
            f.count = std::tuple_size_v<T>;
    } else if constexpr (k == kind::bits) {
        f.get_size = [](const void* p) { return static_cast<const T*>(p)->size(); };
        f.resize = [](void* p, std::size_t n) { static_cast<T*>(p)->resize(n); };
        f.get_bit = [](const void* p, std::size_t i) -> bool { return (*static_cast<const T*>(p))[i]; };
        f.set_bit = [](void* p, std::size_t i, bool b) { (*static_cast<T*>(p))[i] = b; };
    } else if constexpr (k == kind::optional) {
        using V = typename T::value_type;
        set_element<V>(f);
        f.get = [](void* p) -> void* { return *static_cast<T*>(p) ? &**static_cast<T*>(p) : nullptr; };
        f.emplace = [](void* p, std::size_t) -> void* { return &static_cast<T*>(p)->emplace(V{}); };
        f.clear = [](void* p) { static_cast<T*>(p)->reset(); };
    } else if constexpr (k == kind::set || k == kind::map) {
        using K = typename T::key_type;
        f.key = &facts_of<K>;
        f.unordered = unordered_like<T>;
        f.get_size = [](const void* p) { return static_cast<const T*>(p)->size(); };
        f.clear = [](void* p) { static_cast<T*>(p)->clear(); };
        if constexpr (k == kind::set) {
            set_element<K>(f);
            f.for_each = [](const void* p, void* c, visit_element v) {
                for (const auto& e : *static_cast<const T*>(p)) v(c, &e, nullptr);
            };
            f.insert = [](void* p, void* key) -> inserted {
                return {nullptr, static_cast<T*>(p)->insert(std::move(*static_cast<K*>(key))).second};
            };
        } else {
            set_element<typename T::mapped_type>(f);
            f.for_each = [](const void* p, void* c, visit_element v) {
                for (auto& [key, value] : *const_cast<T*>(static_cast<const T*>(p))) v(c, &key, &value);
            };
            f.stable = requires { typename T::node_type; };
            f.insert = [](void* p, void* key) -> inserted {
                T& map = *static_cast<T*>(p);
                K& k = *static_cast<K*>(key);
                if constexpr (requires {
                                  map.key_comp()(k, k);
                                  map.try_emplace(map.end(), std::move(k));
                              }) {
                    const std::size_t before = map.size();  // a file that was saved from a map has its order
                    const auto at = map.try_emplace(map.end(), std::move(k));
                    return {&at->second, map.size() != before};
                } else {
                    const auto [at, fresh] = map.try_emplace(std::move(k));
                    return {&at->second, fresh};
                }
            };
            f.find = [](void* p, const void* key, void** value) {
                const auto at = static_cast<T*>(p)->find(*static_cast<const K*>(key));
                if (at == static_cast<T*>(p)->end()) return false;
                *value = &at->second;
                return true;
            };
        }
    } else if constexpr (k == kind::variant) {
        f.members = members_of<T>;
        f.which = [](const void* p) -> std::size_t { return static_cast<const T*>(p)->index(); };
        f.get = [](void* p) -> void* { return std::visit([](auto& v) -> void* { return &v; }, *static_cast<T*>(p)); };
        f.emplace = [](void* p, std::size_t which) -> void* {
            return [&]<std::size_t... I>(std::index_sequence<I...>) {
                void* at = nullptr;
                (static_cast<void>(I == which && (at = &static_cast<T*>(p)->template emplace<I>())), ...);
                return at;
            }(std::make_index_sequence<std::variant_size_v<T>>{});
        };
        f.tagged = ![]<class... A>(type_list<A...>) { return kinds_differ<A...>(); }(typename elements_of<T>::type{});
    }
}

/// Whether a tensor, or a tarc::value that may hold one, stands anywhere inside.
template <class T>
consteval bool holds_tensor() {
    constexpr kind k = kind_v<T>;
    const auto any_of = []<class... A>(type_list<A...>) { return (holds_tensor<A>() || ...); };
    if constexpr (k == kind::tensor || k == kind::value || k == kind::rest)
        return true;
    else if constexpr (k == kind::aggregate)
        return any_of(archived_fields<T>{});
    else if constexpr (k == kind::stand_in)
        return holds_tensor<typename archived_as<T>::type>();
    else if constexpr (k == kind::tuple || k == kind::variant)
        return any_of(typename elements_of<T>::type{});
    else if constexpr (k == kind::sequence || k == kind::array || k == kind::optional)
        return holds_tensor<typename T::value_type>();
    else if constexpr (k == kind::map)
        return holds_tensor<typename T::mapped_type>();
    else
        return false;
}

template <class T>
constexpr type_facts make_facts() {
    type_facts f;
    constexpr tarc::detail::kind k = kind_v<T>;
    f.kind = k;
    add_life<T>(f);
    if constexpr (k == kind::boolean || k == kind::integer || k == kind::real) {
        f.size = sizeof(T);
        f.is_signed = std::is_signed_v<T>;
    } else if constexpr (k == kind::complex) {
        f.size = sizeof(typename T::value_type);
    } else if constexpr (k == kind::enumeration) {
        f.size = sizeof(T);
        f.is_signed = std::is_signed_v<std::underlying_type_t<T>>;
        f.names = enum_entries<T>;
        f.has_names = !std::is_same_v<std::remove_cvref_t<decltype(enum_names<T>)>, no_description>;
    } else if constexpr (k == kind::tensor) {
        f.tensor = [](void* p) -> tensor_base* { return static_cast<T*>(p); };
        f.flattens = true;
        if constexpr (std::same_as<T, any_tensor>) {
            f.any_dtype = true;
        } else {
            f.dtype = dtype_of<typename T::value_type>;
            f.is_buffer = is_buffer<T>;
            f.has_rank = T::has_static_rank;
            f.extents = tensor_extents<T>;
        }
    } else if constexpr (k == kind::text) {
        f.to_text = [](const void* p) { return random_text<T>::write(*static_cast<const T*>(p)); };
        f.from_text = [](void* p, std::string_view s) { return random_text<T>::read(*static_cast<T*>(p), s); };
    } else if constexpr (k == kind::aggregate) {
        f.members = members_of<T>;
        f.removed = description_of<T>.removed;
        f.is_module = is_module<T>;
        f.dotted = description_of<T>.dotted;
        f.addresses = [](void* p, void** out) {
            with_fields(*static_cast<T*>(p), [&](auto&... field) {
                ((*out++ = const_cast<void*>(static_cast<const volatile void*>(&field))), ...);
            });
        };
    } else if constexpr (k == kind::stand_in) {
        using A = archived_as<T>;
        set_element<typename A::type>(f);
        f.save_as = [](const void* object, void* to) {
            *static_cast<typename A::type*>(to) = A::save(*static_cast<const T*>(object));
        };
        f.load_as = [](void* made, void* to) {
            *static_cast<T*>(to) = A::load(std::move(*static_cast<typename A::type*>(made)));
        };
    } else if constexpr (k == kind::tuple) {
        f.members = members_of<T>;
        f.addresses = [](void* p, void** out) {
            std::apply([&](auto&... part) { ((*out++ = &part), ...); }, *static_cast<T*>(p));
        };
    } else {
        add_container<T>(f);
    }
    if constexpr (requires(T& x, storage_cloner& c) { leaf<T>::clone(x, c); })
        f.clone_leaf = [](void* p, storage_cloner& c) { leaf<T>::clone(*static_cast<T*>(p), c); };
    if constexpr (k != kind::tensor) f.flattens = flattens<T>();
    f.has_tensor = holds_tensor<T>();
    for (const member& m : f.members) f.dotted |= !m.transient && m.type->dotted;
    return f;
}

/// An object of a type that is made apart: a key or element on its way into a container, what a type is archived as.
class temporary {
public:
    explicit temporary(const type_facts& t) : object(t.create()), type_(t) {}
    ~temporary() { type_.destroy(object); }
    temporary(const temporary&) = delete;
    temporary& operator=(const temporary&) = delete;
    void* object;

private:
    const type_facts& type_;
};

/// Reads and writes an integer of a type's size and sign; the value was checked to fit.
[[nodiscard]] inline std::int64_t read_signed(const type_facts& t, const void* p) {
    std::uint64_t u = 0;
    std::memcpy(&u, p, t.size);
    if (t.is_signed && t.size < 8 && (u >> (t.size * 8 - 1)) != 0) u |= ~std::uint64_t{0} << (t.size * 8);
    return static_cast<std::int64_t>(u);
}

inline void write_integer(const type_facts& t, void* p, std::uint64_t value) { std::memcpy(p, &value, t.size); }

}  // namespace tarc::detail
