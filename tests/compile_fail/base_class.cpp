// expect-once: static assertion failed.*tarc: a struct with a base class cannot be archived -- make the base a field
// expect: field<.*{"model\.bad"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct common {
    int id;
};
struct bad_struct : common {
    int a;
};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
