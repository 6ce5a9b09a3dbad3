#pragma once

#include <algorithm>  // std::sort
#include <cstddef>

#include <tarc/util/function_ref.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Sorts numbers by what they stand for; those with `less` in neither direction stay in the order of the numbers.
inline void sort_numbers(vec<std::size_t>& numbers, function_ref<bool(std::size_t, std::size_t)> less) {
    std::sort(numbers.begin(), numbers.end(),
              [&](std::size_t a, std::size_t b) { return less(a, b) || (a < b && !less(b, a)); });
}
/// 0, 1, … n - 1 in the order of `less`.
[[nodiscard]] inline vec<std::size_t> sorted_numbers(std::size_t n, function_ref<bool(std::size_t, std::size_t)> less) {
    vec<std::size_t> numbers(n);
    bool sorted = true;
    for (std::size_t i = 0; i < n; ++i) {
        numbers[i] = i;
        sorted = sorted && (i == 0 || !less(i, i - 1));
    }
    if (!sorted) sort_numbers(numbers, less);
    return numbers;
}

}  // namespace tarc::detail
