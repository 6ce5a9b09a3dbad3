// What tarc makes of device strings, one a line on standard input: its location, or "-" where it names no device.
#include <cstdio>
#include <iostream>
#include <string>

#include <tarc/tensor/device.hpp>

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        const auto d = tarc::device::try_parse(line);
        std::puts(d ? d->location().c_str() : "-");
    }
}
