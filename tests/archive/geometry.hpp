#pragma once

// All that is said about a type needs this header only.
#include <tarc/fwd.hpp>

namespace geo {

class angle {
public:
    angle() = default;
    explicit angle(double degrees) : degrees_(degrees) {}
    [[nodiscard]] double degrees() const { return degrees_; }

private:
    double degrees_ = 0;
};

struct course {
    angle heading;
    int legs = 0;
};

}  // namespace geo

template <>
struct tarc::archived_as<geo::angle> {
    using type = double;
    static double save(const geo::angle& a) { return a.degrees(); }
    static geo::angle load(double d) { return geo::angle(d); }
};
template <>
inline constexpr auto tarc::describe<geo::course> = tarc::renamed_from{"legs", "stages"};
template <>
inline constexpr int tarc::version<geo::course> = 7;
