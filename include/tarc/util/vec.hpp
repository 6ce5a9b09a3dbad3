#pragma once

#include <cstddef>
#include <cstdint>  // PTRDIFF_MAX
#include <cstring>  // std::memcpy, std::memset
#include <initializer_list>
#include <new>
#include <type_traits>

#include <tarc/util/huge_pages.hpp>

namespace tarc::detail {

/// What the internals need of std::vector, at a tenth of its cost to compile: its iterators are pointers, an element is
/// moved without a throw, and a member is compiled only where it is called. Public types have std::vector.
template <class T>
class vec {
public:
    using value_type = T;

    vec() = default;
    explicit vec(std::size_t n) { resize(n); }
    vec(std::size_t n, const T& value) { assign(n, value); }
    vec(const T* first, const T* last) { append(first, last); }
    vec(std::initializer_list<T> items) { append(items.begin(), items.end()); }
    vec(const vec& other) { append(other.begin(), other.end()); }
    vec(vec&& other) noexcept : items_(other.items_), size_(other.size_), capacity_(other.capacity_) { other.forget(); }
    vec& operator=(vec other) noexcept {
        swap(other);
        return *this;
    }
    ~vec() {
        clear();
        free_large(items_, capacity_ * sizeof(T));
    }

    [[nodiscard]] T* data() noexcept { return items_; }
    [[nodiscard]] const T* data() const noexcept { return items_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] T* begin() noexcept { return items_; }
    [[nodiscard]] T* end() noexcept { return items_ + size_; }
    [[nodiscard]] const T* begin() const noexcept { return items_; }
    [[nodiscard]] const T* end() const noexcept { return items_ + size_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return items_[i]; }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return items_[i]; }
    [[nodiscard]] T& front() noexcept { return *items_; }
    [[nodiscard]] const T& front() const noexcept { return *items_; }
    [[nodiscard]] T& back() noexcept { return items_[size_ - 1]; }
    [[nodiscard]] const T& back() const noexcept { return items_[size_ - 1]; }

    /// By value, so that an element of this one may be given.
    void push_back(T value) {
        if (size_ == capacity_) grow(capacity_ < 4 ? 4 : capacity_ * 2);
        ::new (static_cast<void*>(items_ + size_)) T(static_cast<T&&>(value));
        ++size_;
    }
    void pop_back() noexcept { items_[--size_].~T(); }
    void clear() noexcept { shrink(0); }
    void reserve(std::size_t n) {
        if (n > capacity_) grow(n);
    }
    /// New elements are value-initialized.
    void resize(std::size_t n) {
        if (n < size_) return shrink(n);
        make_room(n);
        if constexpr (std::is_trivially_default_constructible_v<T> && std::is_trivially_copyable_v<T>) {
            if (n != size_) std::memset(static_cast<void*>(items_ + size_), 0, (n - size_) * sizeof(T));
            size_ = n;
        } else {
            for (; size_ < n; ++size_) ::new (static_cast<void*>(items_ + size_)) T();
        }
    }
    void resize(std::size_t n, const T& value) {
        if (n < size_) return shrink(n);
        const T copy = value;
        make_room(n);
        while (size_ < n) push_back(copy);
    }
    void assign(std::size_t n, const T& value) {
        const T copy = value;
        clear();
        resize(n, copy);
    }
    /// The range is not of this one.
    void assign(const T* first, const T* last) {
        clear();
        append(first, last);
    }
    /// Room for n more elements, which are not initialized yet.
    [[nodiscard]] T* extend(std::size_t n)
        requires std::is_trivially_copyable_v<T>
    {
        make_room(size_ + n);
        T* const at = items_ + size_;
        size_ += n;
        return at;
    }
    void append(const T* first, const T* last) {
        make_room(size_ + static_cast<std::size_t>(last - first));
        if constexpr (std::is_trivially_copyable_v<T>) {
            if (first != last)
                std::memcpy(static_cast<void*>(items_ + size_), first,
                            static_cast<std::size_t>(last - first) * sizeof(T));
            size_ += static_cast<std::size_t>(last - first);
        } else {
            for (; first != last; ++first) push_back(*first);
        }
    }
    void swap(vec& other) noexcept {
        T* const items = items_;
        const std::size_t size = size_, capacity = capacity_;
        items_ = other.items_, size_ = other.size_, capacity_ = other.capacity_;
        other.items_ = items, other.size_ = size, other.capacity_ = capacity;
    }

private:
    void forget() noexcept {
        items_ = nullptr;
        size_ = capacity_ = 0;
    }
    void shrink(std::size_t n) noexcept {
        if constexpr (std::is_trivially_destructible_v<T>) {
            size_ = n;
        } else {
            while (size_ > n) pop_back();
        }
    }
    void make_room(std::size_t n) {
        if (n > capacity_) grow(n > capacity_ * 2 ? n : capacity_ * 2);
    }
    [[gnu::noinline]] void grow(std::size_t n) {
        static_assert(std::is_nothrow_move_constructible_v<T> && alignof(T) <= alignof(std::max_align_t));
        if (n > static_cast<std::size_t>(PTRDIFF_MAX) / sizeof(T)) throw std::bad_array_new_length();
        T* const more = static_cast<T*>(allocate_large(n * sizeof(T)));
        if constexpr (std::is_trivially_copyable_v<T>) {
            if (size_ != 0) std::memcpy(static_cast<void*>(more), items_, size_ * sizeof(T));
        } else {
            for (std::size_t i = 0; i < size_; ++i) {
                ::new (static_cast<void*>(more + i)) T(static_cast<T&&>(items_[i]));
                items_[i].~T();
            }
        }
        free_large(items_, capacity_ * sizeof(T));
        items_ = more;
        capacity_ = n;
    }

    T* items_ = nullptr;
    std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace tarc::detail
