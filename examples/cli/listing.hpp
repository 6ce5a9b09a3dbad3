#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/archive/python_repr.hpp>

#include "output.hpp"

namespace cli {

using entry_user = std::function<void(const tarc::entry&)>;
/// What has entries below it: its path and itself.
using container_user = std::function<void(const std::vector<tarc::key>&, const tarc::detail::node&)>;
/// Calls a user for each entry of the file, and one for each container before its entries; any number of times, the
/// same each time.
using each_entry = std::function<void(const entry_user&, const container_user&)>;
/// The CRC-32 of a tensor's elements; empty where none was asked for.
using crc_lookup = std::function<std::uint32_t(const tarc::entry&)>;

/// {"entries": [...]}, one entry a line.
void print_json(output& out, const each_entry& each, const crc_lookup& crc);

/// For people: aligned columns, tied tensors marked, a last line with the totals. As a tree, or a full path in each
/// line.
void print_table(output& out, const each_entry& each, const crc_lookup& crc, std::uint64_t file_bytes, bool tree);

/// Parts of JSON, for others.
[[nodiscard]] std::string_view kind_text(tarc::value_kind k);
void append_json_path(std::string& out, const std::vector<tarc::key>& path);
/// Of what is no tensor.
void append_json_value(std::string& out, const tarc::entry& e, tarc::detail::python_repr& repr);

}  // namespace cli
