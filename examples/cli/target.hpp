#pragma once

#include <string>
#include <string_view>

#include <tarc/codec/codec.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/value/node.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"

namespace cli {

/// What --to says, else the extension of the file that is to be written.
[[nodiscard]] tarc::file_format target_of(const arguments& a, std::string_view out);

/// What is to be written of a file: `root`, a value of its tree, or one made of such.
struct tree_part {
    const tarc::detail::node* root;
    bool all = false;  // of the file: what it says of itself (schema, the user's metadata) is still true
};

/// Writes a part of a file. OUT appears in one step, durably, or not at all; errors: those of the library, with the
/// path of a value that the format cannot hold. A bar with the command's name tells how far it is. `codec` is for
/// torch's format only.
void write_part(const checkpoint& from, tree_part what, tarc::file_format format, const std::string& out,
                std::string_view command, const tarc::codec& codec = {});

}  // namespace cli
