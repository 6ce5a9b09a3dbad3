#pragma once

#include <algorithm>  // std::ranges::fill
#include <cmath>
#include <cstddef>
#include <span>

// The mathematics of the network's layers, one sample at a time, forward and backward, over plain spans. A backward
// function takes the gradient `dy` of the loss with respect to the layer's output, *adds* to the gradients of the
// parameters, so that a batch accumulates, and sets that of the input, `dx`.

namespace demo {

/// A convolution with a 3x3 kernel, stride 1 and one pixel of zeros around the image, as nn.Conv2d(in, out, 3,
/// padding=1). Images are [channel][row][column], weights [out][in][row][column].
struct conv_shape {
    std::size_t in, out, side;
};

/// Calls f(output, weight, input) with the three positions of each product that makes up the convolution.
template <class F>
void for_each_tap(conv_shape s, F f) {
    const std::size_t pixels = s.side * s.side;
    for (std::size_t o = 0; o < s.out; ++o)
        for (std::size_t row = 0; row < s.side; ++row)
            for (std::size_t column = 0; column < s.side; ++column)
                for (std::size_t i = 0; i < s.in; ++i)
                    for (std::size_t k = 0; k < 3; ++k)
                        for (std::size_t l = 0; l < 3; ++l) {
                            const std::size_t r = row + k, c = column + l;  // in the padded image
                            if (r < 1 || r > s.side || c < 1 || c > s.side) continue;
                            f(o * pixels + row * s.side + column, ((o * s.in + i) * 3 + k) * 3 + l,
                              i * pixels + (r - 1) * s.side + (c - 1));
                        }
}

inline void conv(conv_shape s, std::span<const float> x, std::span<const float> weight, std::span<const float> bias,
                 std::span<float> y) {
    for (std::size_t o = 0; o < s.out; ++o) std::ranges::fill(y.subspan(o * s.side * s.side, s.side * s.side), bias[o]);
    for_each_tap(s, [&](std::size_t to, std::size_t w, std::size_t from) { y[to] += weight[w] * x[from]; });
}

/// `dx` may be empty where nobody asks for it: in the first layer.
inline void conv_backward(conv_shape s, std::span<const float> x, std::span<const float> weight,
                          std::span<const float> dy, std::span<float> dweight, std::span<float> dbias,
                          std::span<float> dx) {
    const std::size_t pixels = s.side * s.side;
    for (std::size_t o = 0; o < s.out; ++o)
        for (const float d : dy.subspan(o * pixels, pixels)) dbias[o] += d;
    for_each_tap(s, [&](std::size_t to, std::size_t w, std::size_t from) { dweight[w] += dy[to] * x[from]; });
    std::ranges::fill(dx, 0.f);
    if (!dx.empty())
        for_each_tap(s, [&](std::size_t to, std::size_t w, std::size_t from) { dx[from] += dy[to] * weight[w]; });
}

/// y = weight x + bias, as nn.Linear; weight is [out][in].
inline void linear(std::span<const float> x, std::span<const float> weight, std::span<const float> bias,
                   std::span<float> y) {
    for (std::size_t o = 0; o < y.size(); ++o) {
        float sum = bias[o];
        for (std::size_t i = 0; i < x.size(); ++i) sum += weight[o * x.size() + i] * x[i];
        y[o] = sum;
    }
}

inline void linear_backward(std::span<const float> x, std::span<const float> weight, std::span<const float> dy,
                            std::span<float> dweight, std::span<float> dbias, std::span<float> dx) {
    std::ranges::fill(dx, 0.f);
    for (std::size_t o = 0; o < dy.size(); ++o) {
        dbias[o] += dy[o];
        for (std::size_t i = 0; i < x.size(); ++i) {
            dweight[o * x.size() + i] += dy[o] * x[i];
            dx[i] += dy[o] * weight[o * x.size() + i];
        }
    }
}

/// In place.
inline void relu(std::span<float> x) {
    for (float& v : x) v = v > 0 ? v : 0;
}

/// In place on the gradient; `y` is what relu gave. At 0 the gradient is 0, as PyTorch has it.
inline void relu_backward(std::span<const float> y, std::span<float> dy) {
    for (std::size_t i = 0; i < y.size(); ++i)
        if (!(y[i] > 0)) dy[i] = 0;
}

/// The largest of each 2x2 window, as nn.MaxPool2d(2, 2). `from` keeps where it stood; of equal ones the first, as
/// PyTorch.
inline void max_pool(std::size_t channels, std::size_t side, std::span<const float> x, std::span<float> y,
                     std::span<std::size_t> from) {
    const std::size_t half = side / 2;
    for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t row = 0; row < half; ++row)
            for (std::size_t column = 0; column < half; ++column) {
                const std::size_t to = (c * half + row) * half + column;
                const std::size_t corner = (c * side + 2 * row) * side + 2 * column;
                from[to] = corner;
                for (const std::size_t at : {corner + 1, corner + side, corner + side + 1})
                    if (x[at] > x[from[to]]) from[to] = at;
                y[to] = x[from[to]];
            }
}

inline void max_pool_backward(std::span<const std::size_t> from, std::span<const float> dy, std::span<float> dx) {
    std::ranges::fill(dx, 0.f);
    for (std::size_t i = 0; i < dy.size(); ++i) dx[from[i]] += dy[i];
}

/// -log(softmax(logits)[label]), as F.cross_entropy of one sample; `dlogits` gets its gradient.
inline float cross_entropy(std::span<const float> logits, std::size_t label, std::span<float> dlogits) {
    const float top = *std::ranges::max_element(logits);  // keeps exp() from overflowing
    float sum = 0;
    for (const float v : logits) sum += std::exp(v - top);
    for (std::size_t i = 0; i < logits.size(); ++i)
        dlogits[i] = std::exp(logits[i] - top) / sum - (i == label ? 1.f : 0.f);
    return std::log(sum) - (logits[label] - top);
}

}  // namespace demo
