// expect-once: static assertion failed.*tarc: tarc::history<T> is tarc::versions<Old\.\.\.>{} of earlier structs
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/archive/load.hpp>

struct run {
    long epochs;
};
template <>
inline constexpr auto tarc::history<run> = 1;

int main() { return static_cast<int>(tarc::load<run>("run.pt").epochs); }
