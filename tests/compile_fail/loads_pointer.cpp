// expect-once: static assertion failed.*tarc: a pointer cannot be archived
// expect(g++): field<.*{"model_state_dict\.encoder\.first_layer\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

#include "run_file.hpp"

struct layer {
    tarc::tensor<float> weight;
    tarc::tensor<float> bias;
    int* hook;
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
