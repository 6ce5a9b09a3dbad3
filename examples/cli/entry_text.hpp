#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/archive/python_repr.hpp>

/// Parts of entries for people: in one line, cut where they are long, and nothing that commands a terminal.
namespace cli {

/// Steps joined by "/"; "." for the root.
[[nodiscard]] std::string path_text(const std::vector<tarc::key>& path);
/// One step of a path.
[[nodiscard]] std::string step_text(const tarc::key& k);
/// "float32", "int", "dict".
[[nodiscard]] std::string type_text(const tarc::entry& e);
/// Of what is no tensor, as Python prints it.
[[nodiscard]] std::string value_text(const tarc::entry& e, tarc::detail::python_repr& repr);

/// In characters.
[[nodiscard]] std::size_t text_width(std::string_view utf8);
/// A text and two blanks, in a column of a width; `pad_left`: at its right side.
void pad(std::string& out, std::string_view text, std::size_t to);
void pad_left(std::string& out, std::string_view text, std::size_t to);

/// Escape sequences; none where they are not wanted.
struct colors {
    const char *head = "", *dim = "", *note = "", *less = "", *more = "", *end = "";
};
/// Of standard output.
[[nodiscard]] colors wanted_colors();

}  // namespace cli
