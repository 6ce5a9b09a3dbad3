// golden OUT: writes the archive that a release keeps under tests/golden/.

#include "../golden/golden.hpp"

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: golden OUT\n", stderr);
        return 2;
    }
    try {
        tarc::save(golden::make(), argv[1], {.metadata = tarc::value::dict({{"written_by", "golden"}})});
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "golden: %s\n", e.what());
        return 1;
    }
}
