// The program of `./dev demo`: goes on training, in C++, what PyTorch began, and saves what PyTorch goes on with.

#include <charconv>
#include <cstdint>
#include <cstdio>   // std::snprintf
#include <cstdlib>  // EXIT_FAILURE
#include <exception>
#include <iomanip>  // std::setw
#include <iostream>
#include <numeric>  // std::accumulate
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include "log.hpp"
#include "network.hpp"
#include "progress.hpp"
#include "training.hpp"

namespace {

/// What PyTorch's tutorial "Saving and Loading Models" saves. `epoch` counts the epochs done.
struct checkpoint {
    std::int64_t epoch = 0;
    demo::network model_state_dict;
    tarc::optim::sgd optimizer_state_dict;
    double loss = 0;
};

struct arguments {
    std::string digits, checkpoint, out, log;
    std::int64_t epochs = 3;
};

constexpr const char* usage =
    "usage: tarc_demo DIGITS.pt CHECKPOINT.pt OUT.pt LOG.jsonl [EPOCHS]\n"
    "Loads data and checkpoint, trains EPOCHS more epochs (default 3), saves the new checkpoint and logs the losses.\n";

bool parse(std::span<char*> words, arguments& a) {
    if (words.size() != 4 && words.size() != 5) return false;
    a.digits = words[0];
    a.checkpoint = words[1];
    a.out = words[2];
    a.log = words[3];
    if (words.size() == 4) return true;
    const std::string_view n = words[4];
    const auto [end, failure] = std::from_chars(n.data(), n.data() + n.size(), a.epochs);
    return failure == std::errc() && end == n.data() + n.size() && a.epochs >= 0;
}

std::string loss_text(double v) {
    char text[64];
    std::snprintf(text, sizeof text, "loss %.6f", v);
    return text;
}

void describe(const std::string& path, const demo::digits& data) {
    const auto shape = data.images.shape();
    std::cout << path << "\n  " << shape[0] << " images of " << shape[2] << " x " << shape[3] << ", samples "
              << data.train[0] << " to " << data.train[1] - 1 << " for training, " << data.test[0] << " to "
              << data.test[1] - 1 << " for testing\n";
}

void describe(const std::string& path, const checkpoint& c) {
    const auto parameters = tarc::parameters(c.model_state_dict);
    std::int64_t weights = 0;
    for (const tarc::parameter& p : parameters) weights += p.tensor.numel();
    std::cout << path << "\n  epoch " << c.epoch << ", " << loss_text(c.loss) << "\n  model: " << parameters.size()
              << " tensors, " << weights << " parameters\n";
    for (const tarc::parameter& p : parameters) {
        std::string shape;
        for (const std::int64_t n : p.tensor.shape()) shape += (shape.empty() ? "" : " x ") + std::to_string(n);
        std::cout << "    " << std::left << std::setw(14) << p.name << to_string(p.tensor.dtype()) << ", " << shape
                  << "\n";
    }
    std::size_t buffers = 0;
    for (const auto& [index, state] : c.optimizer_state_dict.state) buffers += state.momentum_buffer.has_value();
    for (const auto& group : c.optimizer_state_dict.param_groups)
        std::cout << "  optimizer: SGD, lr " << group.lr << ", momentum " << group.momentum << ", "
                  << group.params.size() << " parameters, " << buffers << " momentum buffers\n";
}

void run(const arguments& a) {
    const auto data = tarc::load<demo::digits>(a.digits, "cpu");
    demo::check(data);
    describe(a.digits, data);
    auto c = tarc::load<checkpoint>(a.checkpoint, "cpu");
    describe(a.checkpoint, c);

    demo::json_lines log(a.log);
    const auto evaluate = [&](const char* when) {
        const auto classes = demo::predict(c.model_state_dict, data, data.test);
        const std::int64_t correct = demo::count_correct(classes, data, data.test);
        std::cout << "  accuracy " << when << ": " << correct << " of " << classes.size() << " test digits\n";
        log.line().add("event", "evaluate").add("epoch", c.epoch).add("correct", correct).add("classes", classes);
    };

    std::cout << "training in C++\n";
    evaluate("as loaded");
    for (std::int64_t i = 0; i < a.epochs; ++i) {
        const demo::progress_bar bar("epoch " + std::to_string(c.epoch + 1));
        const std::vector<double> losses = demo::train_epoch(
            c.model_state_dict, c.optimizer_state_dict, data, c.epoch,
            [&](std::size_t done, std::size_t of, double loss) { bar.show(done, of, loss_text(loss)); });
        c.loss = std::accumulate(losses.begin(), losses.end(), 0.) / static_cast<double>(losses.size());
        ++c.epoch;
        bar.finish(loss_text(c.loss));
        log.line().add("event", "epoch").add("epoch", c.epoch).add("loss", c.loss).add("batch_losses", losses);
    }
    evaluate("now");

    tarc::save(c, a.out);
    std::cout << "saved " << a.out << ": epoch " << c.epoch << ", " << loss_text(c.loss) << "\n";
    log.close();
}

}  // namespace

int main(int argc, char** argv) {
    arguments a;
    if (!parse(std::span(argv, static_cast<std::size_t>(argc)).subspan(1), a)) {
        std::cerr << usage;
        return 2;
    }
    try {
        run(a);
        return 0;
    } catch (const std::exception& e) {
        std::cerr << "tarc_demo: error: " << e.what() << "\n";
        return EXIT_FAILURE;
    }
}
