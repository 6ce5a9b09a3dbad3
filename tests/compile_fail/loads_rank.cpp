// expect-once: static assertion failed.*tarc: the file has something else there than the struct wants
// expect: path<.*{"model_state_dict/encoder"}.*{"\.first_layer\.weight"}>.*file_has<.*{"float32\[64,3,7,7\]"}.*struct_wants<.*{"float32\[\?,\?\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct run_file {
    static constexpr std::string_view file = "run.pt";
    static constexpr std::int64_t filter[] = {64, 3, 7, 7}, bias[] = {64};
    static constexpr tarc::file_node nodes[] = {
        {.kind = tarc::file_kind::dict, .inside = 4, .size = 2},
        {.kind = tarc::file_kind::integer, .key = "epoch"},
        {.kind = tarc::file_kind::dict, .key = "model_state_dict", .inside = 2, .size = 2},
        {.kind = tarc::file_kind::tensor, .key = "encoder.first_layer.weight", .shape = filter},
        {.kind = tarc::file_kind::tensor, .key = "encoder.first_layer.bias", .shape = bias},
    };
};
inline constexpr run_file run;

struct layer {
    tarc::tensor<float, tarc::dyn, tarc::dyn> weight;
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
