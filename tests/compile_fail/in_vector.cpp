// expect-once: static assertion failed.*tarc: a pointer cannot be archived
// expect: field<.*{"layers\[\]\.hook"}
// reject: error: (?!static assertion failed.*tarc: )
#include <vector>

#include <tarc/reflect/schema.hpp>

struct layer {
    int* hook;
};
struct root {
    std::vector<layer> layers;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
