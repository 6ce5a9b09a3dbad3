#pragma once

#include <algorithm>  // std::copy
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include <tarc/error.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// A shape or strides as an argument: a braced list, or anything that is a span of int64.
class shape_view {
public:
    constexpr shape_view() = default;
    constexpr shape_view(std::initializer_list<std::int64_t> list) : view_(list.begin(), list.size()) {}
    constexpr shape_view(std::span<const std::int64_t> s) : view_(s) {}
    template <class R>
        requires std::convertible_to<const R&, std::span<const std::int64_t>>
    constexpr shape_view(const R& r) : view_(r) {}

    [[nodiscard]] constexpr std::span<const std::int64_t> get() const { return view_; }

private:
    std::span<const std::int64_t> view_;
};

namespace detail {

/// Most are short, and a call of memmove takes longer than the rest of a tensor.
inline void copy_dims(std::span<const std::int64_t> from, std::int64_t* to) {
    switch (from.size()) {
        case 4: to[3] = from[3]; [[fallthrough]];
        case 3: to[2] = from[2]; [[fallthrough]];
        case 2: to[1] = from[1]; [[fallthrough]];
        case 1: to[0] = from[0]; [[fallthrough]];
        case 0: break;
        default: std::copy(from.begin(), from.end(), to);
    }
}

/// Sizes or strides of a tensor; up to six of them stand in the object itself.
class dims {
public:
    dims() = default;
    dims(std::span<const std::int64_t> s) { assign(s); }
    dims(const dims& o) { assign(o.get()); }
    dims(dims&& o) noexcept { take(o); }
    dims& operator=(std::span<const std::int64_t> s) {
        assign(s);
        return *this;
    }
    dims& operator=(const dims& o) {
        if (this != &o) assign(o.get());
        return *this;
    }
    dims& operator=(dims&& o) noexcept {
        if (this != &o) take(o);
        return *this;
    }
    ~dims() = default;

    void resize(std::size_t n) {
        vec<std::int64_t> heap(n > inline_size ? n : 0);
        if (!heap.empty())
            std::copy(data(), data() + std::min(n, std::size_t{size_}), heap.data());
        else if (!heap_.empty())
            std::copy(heap_.data(), heap_.data() + n, near_);
        heap_.swap(heap);
        size_ = static_cast<std::uint32_t>(n);
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::int64_t& operator[](std::size_t i) { return data()[i]; }
    [[nodiscard]] std::int64_t operator[](std::size_t i) const { return get()[i]; }
    [[nodiscard]] std::span<const std::int64_t> get() const { return {heap_.empty() ? near_ : heap_.data(), size_}; }

private:
    static constexpr std::size_t inline_size = 6;

    void take(dims& o) noexcept {
        if (!heap_.empty() || !o.heap_.empty()) heap_.swap(o.heap_);
        size_ = o.size_;
        if (heap_.empty()) copy_dims({o.near_, size_}, near_);
        o.size_ = 0;
    }
    std::int64_t* data() { return heap_.empty() ? near_ : heap_.data(); }
    void assign(std::span<const std::int64_t> s) {
        if (s.size() > inline_size || !heap_.empty()) heap_.resize(s.size() > inline_size ? s.size() : 0);
        size_ = static_cast<std::uint32_t>(s.size());
        copy_dims(s, data());
    }

    std::uint32_t size_ = 0;
    std::int64_t near_[inline_size]{};
    vec<std::int64_t> heap_;
};

/// "[2, 3]".
[[nodiscard]] inline std::string shape_text(std::span<const std::int64_t> shape) {
    std::string text = "[";
    for (const std::int64_t n : shape) {
        if (text.size() > 1) text += ", ";
        text += std::to_string(n);
    }
    return text + "]";
}

/// The number of elements. Errors: errc::bad_tensor for a negative size or more than 2^63 - 1 elements.
[[nodiscard]] inline std::int64_t count_elements(std::span<const std::int64_t> shape) {
    std::int64_t n = 1;
    bool overflow = false, zero = false;
    for (const std::int64_t s : shape) {
        if (s < 0) raise(errc::bad_tensor, "shape " + shape_text(shape) + " has a negative size");
        zero |= s == 0;
        overflow |= __builtin_mul_overflow(n, s == 0 ? 1 : s, &n);
    }
    if (zero) return 0;
    if (overflow) raise(errc::bad_tensor, "shape " + shape_text(shape) + " has more elements than 64 bits count");
    return n;
}

/// Row-major strides, with PyTorch's rule for empty dimensions (a size of 0 counts as 1).
[[nodiscard]] inline dims contiguous_strides(std::span<const std::int64_t> shape) {
    dims strides;
    strides.resize(shape.size());
    std::int64_t step = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        strides[i] = step;
        if (__builtin_mul_overflow(step, std::max<std::int64_t>(shape[i], 1), &step)) step = 0;  // an empty tensor
    }
    return strides;
}

/// Whether elements stand in row-major order without gaps; strides of dimensions that are never stepped do not matter.
[[nodiscard]] inline bool is_contiguous(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
    std::int64_t step = 1;
    for (const std::int64_t s : shape)
        if (s == 0) return true;
    for (std::size_t i = shape.size(); i-- > 0;) {
        if (shape[i] != 1 && strides[i] != step) return false;
        step *= shape[i];
    }
    return true;
}

/// Elements from the first to one past the last that a view touches: sum((size - 1) * stride) + 1, or 0 when it is
/// empty. Errors: errc::bad_tensor for negative strides or more than 2^63 - 1.
[[nodiscard]] inline std::int64_t extent_of(std::span<const std::int64_t> shape,
                                            std::span<const std::int64_t> strides) {
    for (const std::int64_t s : shape)
        if (s == 0) return 0;
    std::int64_t last = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 1) continue;
        std::int64_t step = 0;
        if (strides[i] < 0) raise(errc::bad_tensor, "strides " + shape_text(strides) + " are negative");
        if (__builtin_mul_overflow(shape[i] - 1, strides[i], &step) || __builtin_add_overflow(last, step, &last))
            raise(errc::bad_tensor, "shape " + shape_text(shape) + " with strides " + shape_text(strides) +
                                        " reaches further than 64 bits count");
    }
    if (__builtin_add_overflow(last, 1, &last)) raise(errc::bad_tensor, "strides " + shape_text(strides) + " overflow");
    return last;
}

}  // namespace detail
}  // namespace tarc
