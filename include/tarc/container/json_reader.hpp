#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tarc/container/pickle_text.hpp>
#include <tarc/error.hpp>
#include <tarc/value/utf8.hpp>

namespace tarc::detail {

/// Reads JSON token by token, in the order that the caller expects: objects, arrays, strings and integers that are not
/// negative (RFC 8259). Strict, and holds nothing of what it has read. Errors: errc::bad_archive, with the offset.
class json_reader {
public:
    /// `origin` is where the text stands in its file.
    json_reader(std::string_view text, std::uint64_t origin) : text_(text), origin_(origin) {}

    [[noreturn]] void fail(const std::string& message) const {
        raise_at(errc::bad_archive, "the header is not what it should be: " + message, {}, origin_ + at_);
    }

    /// "{", "[" or ":".
    void expect(char c) {
        if (peek() != c) fail(std::string("there is no \"") + c + "\" here");
        ++at_;
    }
    /// Whether an object or array that was just opened ends at once.
    [[nodiscard]] bool empty(char close) {
        if (peek() != close) return false;
        ++at_;
        return true;
    }
    /// Whether another element follows, else the object or array ends.
    [[nodiscard]] bool more(char close) {
        const char c = peek();
        if (c != ',' && c != close) fail(std::string("there is neither \",\" nor \"") + close + "\" here");
        ++at_;
        return c == ',';
    }
    /// Valid until the next call.
    [[nodiscard]] std::string_view string() {
        expect('"');
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') character();
        std::string_view s = text_.substr(begin, at_ - begin);
        if (at_ < text_.size() && text_[at_] == '\\') {
            decoded_ = s;
            while (at_ < text_.size() && text_[at_] != '"') {
                if (text_[at_] == '\\')
                    escape();
                else
                    decoded_ += character();
            }
            s = decoded_;
        }
        if (at_ == text_.size()) fail("a text has no end");
        ++at_;
        if (!is_utf8(s)) fail("a text is not UTF-8");
        return s;
    }
    [[nodiscard]] std::uint64_t integer() {
        peek();
        std::uint64_t n = 0;
        const std::size_t begin = at_;
        for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
            if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text_[at_] - '0', &n))
                fail("a number does not fit 64 bits");
        if (at_ == begin) fail("there is no number here that is an integer and not negative");
        if (at_ - begin > 1 && text_[begin] == '0') fail("a number begins with 0");
        return n;
    }
    /// Nothing but white space may follow.
    void end() {
        skip();
        if (at_ != text_.size()) fail("there is something behind its end");
    }

private:
    void skip() {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
            ++at_;
    }
    char peek() {
        skip();
        if (at_ == text_.size()) fail("it ends too soon");
        return text_[at_];
    }
    char character() {
        if (static_cast<unsigned char>(text_[at_]) < 0x20) fail("there is a control character in a text");
        return text_[at_++];
    }
    void escape() {
        constexpr std::string_view letters = "\"\\/bfnrt", plain = "\"\\/\b\f\n\r\t";
        const char c = ++at_ < text_.size() ? text_[at_++] : '\0';
        if (c == 'u') return unicode();
        const std::size_t at = letters.find(c);
        if (at == std::string_view::npos) fail("there is an escape in a text that JSON does not have");
        decoded_ += plain[at];
    }
    void unicode() {
        std::uint32_t c = hex();
        if (c >= 0xd800 && c < 0xdc00 && text_.substr(at_).starts_with("\\u")) {
            at_ += 2;
            const std::uint32_t low = hex();
            if (low < 0xdc00 || low > 0xdfff) fail("there is half a character in a text");
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        } else if (c >= 0xd800 && c <= 0xdfff) {
            fail("there is half a character in a text");
        }
        append_utf8(decoded_, c);
    }
    std::uint32_t hex() {
        std::uint32_t n = 0;
        for (int i = 0; i < 4; ++i, ++at_) {
            constexpr std::string_view digits = "0123456789abcdef0123456789ABCDEF";
            const std::size_t d = at_ < text_.size() ? digits.find(text_[at_]) : std::string_view::npos;
            if (d == std::string_view::npos) fail("there is a \\u without four digits in a text");
            n = n * 16 + static_cast<std::uint32_t>(d % 16);
        }
        return n;
    }

    std::string_view text_;
    std::uint64_t origin_;
    std::size_t at_ = 0;
    std::string decoded_;
};

}  // namespace tarc::detail
