#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <tarc/reflect/file_check.hpp>
#include <tarc/reflect/file_part.hpp>
#include <tarc/reflect/file_schema.hpp>
#include <tarc/reflect/verdict.hpp>

namespace tarc {

namespace detail {

// What a compiler prints of a file that does not fit: texts in pieces of 24 characters.

/// The place in the file, as a load_report has it.
template <fixed_string... Pieces>
struct path {};
template <fixed_string... Pieces>
struct file_has {};
template <fixed_string... Pieces>
struct struct_wants {};

template <class T, class File, class...>
struct missing_in_file {
    static_assert(sizeof(T*) == 0,
                  "tarc: the struct wants a key that the file does not have -- name the field as the file does "
                  "(tarc::rename in tarc::describe), or make it std::optional or tarc::defaulted");
    static constexpr bool said = true;
};
template <class T, class File, class...>
struct mismatched_in_file {
    static_assert(sizeof(T*) == 0,
                  "tarc: the file has something else there than the struct wants -- give the field the file's dtype, "
                  "shape or kind");
    static constexpr bool said = true;
};
template <class T, class File, class...>
struct unexpected_in_file {
    static_assert(
        sizeof(T*) == 0,
        "tarc: the file has a key that no field wants -- add the field, or a tarc::rest for all such keys, or "
        "tarc::removed in tarc::describe");
    static constexpr bool said = true;
};
struct file_fits {
    static constexpr bool said = true;
};

template <class T, class File>
struct fault_of_file {
    static constexpr file_fault value = file_check::run(facts_of<T>, std::span<const file_node>(File::nodes));
    static constexpr auto path = [] { return value.path.view(); };
    static constexpr auto in_file = [] { return value.in_file.view(); };
    static constexpr auto in_struct = [] { return value.in_struct.view(); };
};

template <class T, class File>
consteval auto compare_file() {
    using fault = fault_of_file<T, File>;
    using what = file_fault::what;
    if constexpr (!archivable<T>) {
        return type_list<not_archivable<T>>{};
    } else if constexpr (fault::value.is == what::none) {
        return type_list<file_fits>{};
    } else {
        using path_type = decltype(in_pieces<path, fault::path>());
        using has = decltype(in_pieces<file_has, fault::in_file>());
        using wants = decltype(in_pieces<struct_wants, fault::in_struct>());
        if constexpr (fault::value.is == what::missing)
            return type_list<missing_in_file<T, File, path_type, wants>>{};
        else if constexpr (fault::value.is == what::mismatched)
            return type_list<mismatched_in_file<T, File, path_type, has, wants>>{};
        else
            return type_list<unexpected_in_file<T, File, path_type, has>>{};
    }
}

}  // namespace detail

/// Whether a strict load of T from a file, as it was when `tarc schema FILE --cpp NAME` wrote NAME, finds nothing
/// missing, unexpected or of another kind: `static_assert(tarc::loads<net>(resnet18))`. True, or it does not compile:
/// the error names the first place that does not fit. Values are not looked at (whether an int fits into its field),
/// nor is tarc::history<T>.
template <class T, file_schema F, bool = detail::verdict<decltype(detail::compare_file<T, F>())>::said>
consteval bool loads(F) {
    return true;
}

}  // namespace tarc
