// expect-once: static assertion failed.*tarc: a map's keys are strings, integers or enums
// expect: field<.*{"parts\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <map>
#include <string>

#include <tarc/reflect/schema.hpp>

struct root {
    std::map<std::string, std::map<double, int>> parts;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
