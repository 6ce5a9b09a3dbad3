// expect-once: static assertion failed.*tarc: a struct that contains itself cannot be archived
// expect: field<.*{"children\[\]\.up\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <map>
#include <string>
#include <vector>

#include <tarc/reflect/schema.hpp>

struct child;
struct root {
    std::vector<child> children;
};
struct child {
    std::map<std::string, root> up;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
