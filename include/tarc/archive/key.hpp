#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <tarc/tensor/dtype.hpp>

namespace tarc {

/// One step of a path through an archive: a dict's string key, an index or integer key, or a key that is True or False.
/// Other keys of Python (None, floats, tuples, …) appear as their repr() text.
class key {
public:
    template <class S>
        requires std::convertible_to<const S&, std::string_view>
    key(const S& name) : value_(std::string(std::string_view(name))) {}
    template <detail::plain_integer I>
    key(I index) {
        if (std::in_range<std::int64_t>(index))
            value_ = static_cast<std::int64_t>(index);
        else
            value_ = large{std::to_string(index)};
    }
    template <std::same_as<bool> B>
    key(B flag) : value_(flag) {}
    /// An integer outside int64.
    [[nodiscard]] static key large_integer(std::string digits) {
        key k(std::int64_t{0});
        k.value_ = large{std::move(digits)};
        return k;
    }

    [[nodiscard]] bool is_name() const noexcept { return value_.index() == 0; }
    [[nodiscard]] bool is_index() const noexcept { return value_.index() == 1; }
    [[nodiscard]] bool is_bool() const noexcept { return value_.index() == 2; }
    [[nodiscard]] bool is_large_integer() const noexcept { return value_.index() == 3; }
    /// The name; empty for any other key.
    [[nodiscard]] std::string_view name() const noexcept {
        const auto* s = std::get_if<0>(&value_);
        return s == nullptr ? std::string_view{} : std::string_view(*s);
    }
    /// The index; 0 for any other key.
    [[nodiscard]] std::int64_t index() const noexcept {
        const auto* i = std::get_if<1>(&value_);
        return i == nullptr ? 0 : *i;
    }
    /// As Python prints it, a name without quotes.
    [[nodiscard]] std::string text() const {
        if (is_name()) return std::get<0>(value_);
        if (is_large_integer()) return std::get<3>(value_).digits;
        if (is_bool()) return std::get<2>(value_) ? "True" : "False";
        return std::to_string(index());
    }

    friend bool operator==(const key&, const key&) = default;

private:
    struct large {
        std::string digits;
        friend bool operator==(const large&, const large&) = default;
    };
    std::variant<std::string, std::int64_t, bool, large> value_;
};

namespace detail {

[[nodiscard]] inline std::string path_text(std::span<const key> path) {
    std::string text;
    for (const key& k : path) {
        if (!text.empty()) text += '/';
        text += k.text();
    }
    return text;
}

}  // namespace detail
}  // namespace tarc
