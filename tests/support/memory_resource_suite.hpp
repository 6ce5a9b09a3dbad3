#pragma once

/// What every tarc::memory_resource must do, as one suite that a file per resource calls:
///
///     TEST_CASE("host_resource keeps the contract") { host_resource r; tarc_test::check_memory_resource(r); }
///
/// And resources for tests: one that counts, one that fails on command.

#include <doctest/doctest.h>

#include <tarc/tensor/backend.hpp>
#include <tarc/tensor/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define TARC_TEST_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TARC_TEST_ASAN
#endif
#endif
#ifdef TARC_TEST_ASAN
/// AddressSanitizer ends the program when an allocation fails, unless it is told that this is what is tested.
extern "C" [[gnu::used]] inline const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

namespace tarc_test {

/// Passes requests on to the host's heap, and remembers what is out: a block that comes back must be one that went out,
/// with the same size and alignment.
class counting_resource {
public:
    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        void* p = heap_.allocate(bytes, alignment);
        blocks_[p] = {bytes, alignment};
        ++allocations;
        return p;
    }
    void deallocate(void* p, std::size_t bytes, std::size_t alignment) {
        const auto at = blocks_.find(p);
        REQUIRE(at != blocks_.end());
        CHECK_EQ(at->second, std::pair{bytes, alignment});
        blocks_.erase(at);
        ++deallocations;
        heap_.deallocate(p, bytes, alignment);
    }
    [[nodiscard]] tarc::device device() const { return tarc::device::cpu(); }
    [[nodiscard]] std::size_t live() const { return blocks_.size(); }
    [[nodiscard]] std::size_t bytes() const {
        std::size_t n = 0;
        for (const auto& [p, size] : blocks_) n += size.first;
        return n;
    }

    int allocations = 0, deallocations = 0;

private:
    tarc::host_resource heap_;
    std::map<void*, std::pair<std::size_t, std::size_t>> blocks_;
};
static_assert(tarc::memory_resource<counting_resource>);

/// Serves `left` requests, then fails with std::bad_alloc.
class failing_resource : public counting_resource {
public:
    explicit failing_resource(int serves) : left(serves) {}
    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        if (left == 0) throw std::bad_alloc();
        --left;
        return counting_resource::allocate(bytes, alignment);
    }
    int left;
};
static_assert(tarc::memory_resource<failing_resource>);

/// The conformance suite. `most`: the largest alignment that the resource promises.
template <tarc::memory_resource R>
void check_memory_resource(R& resource, std::size_t most = 4096) {
    const tarc::resource_ref ref = resource;
    CHECK(ref == tarc::resource_ref(resource));
    CHECK(ref.device() == tarc::device(resource.device()));
    const bool host = tarc::detail::host_accessible(ref.device());

    SUBCASE("blocks are aligned, disjoint and may come back in any order") {
        struct block {
            void* p;
            std::size_t bytes, alignment;
        };
        std::vector<block> blocks;
        for (const std::size_t alignment : {std::size_t{16}, tarc::storage_alignment, most})
            for (const std::size_t bytes : {1u, 63u, 64u, 65u, 1000u, 70000u}) {
                CAPTURE(alignment);
                CAPTURE(bytes);
                void* p = ref.allocate(bytes, alignment);
                REQUIRE(p != nullptr);
                CHECK_EQ(reinterpret_cast<std::uintptr_t>(p) % alignment, 0);
                for (const block& b : blocks) {
                    const auto *mine = static_cast<const char*>(p), *its = static_cast<const char*>(b.p);
                    CHECK((mine + bytes <= its || its + b.bytes <= mine));
                }
                if (host) std::memset(p, static_cast<int>(blocks.size()), bytes);
                blocks.push_back({p, bytes, alignment});
            }
        if (host)
            for (std::size_t i = 0; i < blocks.size(); ++i)
                CHECK_EQ(static_cast<unsigned char*>(blocks[i].p)[blocks[i].bytes - 1], i);
        for (std::size_t i = 0; i < blocks.size(); i += 2)
            ref.deallocate(blocks[i].p, blocks[i].bytes, blocks[i].alignment);
        for (std::size_t i = blocks.size(); i-- > 0;)
            if (i % 2 != 0) ref.deallocate(blocks[i].p, blocks[i].bytes, blocks[i].alignment);
    }
    SUBCASE("an empty block can be asked for and given back") {
        void* p = ref.allocate(0, tarc::storage_alignment);
        ref.deallocate(p, 0, tarc::storage_alignment);
    }
    SUBCASE("what cannot be had is an exception") {
        CHECK_THROWS(static_cast<void>(ref.allocate(SIZE_MAX - 64, tarc::storage_alignment)));
        CHECK_THROWS(static_cast<void>(ref.allocate(SIZE_MAX, tarc::storage_alignment)));
        CHECK_THROWS(static_cast<void>(ref.allocate(std::size_t{1} << 62, tarc::storage_alignment)));
    }
    SUBCASE("storages take it and give it back") {
        tarc::storage s = tarc::storage::allocate(100, ref);
        CHECK_EQ(s.nbytes(), 100);
        CHECK(s.device() == ref.device());
        CHECK_EQ(reinterpret_cast<std::uintptr_t>(s.data()) % tarc::storage_alignment, 0);
        tarc::storage other = s;
        s = {};
        CHECK_EQ(other.use_count(), 1);
    }
}

}  // namespace tarc_test
