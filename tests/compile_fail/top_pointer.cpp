// expect-once: static assertion failed.*tarc: a pointer cannot be archived
// expect: field<.*{""}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>


int main() { return static_cast<int>(tarc::schema_text<int*>().size()); }
