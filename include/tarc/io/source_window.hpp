#pragma once

#include <algorithm>  // std::min
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/io/source.hpp>

namespace tarc::detail {

/// A range of a source, read in order through a small buffer: what is skipped is never read, however long it is.
/// Positions count from the beginning of the range. Errors: errc::truncated where the range ends too early, with the
/// range's name as the record.
class source_window {
public:
    /// `from` and `name` must outlive the window; the range must lie inside the source.
    source_window(source& from, std::uint64_t begin, std::uint64_t size, std::string_view name = {})
        : from_(from), begin_(begin), size_(size), name_(name) {}

    [[nodiscard]] std::uint64_t position() const noexcept { return at_; }
    [[nodiscard]] std::uint64_t left() const noexcept { return size_ - at_; }
    /// Where the position is in the source.
    [[nodiscard]] std::uint64_t offset() const noexcept { return begin_ + at_; }
    [[nodiscard]] std::string_view name() const noexcept { return name_; }

    void skip(std::uint64_t n) {
        need(n);
        at_ += n;
    }
    template <class T>
    T number() {
        T value{};
        if (at_ - buffer_at_ >= held_ || held_ - (at_ - buffer_at_) < sizeof(T)) fill(sizeof(T));
        std::memcpy(&value, buffer_.data() + (at_ - buffer_at_), sizeof(T));
        at_ += sizeof(T);
        return value;
    }
    void skip_line() {
        while (number<char>() != '\n') {
        }
    }
    /// The bytes [from, from + n) of the range; the position stays.
    [[nodiscard]] std::vector<std::byte> bytes(std::uint64_t from, std::uint64_t n) const {
        std::vector<std::byte> out(n);
        from_.read(begin_ + from, out);
        return out;
    }

    [[noreturn]] void fail(errc code, std::string message) const { raise_at(code, std::move(message), name_, at_); }

private:
    void need(std::uint64_t n) const {
        if (n > left())
            fail(errc::truncated, "it ends early: " + std::to_string(n) + " bytes are announced here, " +
                                      std::to_string(left()) + " are left");
    }
    void fill(std::uint64_t n) {
        need(n);
        buffer_at_ = at_;
        held_ = std::min<std::uint64_t>(left(), buffer_.size());
        from_.read(offset(), std::span(buffer_).first(static_cast<std::size_t>(held_)));
    }

    source& from_;
    std::uint64_t begin_, size_, at_ = 0;
    std::string_view name_;
    std::uint64_t buffer_at_ = 0, held_ = 0;
    std::array<std::byte, 4096> buffer_;
};

}  // namespace tarc::detail
