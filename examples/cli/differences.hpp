#pragma once

#include <cstdint>
#include <span>

#include <tarc/archive/entries.hpp>

#include "compare.hpp"
#include "output.hpp"

namespace cli {

enum class difference_kind : std::uint8_t { only_in_a, only_in_b, kind, dtype, shape, values };

/// One path at which two files differ.
struct difference {
    difference_kind what;
    const tarc::entry *a, *b;                      // null where the file has none
    const element_difference* elements = nullptr;  // of tensors of one shape
};

/// One a line: "-", "+" or "~", the path, what differs.
void print_lines(output& out, std::span<const difference> all);
/// {"equal": …, "differences": […]}, one difference a line.
void print_json(output& out, std::span<const difference> all, std::uint64_t equal);

}  // namespace cli
