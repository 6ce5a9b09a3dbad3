// A struct of the consumer's own is held against a file at build time, and one that the file defines loads it.
#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdio>

#include "golden.schema.hpp"

int main() {
    static_assert(tarc::file_schema<golden_schema>);
    const golden_file f = tarc::load<golden_file>(GOLDEN, "cpu");
    std::printf("epoch %lld, %zu heads\n", static_cast<long long>(f.epoch), f.model.heads.size());
    return f.model.heads.size() == 2 ? 0 : 1;
}
