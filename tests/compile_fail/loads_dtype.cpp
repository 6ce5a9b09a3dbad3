// expect-once: static assertion failed.*tarc: the file has something else there than the struct wants
// expect: path<.*{"model_state_dict/encoder"}.*{"\.first_layer\.weight"}>.*file_has<.*{"float32\[64,3,7,7\]"}.*struct_wants<.*{"float64\[\.\.\.\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

#include "run_file.hpp"

struct layer {
    tarc::tensor<double> weight;
    tarc::tensor<float> bias;
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
