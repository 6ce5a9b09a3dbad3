// expect-once: static assertion failed.*tarc: tarc::describe<T> holds tarc::rename, renamed_from, removed, retyped, transient, defaulted and field_names only -- remove
// expect: field<.*{""}
// reject: error: (?!static assertion failed.*tarc: )
#include <tuple>

#include <tarc/reflect/schema.hpp>

struct root {
    int first;
};
template <>
inline constexpr auto tarc::describe<root> = std::tuple{"first"};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
