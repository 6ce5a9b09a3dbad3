// expect-once: static assertion failed.*tarc: only one field of a struct can be a tarc::rest
// expect: field<.*{"inner"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>
#include <tarc/value/value.hpp>

struct both {
    tarc::rest a, b;
};
struct root {
    both inner;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
