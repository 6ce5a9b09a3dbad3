// expect-once: static assertion failed.*tarc: a container of a type with tarc::archived_as makes its elements before it fills them -- give
// expect: field<.*{"all\[\]"}
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/reflect/schema.hpp>

class angle {
public:
    explicit angle(double d) : degrees_(d) {}
    double degrees() const { return degrees_; }

private:
    double degrees_;
};
template <>
struct tarc::archived_as<angle> {
    using type = double;
    static double save(const angle& a) { return a.degrees(); }
    static angle load(double d) { return angle(d); }
};
struct root {
    angle one{0};
    std::vector<angle> all;
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
