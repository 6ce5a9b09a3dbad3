// expect-once: static assertion failed.*tarc: a span owns nothing to load into -- use std::vector or tarc::tensor
// expect: field<.*{"model\.fc1\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <span>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    std::span<float> hook;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
