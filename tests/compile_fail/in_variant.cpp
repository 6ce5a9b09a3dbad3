// expect-once: static assertion failed.*tarc: a pointer cannot be archived
// expect: field<.*{"part\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <variant>

#include <tarc/reflect/schema.hpp>

struct root {
    std::variant<int, float*> part;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
