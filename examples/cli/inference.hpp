#pragma once

#include "inferred.hpp"
#include "places.hpp"

namespace cli {

/// The C++ type of a file's content: what tarc::load takes without a word, and writes in the same form again. Names in
/// it live as long as the places do. Of few places, since it recurses.
[[nodiscard]] const inferred* infer(type_arena& types, const place& root);

}  // namespace cli
