// expect-once: static assertion failed.*tarc: a struct that contains itself cannot be archived -- give it a fixed depth
// expect: field<.*{"model\.bad\.children\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <vector>

#include <tarc/reflect/schema.hpp>

struct bad_struct {
    int a;
    std::vector<bad_struct> children;
};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
