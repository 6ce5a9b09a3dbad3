#pragma once

#include <bit>  // std::bit_width
#include <cstddef>
#include <new>

#include <tarc/util/huge_pages.hpp>

namespace tarc::detail {

/// A row that grows at its end and whose elements never move: blocks, each twice as long as the one before.
template <class T>
class stable_row {
public:
    stable_row() = default;
    stable_row(const stable_row&) = delete;
    stable_row& operator=(const stable_row&) = delete;
    ~stable_row() {
        for (std::size_t i = size_; i-- > 0;) (*this)[i].~T();
        for (std::size_t b = 0; b < blocks_in(size_); ++b) free_large(blocks_[b], bytes_of(b));
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] T& operator[](std::size_t i) noexcept { return *place(i); }
    [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return *place(i); }
    /// A new element, value-initialized.
    [[nodiscard]] T& add() {
        const std::size_t b = blocks_in(size_ + 1) - 1;
        if (b == blocks_in(size_)) blocks_[b] = static_cast<T*>(allocate_large(bytes_of(b)));
        T* const made = ::new (static_cast<void*>(place(size_))) T();
        ++size_;
        return *made;
    }

    template <class Row, class E>
    class iterator_of {
    public:
        iterator_of(Row& row, std::size_t at) : row_(&row), at_(at) {}
        [[nodiscard]] E& operator*() const { return (*row_)[at_]; }
        iterator_of& operator++() {
            ++at_;
            return *this;
        }
        friend bool operator==(const iterator_of&, const iterator_of&) = default;

    private:
        Row* row_;
        std::size_t at_;
    };
    [[nodiscard]] auto begin() noexcept { return iterator_of<stable_row, T>(*this, 0); }
    [[nodiscard]] auto end() noexcept { return iterator_of<stable_row, T>(*this, size_); }
    [[nodiscard]] auto begin() const noexcept { return iterator_of<const stable_row, const T>(*this, 0); }
    [[nodiscard]] auto end() const noexcept { return iterator_of<const stable_row, const T>(*this, size_); }

private:
    static constexpr std::size_t first = 8;
    static constexpr std::size_t bytes_of(std::size_t block) { return (first << block) * sizeof(T); }
    /// Blocks that hold n elements.
    static constexpr std::size_t blocks_in(std::size_t n) {
        return n == 0 ? 0 : static_cast<std::size_t>(std::bit_width((n - 1) / first + 1));
    }
    [[nodiscard]] T* place(std::size_t i) const noexcept {
        const std::size_t block = blocks_in(i + 1) - 1;
        return blocks_[block] + (i - first * ((std::size_t{1} << block) - 1));
    }

    T* blocks_[48] = {};  // more than memory can hold
    std::size_t size_ = 0;
};

}  // namespace tarc::detail
