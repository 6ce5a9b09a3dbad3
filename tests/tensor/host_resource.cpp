#include "support/memory_resource_suite.hpp"

TEST_CASE("the host's heap keeps the contract of memory resources") {
    tarc::host_resource heap;
    tarc_test::check_memory_resource(heap);
}

TEST_CASE("a request that cannot be served names its size") {
    try {
        static_cast<void>(tarc::host_memory().allocate(std::size_t{1} << 62, 64));
        FAIL("the host has four exabytes");
    } catch (const tarc::error& e) {
        CHECK_EQ(e.code(), tarc::errc::out_of_memory);
        CHECK(std::string(e.what()).find("4611686018427387904 bytes") != std::string::npos);
    }
}
