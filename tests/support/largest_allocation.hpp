#pragma once

/// How much a program asks for at once. Replaces operator new, so one file of a program includes this.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace tarc_test {

inline std::atomic<std::size_t> largest_allocation_so_far = 0;

/// The largest block that `f` asks for.
template <class F>
std::size_t largest_allocation(F&& f) {
    largest_allocation_so_far = 0;
    static_cast<F&&>(f)();
    return largest_allocation_so_far;
}

inline void* counted_allocation(std::size_t bytes) {
    largest_allocation_so_far = std::max<std::size_t>(largest_allocation_so_far, bytes);
    if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
    throw std::bad_alloc();
}

}  // namespace tarc_test

// Where g++ inlines one of a pair but not the other, it warns of a pair that does not match.
[[gnu::noinline]] void* operator new(std::size_t bytes) { return tarc_test::counted_allocation(bytes); }
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return tarc_test::counted_allocation(bytes); }
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
