#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <tarc/archive/entries.hpp>

#include "tensor_bytes.hpp"

namespace cli {

/// How the elements of two tensors of one shape differ.
struct element_difference {
    bool comparable = true;       ///< else there is no number in common: other bits, other quantizations
    std::uint64_t different = 0;  ///< elements; two NaN are equal, 0 and -0 too
    std::uint64_t only_nan = 0;   ///< of those, where one of the two is NaN
    bool measured = false;        ///< whether there is a greatest difference
    double most = 0;              ///< the greatest absolute difference; of complex numbers, the absolute value of it
    std::uint64_t at = 0;  ///< the place of the greatest one, else of the first one: its number in row-major order
    std::string most_text, a_text, b_text;  ///< that difference, and the two elements, for people
};

/// Compares the elements of tensors of two files, a pair at a time.
class tensor_pairs {
public:
    /// At most so many bytes of elements, and of storages of each file, are read.
    tensor_pairs(const tarc::detail::opened_file& a, const tarc::detail::opened_file& b, std::uint64_t elements,
                 std::uint64_t storages)
        : a_(a, storages), b_(b, storages), room_(elements) {}

    /// Tensors of one shape. The answer's number.
    std::size_t add(const tarc::entry& a, const tarc::entry& b);
    /// Errors: those of tensor_bytes; errc::limit_exceeded.
    void compute();
    [[nodiscard]] const element_difference& operator[](std::size_t i) const { return pairs_[i].result; }

private:
    struct pair {
        tensor_view a, b;
        element_difference result;

        [[nodiscard]] bool same(const pair& o) const { return a == o.a && b == o.b; }
    };
    void compare(pair& p);

    tensor_bytes a_, b_;
    std::uint64_t room_;
    std::vector<pair> pairs_;
};

}  // namespace cli
