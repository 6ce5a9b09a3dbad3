// expect-once: static assertion failed.*tarc: this number stands in tensors only
// expect: field<.*{"model\.fc1\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    tarc::complex32 hook;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
