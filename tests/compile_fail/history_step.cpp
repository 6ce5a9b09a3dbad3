// expect-once: static assertion failed.*tarc: there is no way from a version in tarc::history to the next one -- write `Next migrate\(Old&&\)`
// expect: migration<.*run_v1, .*run_v2>
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/archive/load.hpp>

struct run_v1 {
    int epoch;
};
struct run_v2 {
    int epochs;
};
struct run {
    long epochs;
};
template <>
inline constexpr int tarc::version<run_v1> = 1;
template <>
inline constexpr int tarc::version<run_v2> = 2;
template <>
inline constexpr int tarc::version<run> = 3;
template <>
inline constexpr auto tarc::history<run> = tarc::versions<run_v1, run_v2>{};
run migrate(run_v2&& old) { return {old.epochs}; }

int main() { return static_cast<int>(tarc::load<run>("run.pt").epochs); }
