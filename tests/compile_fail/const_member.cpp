// expect-once: static assertion failed.*tarc: a const or volatile field cannot be loaded -- remove the qualifier
// expect: field<.*{"model\.fc1\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    const int hook = 3;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
