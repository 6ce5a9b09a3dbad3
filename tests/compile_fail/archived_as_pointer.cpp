// expect-once: static assertion failed.*tarc: a pointer cannot be archived -- hold the value itself
// expect: field<.*{"heading\.at"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

class angle {
public:
    angle() = default;

private:
    double degrees_ = 0;
};
struct place {
    const char* at;
};
template <>
struct tarc::archived_as<angle> {
    using type = place;
    static place save(const angle&) { return {}; }
    static angle load(place&&) { return {}; }
};
struct root {
    angle heading;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
