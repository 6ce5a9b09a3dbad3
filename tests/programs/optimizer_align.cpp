// Takes a checkpoint of PyTorch's over into a model of another shape and saves that: for tests/optim/test_align.py,
// whose models have the same names.
//
//     optimizer_align SHAPE IN OUT [model_order] [missing_to=GROUP]    prints what does not fit; IN, OUT: {model,
//     optimizer}
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

namespace {

using tensor = tarc::tensor<float>;
struct linear {
    tensor weight;
    std::optional<tensor> bias;
};
struct norm {
    tensor weight, bias;
    tarc::buffer<float> running_mean, running_var;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct same {
    linear first;
    norm mid;
    linear last;
};
struct reordered {
    linear last;
    norm mid;
    linear first;
};
struct added {
    linear first;
    norm mid;
    linear extra{tensor::full({4, 4}, 0.5f), {}};
    linear last;
};
struct removed {
    norm mid;
    linear last;
};
struct tied {
    linear out, in;
};

template <class Model>
struct checkpoint {
    Model model;
    tarc::optim::adamw optimizer;
};

template <class Model>
int take(const std::string& in, const std::string& out, const tarc::optim::align_options& options) {
    checkpoint<Model> c;
    static_cast<void>(tarc::load_into(c.model, in, "cpu", {.strict = false, .at = {"model"}}));
    c.optimizer = tarc::load<tarc::optim::adamw>(in, "cpu", {.at = {"optimizer"}});
    const tarc::load_report report = tarc::optim::align(c.optimizer, c.model, options);
    std::puts(report.text().c_str());
    tarc::save(c, out);
    return 0;
}

int make(const std::string& in, const std::string& out) {
    checkpoint<same> c;
    c.model = tarc::load<same>(in, "cpu", {.at = {"model"}});
    auto& group = tarc::optim::add_parameters(c.optimizer, c.model, {.lr = 0.02, .weight_decay = 0.25});
    const auto parameters = tarc::parameters(c.model);
    for (const std::int64_t i : group.params) {
        const auto& shape = parameters[static_cast<std::size_t>(i)].tensor.shape();
        c.optimizer.state[i] = {tarc::tensor<float, tarc::scalar>::full({}, 2.f), tensor::full(shape, 0.25f),
                                tensor::full(shape, 0.5f)};
    }
    tarc::save(c, out);
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 4) return 2;
    const std::string shape = argv[1], in = argv[2], out = argv[3];
    if (shape == "made") return make(in, out);
    tarc::optim::align_options options{.strict = false};
    for (int i = 4; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "model_order") options.model_order = true;
        if (option.starts_with("missing_to=")) options.missing_to = std::strtoul(option.c_str() + 11, nullptr, 10);
    }
    if (shape == "same") return take<same>(in, out, options);
    if (shape == "reordered") return take<reordered>(in, out, options);
    if (shape == "added") return take<added>(in, out, options);
    if (shape == "removed") return take<removed>(in, out, options);
    if (shape == "tied") return take<tied>(in, out, options);
    return 2;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
