#pragma once

#ifdef __linux__
#include <sys/mman.h>
#endif

#include <cstddef>
#include <new>

namespace tarc::detail {

/// Of x86-64 and of most others; where the system's are larger, this is advice to no avail.
inline constexpr std::size_t huge_page = std::size_t{1} << 21;

/// Asks the system for huge pages in a range. Without them it is the same memory, and slower to be touched first.
inline void advise_huge_pages([[maybe_unused]] void* p, [[maybe_unused]] std::size_t bytes) noexcept {
#ifdef __linux__
    static_cast<void>(::madvise(p, bytes, MADV_HUGEPAGE));
#endif
}

/// Uninitialized memory. From a huge page on it begins at the boundary of one, and the system is asked for huge pages:
/// it then costs one fault where small pages cost 512. Errors: std::bad_alloc.
[[nodiscard]] inline void* allocate_large(std::size_t bytes) {
    if (bytes < huge_page) return ::operator new(bytes);
    void* const p = ::operator new(bytes, std::align_val_t(huge_page));
    advise_huge_pages(p, bytes);
    return p;
}
inline void free_large(void* p, std::size_t bytes) noexcept {
    if (bytes < huge_page)
        ::operator delete(p);
    else
        ::operator delete(p, std::align_val_t(huge_page));
}

}  // namespace tarc::detail
