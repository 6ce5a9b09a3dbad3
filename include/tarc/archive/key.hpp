#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/tensor/dtype.hpp>

namespace tarc {

/// One step of a path through an archive: a dict's string key, an index or integer key, or a key that is True or False.
/// Other keys of Python (None, floats, tuples, …) appear as their repr() text.
class key {
public:
    template <class S>
        requires std::convertible_to<const S&, std::string_view>
    key(const S& name) : text_(std::string_view(name)) {}
    template <detail::plain_integer I>
    key(I index) : form_(form::index) {
        if (std::in_range<std::int64_t>(index)) {
            number_ = static_cast<std::int64_t>(index);
        } else {
            form_ = form::large;
            text_ = std::to_string(index);
        }
    }
    template <std::same_as<bool> B>
    key(B flag) : form_(form::flag), number_(flag) {}
    /// An integer outside int64.
    [[nodiscard]] static key large_integer(std::string digits) {
        key k(std::int64_t{0});
        k.form_ = form::large;
        k.text_ = std::move(digits);
        return k;
    }

    [[nodiscard]] bool is_name() const noexcept { return form_ == form::name; }
    [[nodiscard]] bool is_index() const noexcept { return form_ == form::index; }
    [[nodiscard]] bool is_bool() const noexcept { return form_ == form::flag; }
    [[nodiscard]] bool is_large_integer() const noexcept { return form_ == form::large; }
    /// The name; empty for any other key.
    [[nodiscard]] std::string_view name() const noexcept {
        return is_name() ? std::string_view(text_) : std::string_view();
    }
    /// The index; 0 for any other key.
    [[nodiscard]] std::int64_t index() const noexcept { return is_index() ? number_ : 0; }
    /// As Python prints it, a name without quotes.
    [[nodiscard]] std::string text() const {
        if (is_bool()) return number_ != 0 ? "True" : "False";
        return is_index() ? std::to_string(number_) : text_;
    }

    friend bool operator==(const key&, const key&) = default;

private:
    enum class form : std::uint8_t { name, index, flag, large };

    form form_ = form::name;
    std::int64_t number_ = 0;  // of an index; of a flag 0 or 1
    std::string text_;         // of a name; the digits of a large integer
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
