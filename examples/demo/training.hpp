#pragma once

#include <algorithm>  // std::min, std::ranges::fill
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>  // std::iota
#include <span>
#include <stdexcept>
#include <string>
#include <utility>  // std::swap
#include <vector>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include "network.hpp"
#include "sgd.hpp"

namespace demo {

/// examples/data/digits.pt. The ranges are half-open.
struct digits {
    tarc::tensor<float, tarc::dyn, 1, 8, 8> images;
    tarc::tensor<std::int64_t, tarc::dyn> labels;
    std::array<std::int64_t, 2> train{}, test{};

    [[nodiscard]] std::span<const float> image(std::int64_t i) const {
        return images.span().subspan(static_cast<std::size_t>(i) * 64, 64);
    }
};

/// A file may hold anything. Errors: std::runtime_error when the parts do not fit each other.
inline void check(const digits& data) {
    const auto require = [](bool good, const char* what) {
        if (!good) throw std::runtime_error(std::string("the digits are not what the demo expects: ") + what);
    };
    const std::int64_t count = data.images.shape()[0];
    require(data.labels.numel() == count, "as many labels as images");
    for (const std::int64_t label : data.labels.span()) require(label >= 0 && label < 10, "labels from 0 to 9");
    for (const auto& [first, last] : {data.train, data.test})
        require(first >= 0 && first < last && last <= count, "ranges that are not empty and inside the data");
}

/// The order in which epoch number `epoch` (from 0, counted over the whole life of the model) sees `count` samples:
/// that of epoch_order() in examples/data/digits_net.py, a Fisher-Yates shuffle driven by Knuth's 64-bit linear
/// congruential generator.
inline std::vector<std::int64_t> epoch_order(std::int64_t epoch, std::int64_t count) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    auto state = static_cast<std::uint64_t>(epoch) + 1;
    for (std::size_t i = order.size() - 1; i > 0; --i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(order[i], order[(state >> 33) % (i + 1)]);
    }
    return order;
}

inline constexpr std::size_t batch_size = 50;

/// Forward and backward over one batch: sets `gradient` and returns the mean loss.
inline double learn(const network& model, const digits& data, std::span<const std::int64_t> batch, network& gradient) {
    for (const tarc::parameter& g : tarc::parameters(gradient)) std::ranges::fill(values(g.tensor), 0.f);
    activations a;
    std::array<float, 10> dlogits;
    double loss = 0;
    const auto count = static_cast<float>(batch.size());
    for (const std::int64_t i : batch) {
        forward(model, data.image(i), a);
        loss += cross_entropy(a.logits, static_cast<std::size_t>(data.labels(i)), dlogits);
        for (float& d : dlogits) d /= count;
        backward(model, data.image(i), a, dlogits, gradient);
    }
    return loss / count;
}

/// One epoch over the training range; returns the loss of each batch, and tells `done(batches, of, loss)` about it.
template <class Done>
std::vector<double> train_epoch(network& model, tarc::optim::sgd& optimizer, const digits& data, std::int64_t epoch,
                                Done done) {
    network gradient = tarc::clone(model);
    std::vector<std::int64_t> order = epoch_order(epoch, data.train[1] - data.train[0]);
    for (std::int64_t& i : order) i += data.train[0];
    const std::size_t batches = (order.size() + batch_size - 1) / batch_size;
    std::vector<double> losses;
    for (std::size_t b = 0; b < batches; ++b) {
        const std::size_t from = b * batch_size;
        const auto batch = std::span(order).subspan(from, std::min(batch_size, order.size() - from));
        losses.push_back(learn(model, data, batch, gradient));
        step(optimizer, model, gradient);
        done(b + 1, batches, losses.back());
    }
    return losses;
}

/// The class that the network gives to each sample of a range.
inline std::vector<std::int64_t> predict(const network& model, const digits& data, std::array<std::int64_t, 2> range) {
    std::vector<std::int64_t> classes;
    for (std::int64_t i = range[0]; i < range[1]; ++i) classes.push_back(predict(model, data.image(i)));
    return classes;
}

inline std::int64_t count_correct(std::span<const std::int64_t> classes, const digits& data,
                                  std::array<std::int64_t, 2> range) {
    std::int64_t correct = 0;
    for (std::int64_t i = range[0]; i < range[1]; ++i)
        correct += classes[static_cast<std::size_t>(i - range[0])] == data.labels(i);
    return correct;
}

}  // namespace demo
