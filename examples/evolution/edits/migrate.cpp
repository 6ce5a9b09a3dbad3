// A version without a way to it.
#include <tarc/tarc.hpp>

struct checkpoint_v1 {
    double lr = 0;
};
struct checkpoint {
    std::vector<double> learning_rates;
};

template <>
inline constexpr int tarc::version<checkpoint_v1> = 1;
template <>
inline constexpr int tarc::version<checkpoint> = 2;
template <>
inline constexpr auto tarc::history<checkpoint> = tarc::versions<checkpoint_v1>{};

int main() { return tarc::load<checkpoint>("run.pt").learning_rates.empty(); }
