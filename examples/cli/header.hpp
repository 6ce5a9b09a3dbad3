#pragma once

#include <string>
#include <string_view>

#include "inferred.hpp"
#include "places.hpp"

namespace cli {

/// What a header of a file's schema is made of.
struct header_facts {
    std::string_view name;  // of all that it declares: a valid identifier
    std::string_view file;  // its name without folder
    const inferred* type;
    const place* root;
    std::string_view text;  // the schema text of the type
};

/// The header that `tarc schema FILE --cpp NAME` writes. Nothing of the file stands in it but string literals and
/// identifiers of letters, digits and underscores.
[[nodiscard]] std::string header_text(const header_facts& facts);

}  // namespace cli
