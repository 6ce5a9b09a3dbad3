// expect-once: static assertion failed.*tarc: tarc::history lists the earlier shapes oldest first
// expect: version_order<.*run_v1
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/archive/load.hpp>

struct run_v1 {
    int epoch;
};
struct run {
    long epoch;
};
template <>
inline constexpr int tarc::version<run_v1> = 1;
template <>
inline constexpr int tarc::version<run> = 1;
template <>
inline constexpr auto tarc::history<run> = tarc::versions<run_v1>{};
run migrate(run_v1&& old) { return {old.epoch}; }

int main() { return static_cast<int>(tarc::load<run>("run.pt").epoch); }
