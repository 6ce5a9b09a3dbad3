// expect-once: static assertion failed.*tarc: a pointer cannot be archived
// expect: field<.*{"model\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

struct net {
    tarc::tensor<float> weight;
    int* hook;
};
struct root {
    net model;
};

int main() {
    root r;
    tarc::save(r, "a.pt");
    r = tarc::load<root>("a.pt");
    tarc::load_into(r, "a.pt");
    static_cast<void>(tarc::parameters(r));
    static_cast<void>(tarc::clone(r));
    static_cast<void>(tarc::schema_text<root>());
}
