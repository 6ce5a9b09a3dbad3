// expect-once: static assertion failed.*tarc: a polymorphic type cannot be archived -- use a plain struct or std::variant
// expect: field<.*{"model\.bad"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct bad_struct {
    virtual ~bad_struct() = default;
    int a = 0;
};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
