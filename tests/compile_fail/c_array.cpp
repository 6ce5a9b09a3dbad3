// expect(clang): error: 
// expect-once(g++): static assertion failed.*tarc: a struct with a C array cannot be archived -- use std::array
// expect(g++): field<.*{"model\.bad"}
// reject(g++): error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct bad_struct {
    tarc::tensor<float> scale;
    float mean[3];
    int n;
};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
