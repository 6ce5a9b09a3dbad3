#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <tarc/tensor/shape.hpp>

namespace tarc::detail {

/// Calls `run(first, count)` for each maximal run of adjacent elements of a view, in row-major order: element positions
/// relative to the view's offset. Iterative; O(number of runs). The view's extents must have been checked.
template <class Run>
void for_each_run(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides, Run&& run) {
    for (const std::int64_t s : shape)
        if (s == 0) return;
    std::size_t outer = shape.size();
    std::int64_t length = 1;
    while (outer > 0 && (shape[outer - 1] == 1 || strides[outer - 1] == length)) {
        length *= shape[outer - 1];
        --outer;
    }
    dims index;
    index.resize(outer);
    std::int64_t at = 0;
    for (;;) {
        run(at, length);
        std::size_t d = outer;
        while (d > 0 && index[d - 1] + 1 == shape[d - 1]) {
            --d;
            at -= index[d] * strides[d];
            index[d] = 0;
        }
        if (d == 0) return;
        ++index[d - 1];
        at += strides[d - 1];
    }
}

}  // namespace tarc::detail
