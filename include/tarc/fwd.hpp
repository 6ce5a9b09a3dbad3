#pragma once

#include <cstddef>
#include <cstdint>

#include <tarc/config.hpp>

/// Names and customization points: all that a header with a user's structs needs in order to say something about them.
namespace tarc {

struct device;
struct placement;
struct storage_info;
struct limits;
struct load_report;
class error;
class storage;
class any_tensor;
class value;
class archive;
class source;
class sink;
class file_system;

/// An extent that is part of the shape but not of the type; the rank stays fixed: `tensor<float, dyn, 3>`.
inline constexpr std::int64_t dyn = -1;
/// The one extent of a 0-d tensor: `tensor<float, scalar>`.
inline constexpr std::int64_t scalar = -2;

template <class T, std::int64_t... Extents>
class tensor;
template <class T, std::int64_t... Extents>
class buffer;

/// In describe<T>: the field `field` is called `name` in the archive, both ways.
struct rename {
    const char* field;
    const char* name;
};

/// In describe<T>: the field is neither written nor read. Any type may stand there.
struct transient {
    const char* field;
};

/// In describe<T>: the field may be absent in a file and keeps the value it has then.
struct defaulted {
    const char* field;
};

/// In describe<T>: files written before may call the field `old_name`; new ones have its name. A field may have
/// several.
struct renamed_from {
    const char* field;
    const char* old_name;
};

/// In describe<T>: a key that older files have and no field wants any more, with all that stands below it. It is not
/// unexpected. A name that is still a field's does not compile.
struct removed {
    const char* key;
};

/// How tensors and numbers of another dtype than the field's are taken; whatever was converted is in the report.
enum class dtype_policy : std::uint8_t {
    exact,  ///< not at all: a mismatch
    widen,  ///< where the field's dtype has every value of the file's (bfloat16 -> float32, int32 -> float64)
    cast,   ///< to the nearest value, toward zero for integers; one that is out of range is an error
};

/// In describe<T>: the field takes other dtypes than its own, whatever the load's policy (load_options::dtypes) is.
struct retyped {
    const char* field;
    dtype_policy policy;
};

/// In describe<T>: the names of all fields in order, for a compiler front end that cannot find them itself (nvcc).
template <std::size_t N>
struct field_names {
    const char* names[N];
};
template <class... C>
field_names(C...) -> field_names<sizeof...(C)>;

namespace detail {
struct no_description {};
template <class T>
struct deduced_module;
}  // namespace detail

/// What is said about the fields of an aggregate, in one place:
/// `template <> inline constexpr auto tarc::describe<mlp> = std::tuple{tarc::rename{"first", "0"},
/// tarc::transient{"cache"}};` (with <tuple>). A name that is no field of T does not compile.
template <class T>
inline constexpr auto describe = detail::no_description{};

/// Whether T is written as PyTorch writes an nn.Module's state_dict(): one flat OrderedDict with dotted keys. Deduced:
/// an aggregate all of whose leaves are tensors. Set it either way with `template <> inline constexpr bool
/// tarc::is_module<T> = true;`
template <class T>
inline constexpr auto is_module = detail::deduced_module<T>{};

/// The version of T's shape; it stands in the schema text and in the manifest of an archive. Raise it when a change
/// needs a function to be followed, and keep the old shape in history<T>:
/// `template <> inline constexpr int tarc::version<checkpoint> = 2;`
template <class T>
inline constexpr auto version = 0;

/// Earlier shapes of a type, oldest first; each has a version of its own.
template <class... Old>
struct versions {};

/// The plain structs that T was, each with its version<>, for loads of T itself (not of a struct that holds one); a
/// file of one of them is loaded as that struct and handed on by `migrate(Old&&)`, found by argument-dependent lookup,
/// which returns the next shape: `template <> inline constexpr auto tarc::history<checkpoint> =
/// tarc::versions<checkpoint_v1, checkpoint_v2>{};`
template <class T>
inline constexpr auto history = versions<>{};

/// Specialize it for a type that is no aggregate (private members, constructors): it is archived as another one.
/// `template <> struct tarc::archived_as<my::angle> {`
/// `    using type = double;  // anything that can be archived`
/// `    static type save(const my::angle& a) { return a.degrees(); }`
/// `    static my::angle load(type&& degrees) { return my::angle(degrees); }`
/// `};`
/// A load makes the object anew, also one in place; an exception of its `load` ends that of the archive, with the
/// target as it was.
template <class T>
struct archived_as;

/// The names of an enumeration's values; an enum that has them is written by name (str), any other by its number (int):
/// `template <> inline constexpr tarc::enum_name<color> tarc::enum_names<color>[] = {{color::red, "red"}, {color::blue,
/// "blue"}};`
template <class E>
struct enum_name {
    E value;
    const char* name;
};
template <class E>
inline constexpr auto enum_names = detail::no_description{};

}  // namespace tarc
