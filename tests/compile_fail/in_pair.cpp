// expect-once: static assertion failed.*tarc: this type is no plain aggregate
// expect: field<.*{"part\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <functional>
#include <utility>

#include <tarc/reflect/schema.hpp>

struct root {
    std::pair<int, std::function<void()>> part;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
