// The control of host.cpp: here there are symbols to see.
#include <tarc/cuda.hpp>
#include <tarc/tarc.hpp>

int main() {
    int devices = 0;
    return cudaGetDeviceCount(&devices) == cudaSuccess && devices < 0 ? 1 : 0;
}
