// expect-once: static assertion failed.*tarc: this type is no plain aggregate and no type that tarc knows -- remove its constructors
// expect: field<.*{"model\.bad"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

struct bad_struct {
    explicit bad_struct(int n) : a(n) {}
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
