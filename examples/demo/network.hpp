#pragma once

#include <algorithm>  // std::ranges::max_element
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <tarc/tarc.hpp>

#include "layers.hpp"

namespace demo {

template <std::int64_t Out, std::int64_t In>
struct conv_layer {
    tarc::tensor<float, Out, In, 3, 3> weight;
    tarc::tensor<float, Out> bias;
};

template <std::int64_t Out, std::int64_t In>
struct linear_layer {
    tarc::tensor<float, Out, In> weight;
    tarc::tensor<float, Out> bias;
};

/// The network of the PyTorch tutorials, sized for 8x8 images. Its fields are named as the module's in
/// examples/data/digits_net.py, so that it *is* that module's state_dict.
struct network {
    conv_layer<6, 1> conv1;
    conv_layer<16, 6> conv2;
    linear_layer<120, 64> fc1;
    linear_layer<84, 120> fc2;
    linear_layer<10, 84> fc3;
};

inline constexpr conv_shape conv1_shape{.in = 1, .out = 6, .side = 8};
inline constexpr conv_shape conv2_shape{.in = 6, .out = 16, .side = 4};

/// What one sample leaves behind in the network on its way forward, and the way back needs.
struct activations {
    std::array<float, 6 * 8 * 8> conv1;
    std::array<float, 6 * 4 * 4> pool1;
    std::array<float, 16 * 4 * 4> conv2;
    std::array<float, 16 * 2 * 2> pool2;
    std::array<std::size_t, 6 * 4 * 4> pool1_from;
    std::array<std::size_t, 16 * 2 * 2> pool2_from;
    std::array<float, 120> fc1;
    std::array<float, 84> fc2;
    std::array<float, 10> logits;
};

inline void forward(const network& n, std::span<const float> image, activations& a) {
    conv(conv1_shape, image, n.conv1.weight.span(), n.conv1.bias.span(), a.conv1);
    relu(a.conv1);
    max_pool(6, 8, a.conv1, a.pool1, a.pool1_from);
    conv(conv2_shape, a.pool1, n.conv2.weight.span(), n.conv2.bias.span(), a.conv2);
    relu(a.conv2);
    max_pool(16, 4, a.conv2, a.pool2, a.pool2_from);
    linear(a.pool2, n.fc1.weight.span(), n.fc1.bias.span(), a.fc1);
    relu(a.fc1);
    linear(a.fc1, n.fc2.weight.span(), n.fc2.bias.span(), a.fc2);
    relu(a.fc2);
    linear(a.fc2, n.fc3.weight.span(), n.fc3.bias.span(), a.logits);
}

/// Adds to `gradient`, a network of the same shape, what this sample contributes, given the gradient of its logits.
inline void backward(const network& n, std::span<const float> image, const activations& a,
                     std::span<const float> dlogits, network& gradient) {
    activations d;  // d.x is the gradient of the loss with respect to a.x
    linear_backward(a.fc2, n.fc3.weight.span(), dlogits, gradient.fc3.weight.span(), gradient.fc3.bias.span(), d.fc2);
    relu_backward(a.fc2, d.fc2);
    linear_backward(a.fc1, n.fc2.weight.span(), d.fc2, gradient.fc2.weight.span(), gradient.fc2.bias.span(), d.fc1);
    relu_backward(a.fc1, d.fc1);
    linear_backward(a.pool2, n.fc1.weight.span(), d.fc1, gradient.fc1.weight.span(), gradient.fc1.bias.span(), d.pool2);
    max_pool_backward(a.pool2_from, d.pool2, d.conv2);
    relu_backward(a.conv2, d.conv2);
    conv_backward(conv2_shape, a.pool1, n.conv2.weight.span(), d.conv2, gradient.conv2.weight.span(),
                  gradient.conv2.bias.span(), d.pool1);
    max_pool_backward(a.pool1_from, d.pool1, d.conv1);
    relu_backward(a.conv1, d.conv1);
    conv_backward(conv1_shape, image, n.conv1.weight.span(), d.conv1, gradient.conv1.weight.span(),
                  gradient.conv1.bias.span(), {});
}

/// The class with the largest logit.
inline std::int64_t predict(const network& n, std::span<const float> image) {
    activations a;
    forward(n, image, a);
    return std::ranges::max_element(a.logits) - a.logits.begin();
}

}  // namespace demo
