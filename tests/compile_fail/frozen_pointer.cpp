// expect-once: static assertion failed.*tarc: a pointer cannot be archived
// expect: field<.*{"model\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct net {
    tarc::tensor<float> weight;
    int* hook;
};
struct root {
    net model;
};
static_assert(tarc::schema_of<root> == tarc::frozen<"model/weight: float32[...]\n">);
