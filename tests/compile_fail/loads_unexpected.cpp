// expect-once: static assertion failed.*tarc: the file has a key that no field wants
// expect: unexpected_in_file<checkpoint, run_file, .*path<.*{"epoch"}>.*file_has<.*{"int"}
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
    net model_state_dict;
};
static_assert(tarc::loads<checkpoint>(run));
