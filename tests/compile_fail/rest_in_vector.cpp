// expect-once: static assertion failed.*tarc: tarc::rest and tarc::module_metadata stand for parts of the dict around them -- make them fields
// expect: field<.*{"parts\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <vector>

#include <tarc/reflect/schema.hpp>
#include <tarc/value/value.hpp>

struct root {
    std::vector<tarc::rest> parts;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
