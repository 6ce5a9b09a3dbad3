// state_dict map|net IN OUT: what a file holds as a state_dict, whatever its kind, for tests/kinds: bound to a map of
// tensors or to the structs of tests/kinds/libtorch/files.cpp, and saved again.

#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

using tarc::tensor;

namespace {

struct linear {
    tensor<float, tarc::dyn, tarc::dyn> weight;
    std::optional<tensor<float, tarc::dyn>> bias;
};
struct conv {
    tensor<float, tarc::dyn, tarc::dyn, 3, 3> weight;
    tensor<float, tarc::dyn> bias;
};
struct norm {
    tensor<float, tarc::dyn> weight, bias;
    tarc::buffer<float, tarc::dyn> running_mean, running_var;
    tarc::buffer<std::int64_t, tarc::scalar> num_batches_tracked;
};
struct block {
    tensor<float, 1> scale;
    tensor<float, 2> frozen;
    tarc::buffer<std::int32_t, 3, 2> grid;
    ::conv conv;
    ::norm norm;
};
struct lstm {
    tensor<float, 12, tarc::dyn> weight_ih_l0, weight_hh_l0;
    tensor<float, 12> bias_ih_l0, bias_hh_l0;
};
struct net {
    block stem;
    std::tuple<block, linear> layers;
    std::vector<linear> head;
    lstm rnn;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    try {
        if (argv[1] == std::string_view("net"))
            tarc::save(tarc::load<net>(argv[2]), argv[3]);
        else
            tarc::save(tarc::load<std::map<std::string, tarc::any_tensor>>(argv[2]), argv[3]);
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
}
