#pragma once

#include <algorithm>  // std::copy_n
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include <tarc/reflect/schema.hpp>
#include <tarc/reflect/verdict.hpp>
#include <tarc/util/constant_text.hpp>

namespace tarc {

namespace detail {

/// The argument of frozen: a schema text, or a digest.
template <std::size_t N>
struct frozen_argument {
    char chars[N + 1] = {};
    std::uint64_t digest = 0;
    bool is_text = true;

    constexpr frozen_argument(const char (&s)[N + 1]) { std::copy_n(s, N + 1, chars); }
    constexpr frozen_argument(unsigned long long d) : digest(d), is_text(false) {}
    [[nodiscard]] constexpr std::string_view text() const { return {chars, N}; }
};
template <std::size_t N>
frozen_argument(const char (&)[N]) -> frozen_argument<N - 1>;
frozen_argument(unsigned long long) -> frozen_argument<0>;

template <frozen_argument A>
struct frozen_schema {};

/// Where two texts differ first.
struct line_difference {
    std::size_t number = 0;  // from 1; 0: they are equal
    std::string_view before, now;
    bool before_ends = false, now_ends = false;  // one text has no such line

    [[nodiscard]] static constexpr std::string_view line_at(std::string_view text, std::size_t at) {
        std::size_t end = at;
        while (end < text.size() && text[end] != '\n') ++end;
        return text.substr(at, end - at);
    }
};

/// Both texts are read to the first character that differs, and the line around it is taken.
constexpr line_difference first_difference(std::string_view before, std::string_view now) {
    const char *a = before.data(), *b = now.data();
    const std::size_t n = before.size() < now.size() ? before.size() : now.size();
    std::size_t i = 0;
    while (i < n && a[i] == b[i]) ++i;
    if (i == n && before.size() == now.size()) return {};
    line_difference d;
    std::size_t begin = 0;
    d.number = 1;
    for (std::size_t k = 0; k < i; ++k) {
        if (a[k] != '\n') continue;
        begin = k + 1;
        ++d.number;
    }
    d.before_ends = begin == before.size();
    d.now_ends = begin == now.size();
    d.before = line_difference::line_at(before, begin);
    d.now = line_difference::line_at(now, begin);
    if (same_text(d.before, d.now)) {  // one text lacks the end of its last line
        d.before = before.substr(begin);
        d.now = now.substr(begin);
    }
    return d;
}

/// "0x8f…", as a program has it.
struct hex_text {
    char chars[19] = "0x0000000000000000";
    constexpr explicit hex_text(std::uint64_t d) { write_hex(chars + 2, d); }
    [[nodiscard]] constexpr std::string_view text() const { return {chars, 18}; }
};

// What a compiler prints of a frozen schema that is no longer the struct's: texts in pieces of 24 characters.

/// The number of a schema text's line, from 1.
template <std::size_t Number>
struct line {};
/// In the frozen schema.
template <fixed_string... Pieces>
struct was {};
/// In the schema of the struct.
template <fixed_string... Pieces>
struct is {};
struct frozen_text_ends {};
struct schema_ends {};

/// Instantiated only to say that T is no longer what was frozen.
template <class T, class...>
struct schema_changed {
    static_assert(sizeof(T*) == 0,
                  "tarc: the schema of this struct is no longer the frozen one, so that files of the old one would not "
                  "load -- undo the edit, or declare it in tarc::describe<T>, or raise tarc::version<T>, keep the old "
                  "struct in tarc::history<T> and write migrate(); then freeze the text that tarc::print_schema<T>() "
                  "prints");
    static constexpr bool said = true;
};
struct schema_is_frozen {
    static constexpr bool said = true;
};

}  // namespace detail

/// A schema as it was: `static_assert(tarc::schema_of<net> == tarc::frozen<"fc1.weight: float32[...]\n">)`, or its
/// digest, `tarc::frozen<0x8f...>`, which is cheaper and cannot say which line has changed. The comparison is true or
/// does not compile: the error shows the first line that differs. `print_schema<T>()` prints both forms.
template <detail::frozen_argument A>
inline constexpr detail::frozen_schema<A> frozen{};

namespace detail {

/// The texts of an error, as functions that a template takes.
template <class T, frozen_argument A>
struct changed_texts {
    static constexpr line_difference d = first_difference(A.text(), schema_of<T>.text());
    static constexpr hex_text was_digest{A.digest}, is_digest{schema_of<T>.digest()};
    static constexpr auto before = [] { return A.is_text ? d.before : was_digest.text(); };
    static constexpr auto now = [] { return A.is_text ? d.now : is_digest.text(); };

    static consteval auto was_type() {
        if constexpr (A.is_text && d.before_ends)
            return frozen_text_ends{};
        else
            return in_pieces<was, before>();
    }
    static consteval auto is_type() {
        if constexpr (A.is_text && d.now_ends)
            return schema_ends{};
        else
            return in_pieces<is, now>();
    }
};

template <class T, frozen_argument A>
consteval auto compare_frozen() {
    using texts = changed_texts<T, A>;
    if constexpr (!archivable<T>)
        return type_list<not_archivable<T>>{};
    else if constexpr (A.is_text ? same_text(A.text(), schema_of<T>.text()) : A.digest == schema_of<T>.digest())
        return type_list<schema_is_frozen>{};
    else if constexpr (A.is_text)
        return type_list<
            schema_changed<T, line<texts::d.number>, decltype(texts::was_type()), decltype(texts::is_type())>>{};
    else
        return type_list<schema_changed<T, decltype(texts::was_type()), decltype(texts::is_type())>>{};
}

/// The text as lines of string literals, each of the C++ source begins with `indent`.
[[nodiscard]] inline std::string literal_lines(std::string_view text, std::string_view indent) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at) == std::string_view::npos ? text.size() : text.find('\n', at) + 1;
        out.append(indent) += '"';
        for (const char c : text.substr(at, end - at)) {
            const auto u = static_cast<unsigned char>(c);
            if (c == '\n')
                out += "\\n";
            else if (c == '"' || c == '\\')
                out.append("\\") += c;
            else if (u < 0x20 || u == 0x7f)
                for (const int digit : {'\\' - '0', u >> 6, u >> 3 & 7, u & 7}) out += static_cast<char>('0' + digit);
            else
                out += c;
        }
        out += "\"\n";
        at = end;
    }
    return out.empty() ? std::string(indent) + "\"\"\n" : out;
}

inline void print_schema(std::string_view text, std::uint64_t digest) {
    const std::string lines = literal_lines(text, "    ");
    std::printf(
        "static_assert(tarc::schema_of<T> == tarc::frozen<\n%s>);\nstatic_assert(tarc::schema_of<T> == "
        "tarc::frozen<%s>);\n",
        lines.c_str(), hex_text(digest).chars);
}

}  // namespace detail

/// True where T's schema is the frozen one; anything else does not compile, with the one error that says what changed.
template <class T, detail::frozen_argument A, bool = detail::verdict<decltype(detail::compare_frozen<T, A>())>::said>
consteval bool operator==(schema<T>, detail::frozen_schema<A>) {
    return true;
}

/// Prints T's schema to stdout as the program text to paste, as text and as digest.
template <class T>
void print_schema() {
    detail::print_schema(schema_of<T>.text(), schema_of<T>.digest());
}

}  // namespace tarc
