// expect-once: static assertion failed.*tarc: a character type cannot be archived -- use std::string
// expect: field<.*{"model\.fc1\.hook\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <string>

#include <tarc/reflect/schema.hpp>

struct linear {
    tarc::tensor<float> weight, bias;
    std::wstring hook;
};
struct net {
    linear fc1;
};
struct root {
    int epoch;
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
