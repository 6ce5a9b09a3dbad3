#pragma once

#include <bit>  // std::bit_cast
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memchr, std::memcpy
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tarc/container/pickle_context.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// The bytes of a pickle, taken in order and never past the end.
class pickle_cursor {
public:
    pickle_cursor(pickle_context& context, std::span<const std::byte> bytes)
        : c_(context), in_(reinterpret_cast<const char*>(bytes.data()), bytes.size()) {}

    [[nodiscard]] std::size_t position() const { return pos_; }
    [[nodiscard]] std::size_t left() const { return in_.size() - pos_; }
    /// All from here to the end.
    [[nodiscard]] std::string_view rest() const { return in_.substr(pos_); }
    void seek(std::size_t position) { pos_ = position; }

    std::string_view take(std::uint64_t n) {
        if (n > left()) ends_early(n);
        const std::string_view r = in_.substr(pos_, static_cast<std::size_t>(n));
        pos_ += static_cast<std::size_t>(n);
        return r;
    }
    template <class T>
    T number() {
        T value{};
        std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
        return value;
    }
    /// A signed length of four bytes.
    std::uint64_t length4(const char* what) {
        const auto n = number<std::int32_t>();
        if (n < 0) c_.fail(std::string(what) + " has a negative length");
        return static_cast<std::uint64_t>(n);
    }
    /// Up to the newline, which is consumed and not part of it.
    std::string_view line() {
        const char* const from = in_.data() + pos_;
        const void* const end = left() == 0 ? nullptr : std::memchr(from, '\n', left());
        if (end == nullptr) c_.fail("the pickle ends early, within a line of text");
        const std::string_view r = take(static_cast<std::uint64_t>(static_cast<const char*>(end) - from));
        ++pos_;
        return r;
    }

private:
    [[noreturn]] void ends_early(std::uint64_t n) const {
        c_.fail("the pickle ends early: " + std::to_string(n) + " bytes are announced, " + std::to_string(left()) +
                " are left");
    }

    pickle_context& c_;
    std::string_view in_;
    std::size_t pos_ = 0;
};

/// The stack of values with its marks. Nothing is taken from below the last mark.
class pickle_stack {
public:
    explicit pickle_stack(pickle_context& context) : c_(context) {}

    [[nodiscard]] std::size_t size() const { return stack_.size(); }
    [[nodiscard]] bool marked() const { return !marks_.empty(); }

    [[nodiscard]] bool is_on_top(const node* n) const { return !stack_.empty() && stack_.back() == n; }

    void push(node* n) { stack_.push_back(n); }
    node* pop() {
        need(1);
        node* n = stack_.back();
        stack_.pop_back();
        return n;
    }
    node*& top() {
        need(1);
        return stack_.back();
    }
    /// The topmost n values; valid until the next push.
    std::span<node* const> pop(std::size_t n) {
        need(n);
        return pop_from(stack_.size() - n);
    }
    void mark() { marks_.push_back(stack_.size()); }
    /// The values above the last mark, which is taken away; valid until the next pop of several.
    std::span<node* const> pop_mark() {
        if (marks_.empty()) c_.fail("the pickle has an instruction that needs a MARK, and no MARK");
        const std::size_t from = marks_.back();
        marks_.pop_back();
        return pop_from(from);
    }
    /// Takes away the last mark if nothing stands above it.
    bool drop_mark() {
        if (marks_.empty() || marks_.back() != stack_.size()) return false;
        marks_.pop_back();
        return true;
    }

private:
    void need(std::size_t n) {
        if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < n)
            c_.fail("the pickle takes a value from an empty stack");
    }
    std::span<node* const> pop_from(std::size_t from) {
        popped_.assign(stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
        stack_.resize(from);
        return popped_;
    }

    pickle_context& c_;
    vec<node*> stack_, popped_;
    vec<std::size_t> marks_;
};

/// The numbered values that a pickle refers back to. Memory goes by how many there are, not by their numbers. A number
/// may be deferred: what it stands for is made when it is asked for, by the instructions at a place.
class pickle_recall {
public:
    explicit pickle_recall(pickle_context& context) : c_(context) {}

    void put(std::uint64_t index, node* n) { *slot_for(index) = std::bit_cast<std::uintptr_t>(n); }
    void defer(std::uint64_t index, std::size_t at) { *slot_for(index) = static_cast<std::uintptr_t>(at) << 1 | 1; }

    /// How many numbers stand for a value, which is the number of MEMOIZE (Lib/pickle.py `load_memoize`).
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] bool holds(std::uint64_t index) const { return find(index) != 0; }
    /// Whether a number stands for nothing yet, and comes where the next ones do.
    [[nodiscard]] bool is_free(std::uint64_t index) const {
        return find(index) == 0 && (index < near_.size() || comes_next(index));
    }
    /// The value of a number; null where it has none, or is deferred.
    [[nodiscard]] node* peek(std::uint64_t index) const {
        const std::uintptr_t s = find(index);
        return (s & 1) != 0 ? nullptr : std::bit_cast<node*>(s);
    }
    /// Where what makes a deferred one stands.
    [[nodiscard]] std::optional<std::size_t> deferred(std::uint64_t index) const {
        const std::uintptr_t s = find(index);
        return (s & 1) != 0 ? std::optional<std::size_t>(s >> 1) : std::nullopt;
    }
    /// Above every deferred number.
    [[nodiscard]] std::uint64_t end() const { return near_.size(); }
    node* get(std::uint64_t index) {
        node* const n = peek(index);
        if (n == nullptr) c_.fail("the pickle refers to memo " + std::to_string(index) + ", which was never set");
        return n;
    }
    /// A number in a text instruction.
    std::uint64_t index(std::string_view text) {
        std::uint64_t value = 0;
        if (text.empty() || text.size() > 18) c_.fail("a memo index is not a number");
        for (const char d : text) {
            if (d < '0' || d > '9') c_.fail("a memo index is not a number");
            value = value * 10 + static_cast<std::uint64_t>(d - '0');
        }
        return value;
    }

private:
    [[nodiscard]] std::uintptr_t find(std::uint64_t index) const {
        if (index < near_.size() && near_[static_cast<std::size_t>(index)] != 0)
            return near_[static_cast<std::size_t>(index)];
        const std::uintptr_t* const s = far_.find(index);
        return s == nullptr ? 0 : *s;
    }
    /// Numbers come in order, but some writers leave gaps.
    [[nodiscard]] bool comes_next(std::uint64_t index) const { return index <= count_ * 2 + 64; }
    std::uintptr_t* slot_for(std::uint64_t index) {
        if (!holds(index)) ++count_;
        std::uintptr_t* s = nullptr;
        if (index < near_.size()) {
            s = &near_[static_cast<std::size_t>(index)];
        } else if (comes_next(index)) {
            near_.resize(static_cast<std::size_t>(index) + 1);
            s = &near_.back();
        } else {
            s = &far_[index];
        }
        return s;
    }

    pickle_context& c_;
    vec<std::uintptr_t> near_;  // a node; where a deferred one stands, shifted to be odd; or 0
    numbered_map<std::uint64_t, std::uintptr_t> far_;
    std::uint64_t count_ = 0;
};

}  // namespace tarc::detail
