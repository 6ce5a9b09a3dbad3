#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <tarc/reflect/file_schema.hpp>
#include <tarc/reflect/fixed_string.hpp>
#include <tarc/reflect/verdict.hpp>
#include <tarc/util/constant_text.hpp>

namespace tarc {

namespace detail {

/// One step into a file: the key of a dict, or an index.
template <std::size_t N>
struct part_step {
    fixed_string<N> name;
    std::uint64_t index = 0;
    bool is_index = false;

    constexpr part_step(const char (&s)[N + 1]) : name(static_cast<const char*>(s)) {}
    constexpr part_step(unsigned long long i) : name(static_cast<const char*>("")), index(i), is_index(true) {}
};
template <std::size_t N>
part_step(const char (&)[N]) -> part_step<N - 1>;
part_step(unsigned long long) -> part_step<0>;

/// Instantiated only to say that a path leads nowhere.
template <class File, part_step... Path>
struct no_such_part {
    static_assert(sizeof(File*) == 0,
                  "tarc: the file has nothing at this path -- write the keys of its dicts as `tarc schema FILE` prints "
                  "them, one argument a step");
    static constexpr bool said = true;
};
struct part_is_there {
    static constexpr bool said = true;
};

/// The nodes of what a step leads to; none where it leads nowhere.
constexpr std::span<const file_node> child_of(std::span<const file_node> nodes, std::string_view name,
                                              std::uint64_t index, bool is_index) {
    if (nodes.empty()) return {};
    const bool is_dict = nodes[0].kind == file_kind::dict;
    const bool is_list = nodes[0].kind == file_kind::list || nodes[0].kind == file_kind::tuple;
    if (is_index ? !is_list || index >= nodes[0].size : !is_dict) return {};
    std::uint64_t at = 0;
    for (std::size_t c = 1; c < nodes.size(); c += 1 + nodes[c].inside, ++at) {
        const std::size_t end = c + 1 + nodes[c].inside;
        const bool found = is_index ? at == index || end == nodes.size()  // one node may stand for all elements
                                    : nodes[c].named && same_text(nodes[c].key, name);
        if (found) return nodes.subspan(c, end - c);
    }
    return {};
}

template <class File, part_step... Path>
consteval std::span<const file_node> part_of_file() {
    std::span<const file_node> nodes = File::nodes;
    ((nodes = child_of(nodes, Path.name.view(), Path.index, Path.is_index)), ...);
    return nodes;
}

/// A part of a file as a file_schema.
template <class File, part_step... Path>
struct file_part {
    static constexpr std::string_view file = File::file;
    static constexpr std::span<const file_node> nodes = part_of_file<File, Path...>();
};

template <class File, part_step... Path>
consteval auto find_part() {
    if constexpr (part_of_file<File, Path...>().empty())
        return type_list<no_such_part<File, Path...>>{};
    else
        return type_list<part_is_there>{};
}

}  // namespace detail

/// What stands at a path of a file, one argument a step, to hold a struct against:
/// `static_assert(tarc::loads<net>(tarc::part<"model_state_dict">(run)))`.
template <detail::part_step... Path, file_schema F,
          bool = detail::verdict<decltype(detail::find_part<F, Path...>())>::said>
consteval auto part(F) {
    return detail::file_part<F, Path...>{};
}

}  // namespace tarc
