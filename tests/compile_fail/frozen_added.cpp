// expect-once: static assertion failed.*tarc: the schema of this struct is no longer the frozen one.*raise tarc::version
// expect: schema_changed<net, tarc::detail::line<2>, tarc::detail::frozen_text_ends, tarc::detail::is<.*{"bias: float32\[\.\.\.\]"}>
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct net {
    tarc::tensor<float> weight, bias;
};
static_assert(tarc::schema_of<net> == tarc::frozen<"weight: float32[...]\n">);
