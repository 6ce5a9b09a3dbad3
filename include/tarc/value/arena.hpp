#pragma once

#include <algorithm>  // std::max
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <new>
#include <string_view>
#include <type_traits>

#include <tarc/util/huge_pages.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Memory for the nodes of one tree: allocated in growing blocks, freed all at once, so that no destructor walks input.
/// Holds trivially destructible objects only. Not thread-safe.
class arena {
public:
    arena() = default;
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;
    ~arena() {
        for (const block& b : blocks_) free_large(b.begin, b.size);
    }

    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment = alignof(std::max_align_t)) {
        std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
        if (blocks_.empty() || at > size_ || bytes > size_ - at) {
            grow(bytes);
            at = 0;
        }
        used_ = at + bytes;
        return static_cast<std::byte*>(blocks_.back().begin) + at;
    }

    template <class T, class... A>
    [[nodiscard]] T* make(A&&... a) {
        static_assert(std::is_trivially_destructible_v<T>);
        return ::new (allocate(sizeof(T), alignof(T))) T{static_cast<A&&>(a)...};
    }

    template <class T>
    [[nodiscard]] T* array(std::size_t n) {
        static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
        if (n > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
        return static_cast<T*>(allocate(n * sizeof(T), alignof(T)));
    }

    [[nodiscard]] std::string_view copy(std::string_view text) {
        if (text.empty()) return {};
        char* p = array<char>(text.size());
        std::memcpy(p, text.data(), text.size());
        return {p, text.size()};
    }

    /// Bytes held, for limits and tests.
    [[nodiscard]] std::size_t capacity() const noexcept { return total_; }

private:
    struct block {
        void* begin = nullptr;
        std::size_t size = 0;
    };
    void grow(std::size_t least) {
        const std::size_t next = std::max(least, std::min(std::max(total_, std::size_t{512}), 2 * huge_page));
        blocks_.push_back({});
        try {
            blocks_.back() = {allocate_large(next), next};
        } catch (...) {
            blocks_.pop_back();
            throw;
        }
        size_ = next;
        used_ = 0;
        total_ += next;
    }

    vec<block> blocks_;
    std::size_t size_ = 0, used_ = 0, total_ = 0;
};

/// A growing array in an arena: what it outgrows stays behind until the arena goes.
template <class T>
struct arena_vector {
    T* items = nullptr;
    std::size_t size = 0, capacity = 0;

    void push_back(arena& a, T item) {
        if (size == capacity) {
            capacity = std::max<std::size_t>(4, capacity * 2);
            T* more = a.array<T>(capacity);
            if (size != 0) std::memcpy(static_cast<void*>(more), items, size * sizeof(T));
            items = more;
        }
        items[size++] = item;
    }
    void reserve(arena& a, std::size_t n) {
        if (n <= capacity) return;
        T* more = a.array<T>(n);
        if (size != 0) std::memcpy(static_cast<void*>(more), items, size * sizeof(T));
        items = more;
        capacity = n;
    }
    void append(arena& a, const T* more, std::size_t n) {
        if (n > capacity - size) reserve(a, size == 0 ? n : std::max(size + n, capacity * 2));
        if (n != 0) std::memcpy(static_cast<void*>(items + size), more, n * sizeof(T));
        size += n;
    }
    [[nodiscard]] T* begin() const { return items; }
    [[nodiscard]] T* end() const { return items + size; }
    [[nodiscard]] T& operator[](std::size_t i) const { return items[i]; }
};

}  // namespace tarc::detail
