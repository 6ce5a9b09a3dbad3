// expect-once: static assertion failed.*tarc: a string_view owns nothing
// expect: field<.*{"parts\[\]\.name"}
// reject: error: (?!static assertion failed.*tarc: )
#include <string_view>
#include <tuple>

#include <tarc/reflect/schema.hpp>

struct part {
    std::string_view name;
};
struct root {
    std::tuple<int, part> parts;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
