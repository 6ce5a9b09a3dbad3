// expect-once: static assertion failed.*tarc: a string_view owns nothing to load into -- use std::string
// expect: field<.*{"model\.fc1\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <string_view>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    std::string_view hook;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
