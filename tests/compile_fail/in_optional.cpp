// expect-once: static assertion failed.*tarc: long double has no counterpart
// expect: field<.*{"part\.x"}
// reject: error: (?!static assertion failed.*tarc: )
#include <optional>

#include <tarc/reflect/schema.hpp>

struct inner {
    long double x;
};
struct root {
    std::optional<inner> part;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
