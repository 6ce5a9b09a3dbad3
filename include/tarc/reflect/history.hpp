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
inline constexpr bool has_history = !std::same_as<history_of<T>, versions<>>;  // whether it holds or not

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

/// Instantiated only to say that versions do not ascend: those of a history, and of the type that it belongs to.
template <bool Ascends, class... Versions>
struct version_order {
    static_assert(
        Ascends,
        "tarc: tarc::history lists the earlier shapes oldest first, each with a tarc::version of its own below "
        "the next one's and the type's -- state tarc::version of each");
};

template <class T, class History>
struct version_chain;
template <class T, class... Old>
struct version_chain<T, versions<Old...>> {
    static consteval bool ascends() {
        const std::int64_t numbers[] = {version<Old>..., version<T>};
        for (std::size_t i = 1; i < sizeof...(Old) + 1; ++i)
            if (numbers[i - 1] >= numbers[i]) return false;
        return version<T> >= 0;
    }

    template <class First, class Next, class... More>
    static consteval bool has_steps() {
        if constexpr (!migrates_to<First, Next>)
            return false;
        else if constexpr (sizeof...(More) != 0)
            return has_steps<Next, More...>();
        else
            return true;
    }
    static constexpr bool holds = ascends() && has_steps<Old..., T>() && (archivable<Old> && ...);

    template <class First, class Next, class... More>
    static constexpr void blame_step() {
        if constexpr (!migrates_to<First, Next>)
            static_cast<void>(sizeof(migration<First, Next>));
        else if constexpr (sizeof...(More) != 0)
            blame_step<Next, More...>();
    }
    static constexpr void blame() {
        (require_archivable<Old>(), ...);
        static_cast<void>(sizeof(version_order<ascends(), Old..., T>));
        if constexpr (ascends()) blame_step<Old..., T>();
    }

    /// From a shape to T, step by step.
    template <class From>
    static T migrated(From from) {
        if constexpr (std::same_as<From, T>)
            return from;
        else
            return migrated(migrate(std::move(from)));
    }
};

/// Whether T has no history, or one whose every step is there.
template <class T>
consteval bool history_holds() {
    if constexpr (!has_history<T>)
        return true;
    else if constexpr (is_versions<history_of<T>>)
        return version_chain<T, history_of<T>>::holds;
    else
        return false;
}

/// Compiles for every type; for one whose history does not hold it emits the one error that says why.
template <class T>
constexpr void require_history() {
    if constexpr (!history_holds<T>()) {
        static_assert(is_versions<history_of<T>>,
                      "tarc: tarc::history<T> is tarc::versions<Old...>{} of earlier structs");
        if constexpr (is_versions<history_of<T>>) version_chain<T, history_of<T>>::blame();
    }
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
