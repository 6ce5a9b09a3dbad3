// The header that CMake made of a file: its structs load the file, and structs are held against it at build time.
#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>

#include "golden.schema.hpp"

int main() {
    static_assert(tarc::loads<golden_file>(golden));
    const golden_file f = tarc::load<golden_file>(GOLDEN, "cpu");
    std::printf("epoch %lld, %zu heads\n", static_cast<long long>(f.epoch), f.model.heads.size());
    return f.model.heads.size() == 2 ? 0 : 1;
}
