// expect-once: static assertion failed.*tarc: long double has no counterpart in Python -- use double
// expect: field<.*{"model\.fc1\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <complex>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    std::complex<long double> hook;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
