#pragma once

#include <istream>
#include <locale>
#include <ostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <utility>  // std::move

namespace tarc::detail {

/// A text as a stream buffer, without <sstream>, which costs three times as much to compile.
struct text_buffer final : std::streambuf {
    text_buffer() = default;
    explicit text_buffer(std::string in) : text(std::move(in)) {
        setg(text.data(), text.data(), text.data() + text.size());
    }

    std::string text;

protected:
    int_type overflow(int_type c) override {
        if (!traits_type::eq_int_type(c, traits_type::eof())) text.push_back(traits_type::to_char_type(c));
        return traits_type::not_eof(c);
    }
};

/// A random engine's state in its stream form ([rand.req.eng]), in the classic locale: portable between standard
/// libraries for the engines whose textual form the standard fixes.
template <class T>
struct random_text {
    static std::string write(const T& engine) {
        text_buffer buffer;
        std::ostream out(&buffer);
        out.imbue(std::locale::classic());
        out << engine;
        return std::move(buffer.text);
    }
    static bool read(T& engine, std::string_view text) {
        text_buffer buffer{std::string(text)};
        std::istream in(&buffer);
        in.imbue(std::locale::classic());
        T fresh;
        if (!(in >> fresh)) return false;
        if (char more = 0; in >> more) return false;
        engine = fresh;
        return true;
    }
};

}  // namespace tarc::detail
