// expect-once: static assertion failed.*tarc: a character type cannot be archived
// expect: field<.*{"parts\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <map>
#include <string>

#include <tarc/reflect/schema.hpp>

struct root {
    std::map<std::string, char> parts;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
