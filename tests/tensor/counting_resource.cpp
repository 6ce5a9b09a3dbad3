#include "support/memory_resource_suite.hpp"

#include <memory>
#include <string>

using tarc::storage;
using tarc_test::counting_resource;
using tarc_test::failing_resource;

TEST_CASE("a resource of a program's own keeps the contract") {
    counting_resource counting;
    tarc_test::check_memory_resource(counting);
    CHECK_EQ(counting.live(), 0);
    CHECK_EQ(counting.allocations, counting.deallocations);
}

TEST_CASE("the last handle of a storage frees it, with the size it was asked for") {
    counting_resource counting;
    {
        storage a = storage::allocate(1000, counting);
        CHECK_EQ(counting.bytes(), 1000);
        const storage b = a;
        a = storage::allocate(24, counting);
        CHECK_EQ(counting.live(), 2);
        a = b;
        CHECK_EQ(counting.live(), 1);
        CHECK(a == b);
    }
    CHECK_EQ(counting.live(), 0);
    CHECK_EQ(counting.deallocations, 2);
}

TEST_CASE("a resource that fails leaves nothing behind") {
    failing_resource failing(1);
    const storage first = storage::allocate(8, failing);
    CHECK_THROWS_AS(static_cast<void>(storage::allocate(8, failing)), std::bad_alloc);
    CHECK_EQ(failing.live(), 1);
    CHECK_EQ(failing.allocations, 1);
}

TEST_CASE("references to resources compare by identity") {
    counting_resource a, b;
    const tarc::resource_ref ra = a, rb = b, again = ra;
    CHECK(ra == again);
    CHECK_FALSE(ra == rb);
    CHECK(tarc::host_memory() == tarc::host_memory());
    CHECK_FALSE(tarc::host_memory() == ra);
}
