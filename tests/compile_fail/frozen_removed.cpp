// expect-once: static assertion failed.*tarc: the schema of this struct is no longer the frozen one
// expect: schema_changed<net, tarc::detail::line<2>, tarc::detail::was<.*{"bias: float32\[\.\.\.\]"}>, tarc::detail::schema_ends>
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct net {
    tarc::tensor<float> weight;
};
static_assert(tarc::schema_of<net> == tarc::frozen<"weight: float32[...]\n"
                                                   "bias: float32[...]\n">);
