#pragma once

#if __cplusplus < 202002L && !(defined(_MSVC_LANG) && _MSVC_LANG >= 202002L)
#error "tarc: needs C++20 -- compile with -std=c++20"
#endif

#include <bit>  // std::endian

namespace tarc {

/// The version of this library. The build system reads these three lines.
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

static_assert(std::endian::native == std::endian::little,
              "tarc: only little-endian hosts are supported -- big-endian *files* are read on any host");
static_assert(sizeof(void*) == 8, "tarc: needs a 64-bit target");

}  // namespace tarc
