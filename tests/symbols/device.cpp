// The control of host.cpp: here there are symbols to see, of the header alone.
#include <tarc/cuda.hpp>
#include <tarc/tarc.hpp>

int main() { return tarc::find_backend(tarc::device_type::cuda) != nullptr ? 0 : 1; }
