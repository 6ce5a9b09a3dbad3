// expect-once: static assertion failed.*tarc: the schema of this struct is no longer the frozen one
// expect: schema_changed<net, tarc::detail::line<3>, tarc::detail::was<.*{"encoder_of_a_long_name\.f"}.*{"eed_forward\.weight: floa"}.*{"t32\[64,3,3,3\]"}>, tarc::detail::is<
// expect: tarc::detail::is<.*{"encoder_of_a_long_name\.f"}.*{"eed_forward\.weight: floa"}.*{"t32\[64,3,7,7\]"}>
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct layer {
    tarc::tensor<float, 64, 3, 7, 7> weight;
};
struct encoder {
    tarc::tensor<float> first, second;
    layer feed_forward;
};
struct net {
    encoder encoder_of_a_long_name;
};

static_assert(tarc::schema_of<net> == tarc::frozen<"encoder_of_a_long_name.first: float32[...]\n"
                                                   "encoder_of_a_long_name.second: float32[...]\n"
                                                   "encoder_of_a_long_name.feed_forward.weight: float32[64,3,3,3]\n">);
