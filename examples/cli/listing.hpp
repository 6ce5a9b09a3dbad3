#pragma once

#include <cstdint>
#include <functional>

#include <tarc/archive/entries.hpp>

#include "output.hpp"

namespace cli {

using entry_user = std::function<void(const tarc::entry&)>;
/// Calls a user for each entry of the file; any number of times, the same each time.
using each_entry = std::function<void(const entry_user&)>;
/// The CRC-32 of a tensor's elements; empty where none was asked for.
using crc_lookup = std::function<std::uint32_t(const tarc::entry&)>;

/// {"entries": [...]}, one entry a line.
void print_json(output& out, const each_entry& each, const crc_lookup& crc);

/// For people: aligned columns, tied tensors marked, a last line with the totals.
void print_table(output& out, const each_entry& each, const crc_lookup& crc, std::uint64_t file_bytes);

}  // namespace cli
