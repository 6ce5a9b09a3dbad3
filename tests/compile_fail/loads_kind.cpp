// expect-once: static assertion failed.*tarc: the file has something else there than the struct wants
// expect: path<.*{"epoch"}>.*file_has<.*{"int"}.*struct_wants<.*{"str"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

#include "run_file.hpp"

struct layer {
    tarc::tensor<float> weight;
    tarc::tensor<float> bias;
};
struct encoder_type {
    layer first_layer;
};
struct net {
    encoder_type encoder;
};
struct checkpoint {
    std::string epoch;
    net model_state_dict;
};
static_assert(tarc::loads<checkpoint>(run));
