#pragma once

#include <string>
#include <string_view>

#include "places.hpp"

namespace cli {

/// Appends a string literal of ASCII that every C++ reads as exactly these bytes.
void append_literal(std::string& out, std::string_view bytes);

/// Appends `nodes`, the places of a file as an array of tarc::file_node, and before it the arrays of their shapes, all
/// as members of a struct.
void append_places(std::string& out, const place& root);

}  // namespace cli
