#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tarc/reflect/leaves.hpp>
#include <tarc/tensor/dtype.hpp>

namespace cli {

/// A type made at run time, in the form in which the library knows compiled ones. Equal ones are one object.
struct inferred : tarc::detail::type_facts {
    std::size_t number = 0;  // by first making
    std::vector<tarc::detail::member> parts;
    std::vector<std::int64_t> dims;
    /// All its leaves are tensors, but the file has it as a dict of dicts: tarc::is_module must be set to false.
    bool plain_dict = false;

    [[nodiscard]] const inferred* of() const { return static_cast<const inferred*>(element); }
    [[nodiscard]] const inferred* part(std::size_t i) const { return static_cast<const inferred*>(parts[i].type); }
};

struct part {
    std::string_view name;  // must outlive the types
    const inferred* type;
};

/// Makes types and keeps them. Besides real ones there are some that a file alone has, and that become others in the
/// end (inference.cpp): kind::none, a sequence without element (an empty list), an aggregate without members (an empty
/// dict).
class type_arena {
public:
    type_arena() = default;
    type_arena(const type_arena&) = delete;
    type_arena& operator=(const type_arena&) = delete;

    /// none, boolean, real, complex, string, bytes, value.
    const inferred* plain(tarc::detail::kind k);
    const inferred* integer(bool is_signed);
    const inferred* any_tensor();
    const inferred* tensor(tarc::dtype t);
    const inferred* tensor(tarc::dtype t, std::span<const std::int64_t> extents);
    const inferred* optional(const inferred* of);
    const inferred* sequence(const inferred* of);  // null: of an empty list
    const inferred* array(const inferred* of, std::size_t n);
    const inferred* set(const inferred* of);
    /// Keys are strings or int64.
    const inferred* map(bool string_keys, const inferred* of);
    const inferred* tuple(std::span<const inferred* const> parts);
    const inferred* aggregate(std::span<const part> members, bool plain_dict = false);

private:
    const inferred* keep(inferred t);

    std::deque<inferred> all_;
    std::unordered_map<std::string, const inferred*> known_;
};

/// The type that takes all of these: tensors of other extents make tarc::dyn or any rank, structs are joined field by
/// field with std::optional where one lacks a key, None makes std::optional; else tarc::value.
[[nodiscard]] const inferred* unify(type_arena& types, std::span<const inferred* const> all);

}  // namespace cli
