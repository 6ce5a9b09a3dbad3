// expect-once: static assertion failed.*tarc: a lone std::byte cannot be archived
// expect: field<.*{"part\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <array>
#include <cstddef>

#include <tarc/reflect/schema.hpp>

struct root {
    std::array<std::byte, 4> part;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
