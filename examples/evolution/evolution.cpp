// A checkpoint that has had three shapes, and one program that reads files of all of them:
//
//     evolution write      writes v1.pt, v2.pt and v3.pt, each as the program of its time would have
//     evolution FILE...    loads each as today's checkpoint, and says what was done
#include <cstdio>
#include <string_view>

#include <tarc/tarc.hpp>

#include "checkpoint.hpp"

namespace {

history::linear layer(std::int64_t in, std::int64_t out, float f) {
    return {tarc::tensor<float>::full({out, in}, f), tarc::tensor<float>::zeros({out})};
}

void write() {
    const history::two_layers model{layer(2, 4, 1.5f), layer(4, 1, 0.5f)};
    tarc::save(history::checkpoint_v1{3, model, 0.1}, "v1.pt");
    tarc::save(history::checkpoint_v2{6, model, {0.1, 0.01}, "two groups"}, "v2.pt");
    tarc::save(migrate(history::checkpoint_v2{9, model, {0.1, 0.01}, "three layers"}), "v3.pt");
}

void show(const char* file) {
    checkpoint c;
    const tarc::load_report r = tarc::load_into(c, file, "cpu");
    std::printf("%s: epoch %d, %zu layers, layers.1.weight(0, 3) = %g, first rate %g, \"%s\"\n", file, int(c.epoch),
                c.model.layers.size(), double(c.model.layers.at(1).weight(0, 3)), c.learning_rates.at(0),
                c.comment.c_str());
    if (const std::string text = r.text(); !text.empty()) std::printf("  %s\n", text.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 2 && std::string_view(argv[1]) == "write") {
            write();
            return 0;
        }
        for (int i = 1; i < argc; ++i) show(argv[i]);
        return argc > 1 ? 0 : 2;
    } catch (const tarc::error& e) {
        std::fflush(stdout);
        std::fprintf(stderr, "error: %s\n", e.what());
        return 1;
    }
}
