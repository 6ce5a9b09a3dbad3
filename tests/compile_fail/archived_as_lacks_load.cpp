// expect-once: static assertion failed.*tarc: tarc::archived_as of this type lacks a part -- it needs
// expect: field<.*{"heading"}
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
};
struct root {
    angle heading{0};
};

int main() { return static_cast<int>(tarc::schema_text<root>().size()); }
