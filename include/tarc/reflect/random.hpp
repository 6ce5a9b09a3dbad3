#pragma once

#include <iosfwd>  // std::basic_stringstream
#include <string>
#include <string_view>
#include <type_traits>

namespace tarc::detail {

/// A random engine's state in its stream form ([rand.req.eng]), in the classic locale: portable between standard libraries
/// for the engines whose textual form the standard fixes. Only who has an engine needs <sstream>, so it is not included
/// here; reflect/check.hpp asks for it where it is missing.
template <class T>
struct random_text {
    using character = std::conditional_t<std::is_void_v<T>, wchar_t, char>;
    using stream = std::basic_stringstream<character>;

    static std::string write(const T& engine) {
        stream out;
        out.imbue(decltype(out.getloc())::classic());
        out << engine;
        return out.str();
    }
    static bool read(T& engine, std::string_view text) {
        stream in{std::string(text)};
        in.imbue(decltype(in.getloc())::classic());
        T fresh;
        if (!(in >> fresh)) return false;
        in >> std::ws;
        if (!in.eof()) return false;
        engine = fresh;
        return true;
    }
};

}  // namespace tarc::detail
