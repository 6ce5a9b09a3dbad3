// expect-once: static assertion failed.*tarc: a pointer cannot be archived -- hold the value itself
// expect: field<.*{"model\.fc1\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <memory>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    std::shared_ptr<float> hook;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
