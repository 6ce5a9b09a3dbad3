#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tarc::detail {

/// One more step of a path, for as long as it lives.
struct [[nodiscard]] path_scope {
    path_scope(std::string& p, std::string_view name, char separator) : path(p), before(p.size()) {
        if (!p.empty()) p += separator;
        p += name;
    }
    ~path_scope() { path.resize(before); }
    path_scope(const path_scope&) = delete;
    path_scope& operator=(const path_scope&) = delete;

    std::string& path;
    std::size_t before;
};

}  // namespace tarc::detail
