#pragma once

#include <doctest/doctest.h>

#include <string_view>

#include <tarc/error.hpp>

namespace tarc_test {

/// The error that `f` throws.
template <class F>
tarc::error error_of(F&& f) {
    try {
        static_cast<F&&>(f)();
    } catch (const tarc::error& e) {
        return e;
    }
    FAIL("nothing was thrown");
    return {tarc::errc::io, ""};
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace tarc_test
