// expect-once: static assertion failed.*tarc: this type is no plain aggregate and no type that tarc knows -- remove its constructors, private members
// expect: field<.*{"model\.bad"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

class bad_struct {
public:
    int a = 0;

private:
    [[maybe_unused]] int b = 0;
};
struct net {
    tarc::tensor<float> weight;
    bad_struct bad;
};
struct root {
    net model;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
