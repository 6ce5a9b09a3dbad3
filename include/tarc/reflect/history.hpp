#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <tarc/reflect/archivable.hpp>

/// Earlier shapes of a type and the way from each to the next (DESIGN 2: versions).
namespace tarc::detail {

/// What tarc::history<T> lists.
template <class V>
inline constexpr bool is_versions = false;
template <class... Old>
inline constexpr bool is_versions<versions<Old...>> = true;

template <class T>
using history_of = std::remove_cvref_t<decltype(history<T>)>;
template <class T>
inline constexpr bool has_history = !std::same_as<history_of<T>, versions<>>;

/// `migrate(Old&&)`, found by argument-dependent lookup, that gives the next shape.
template <class Old, class Next>
concept migrates_to = requires(Old&& old) {
    { migrate(std::move(old)) } -> std::same_as<Next>;
};

/// Instantiated only to say that a step is missing.
template <class Old, class Next>
struct migration {
    static_assert(
        migrates_to<Old, Next>,
        "tarc: there is no way from a version in tarc::history to the next one -- write `Next migrate(Old&&)` "
        "beside Old");
};

/// The types are the template arguments: of the history, and the one it belongs to.
template <class T, class... Old>
struct version_chain {
    static constexpr bool ascends() {
        const std::int64_t numbers[] = {version<Old>..., version<T>};
        for (std::size_t i = 1; i < sizeof...(Old) + 1; ++i)
            if (numbers[i - 1] >= numbers[i]) return false;
        return version<T> >= 0;
    }
    static_assert(
        ascends(),
        "tarc: tarc::history lists the earlier shapes oldest first, each with a tarc::version of its own below "
        "the next one's and the type's -- state tarc::version of each");

    template <class First, class Next, class... More>
    static constexpr void check_steps() {
        static_cast<void>(sizeof(migration<First, Next>));
        if constexpr (sizeof...(More) != 0) check_steps<Next, More...>();
    }
    static constexpr void check() {
        (require_archivable<Old>(), ...);
        check_steps<Old..., T>();
    }

    /// From a shape to T, step by step.
    template <class From>
    static T migrated(From&& from) {
        if constexpr (std::same_as<From, T>)
            return std::move(from);
        else
            return migrated(migrate(std::move(from)));
    }
};

template <class T, class V>
struct chain_of;
template <class T, class... Old>
struct chain_of<T, versions<Old...>> {
    using type = version_chain<T, Old...>;
};

/// Compiles for every type; for one whose history does not hold it emits the one error that says why.
template <class T>
constexpr void require_history() {
    static_assert(is_versions<history_of<T>>, "tarc: tarc::history<T> is tarc::versions<Old...>{} of earlier structs");
    if constexpr (has_history<T>) chain_of<T, history_of<T>>::type::check();
}

/// Moves all that an archive holds of an object into another; what is transient there stays.
inline void move_archived(const type_facts& t, void* from, void* to) {
    if (t.kind != kind::aggregate) return t.move(from, to);
    std::array<void*, max_parts> source, target;
    t.addresses(from, source.data());
    t.addresses(to, target.data());
    for (std::size_t i = 0; i < t.members.size(); ++i)
        if (!t.members[i].transient) move_archived(*t.members[i].type, source[i], target[i]);
}

}  // namespace tarc::detail
