// Loads what torch.optim wrote into tarc's struct for it and saves that again: for tests/optim/test_optim.py.
//
//     optimizer_copy KIND IN OUT              KIND: sgd adam adamw rmsprop adagrad, or value for any; the files hold a
//                                             state_dict()
//     optimizer_copy KIND IN OUT optimizer    the files hold {model, optimizer}
#include <cstdio>
#include <exception>
#include <string>

#include <tarc/optim.hpp>
#include <tarc/tarc.hpp>

namespace {

template <class Optimizer>
struct checkpoint {
    tarc::value model;
    Optimizer optimizer;
};

template <class Optimizer>
int copy(const std::string& in, const std::string& out, bool with_model) {
    if (with_model)
        tarc::save(tarc::load<checkpoint<Optimizer>>(in), out);
    else
        tarc::save(tarc::load<Optimizer>(in), out);
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 4 && argc != 5) return 2;
    const std::string kind = argv[1], in = argv[2], out = argv[3];
    const bool with_model = argc == 5;
    if (kind == "sgd") return copy<tarc::optim::sgd>(in, out, with_model);
    if (kind == "adam") return copy<tarc::optim::adam>(in, out, with_model);
    if (kind == "adamw") return copy<tarc::optim::adamw>(in, out, with_model);
    if (kind == "rmsprop") return copy<tarc::optim::rmsprop>(in, out, with_model);
    if (kind == "adagrad") return copy<tarc::optim::adagrad>(in, out, with_model);
    if (kind == "value") return copy<tarc::value>(in, out, with_model);
    return 2;
} catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
}
