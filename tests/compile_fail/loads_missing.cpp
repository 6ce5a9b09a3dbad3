// expect-once: static assertion failed.*tarc: the struct wants a key that the file does not have
// expect: missing_in_file<checkpoint, run_file, .*path<.*{"model_state_dict/encoder"}.*{"\.first_layer\.scale"}>.*struct_wants<.*{"float32\[64\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

#include "run_file.hpp"

struct layer {
    tarc::tensor<float> weight;
    tarc::tensor<float> bias;
    tarc::tensor<float, 64> scale;
};
struct encoder_type {
    layer first_layer;
};
struct net {
    encoder_type encoder;
};
struct checkpoint {
    std::int64_t epoch;
    net model_state_dict;
};
static_assert(tarc::loads<checkpoint>(run));
