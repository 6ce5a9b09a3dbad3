// expect-once: static assertion failed.*tarc: the schema of this struct is no longer the frozen one
// expect: schema_changed<net, tarc::detail::was<.*{"0x000000008badf00d"}>, tarc::detail::is<.*{"0x[0-9a-f]{16}"}>
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct net {
    tarc::tensor<float> weight;
};
static_assert(tarc::schema_of<net> == tarc::frozen<0x8badf00d>);
