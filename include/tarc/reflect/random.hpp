#pragma once

#include <sstream>
#include <string>
#include <string_view>

#include <tarc/reflect/leaves.hpp>

namespace tarc::detail {

/// A random engine's state in its stream form ([rand.req.eng]), in the classic locale: portable between standard libraries
/// for the engines whose textual form the standard fixes.
template <class T>
struct random_text {
    static std::string write(const T& engine) {
        std::ostringstream out;
        out.imbue(std::locale::classic());
        out << engine;
        return out.str();
    }
    static bool read(T& engine, std::string_view text) {
        std::istringstream in{std::string(text)};
        in.imbue(std::locale::classic());
        T fresh;
        if (!(in >> fresh)) return false;
        in >> std::ws;
        if (!in.eof()) return false;
        engine = fresh;
        return true;
    }
};

}  // namespace tarc::detail
