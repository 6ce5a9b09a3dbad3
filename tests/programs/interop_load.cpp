// interop_load KIND IN OUT: loads what PyTorch saved into the structs of KIND, and saves them, for
// tests/interop/test_loaded.py. Loading that file and saving it again must give the same file.

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

using tarc::buffer;
using tarc::tensor;

namespace {

// nn.Conv2d, nn.BatchNorm2d, nn.Linear
struct conv {
    tensor<float, tarc::dyn, tarc::dyn, 3, 3> weight;
    std::optional<tensor<float, tarc::dyn>> bias;
};
struct norm {
    tensor<float, tarc::dyn> weight, bias;
    buffer<float, tarc::dyn> running_mean, running_var;
    buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct linear {
    tensor<float, tarc::dyn, tarc::dyn> weight;
    std::optional<tensor<float, tarc::dyn>> bias;
};
struct nothing {};

struct block {
    conv conv1;
    norm bn1;
    std::optional<std::tuple<conv, norm>> downsample;
};
struct resnet {
    tensor<float, tarc::scalar> temperature;
    conv conv1;
    norm bn1;
    std::vector<block> layers;
    std::map<std::string, linear> heads;
    std::tuple<nothing, linear> classifier;
    tarc::module_metadata metadata;
};

// the tutorial's checkpoint: model, SGD, epoch, loss
struct tutorial {
    std::int64_t epoch = 0;
    resnet model_state_dict;
    tarc::optim::sgd optimizer_state_dict;
    double loss = 0;
};

// nn.Sequential(nn.Linear, nn.ReLU, nn.Linear)
struct sequential {
    linear first, last;
};

template <class Optimizer>
struct training {
    sequential model;
    Optimizer optimizer;
    tarc::value scheduler;
    std::int64_t step = 0;
    tensor<std::uint8_t> rng;
    tarc::rest others;
};

struct tied {
    tensor<float> encoder, decoder;
    std::vector<tarc::any_tensor> views;
    std::optional<bool> a_dict = {};  // no module
};

using state_dict = std::map<std::string, tarc::any_tensor>;

template <class T>
void copy(const char* in, const char* out, const tarc::load_options& options = {}) {
    tarc::save(tarc::load<T>(in, "cpu", options), out);
    std::vector<std::byte> again;
    tarc::save(tarc::load<T>(out), again);
    tarc::file_source file(out);
    std::vector<std::byte> first(file.size());
    file.read(0, first);
    if (again != first) throw tarc::error(tarc::errc::mismatch, "what was loaded saves as another file");
}

}  // namespace

template <>
inline constexpr auto tarc::describe<sequential> = std::tuple{tarc::rename{"first", "0"}, tarc::rename{"last", "2"}};

int main(int argc, char** argv) {
    const std::map<std::string, void (*)(const char*, const char*)> kinds = {
        {"resnet", [](const char* in, const char* out) { copy<resnet>(in, out); }},
        {"parallel", [](const char* in, const char* out) { copy<resnet>(in, out, {.strip_prefix = "module."}); }},
        {"model_of_tutorial",
         [](const char* in, const char* out) { copy<resnet>(in, out, {.at = {"model_state_dict"}}); }},
        {"tutorial", [](const char* in, const char* out) { copy<tutorial>(in, out); }},
        {"adam", [](const char* in, const char* out) { copy<training<tarc::optim::adam>>(in, out); }},
        {"adamw", [](const char* in, const char* out) { copy<training<tarc::optim::adamw>>(in, out); }},
        {"sgd", [](const char* in, const char* out) { copy<training<tarc::optim::sgd>>(in, out); }},
        {"tied", [](const char* in, const char* out) { copy<tied>(in, out); }},
        {"state_dict", [](const char* in, const char* out) { copy<state_dict>(in, out); }},
        {"value", [](const char* in, const char* out) { copy<tarc::value>(in, out); }},
        // as saved: a tag of another machine is an error
        {"as_saved", [](const char* in, const char* out) { tarc::save(tarc::load<tarc::value>(in), out); }},
    };
    const auto kind = argc == 4 ? kinds.find(argv[1]) : kinds.end();
    if (kind == kinds.end()) {
        std::fputs("usage: interop_load KIND IN OUT\n", stderr);
        return 2;
    }
    try {
        kind->second(argv[2], argv[3]);
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "interop_load: %s\n", e.what());
        return 1;
    }
}
