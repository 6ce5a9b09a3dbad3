#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tarc::detail {

/// Whether a pattern covers a path: it matches the whole of it, or the part before a "/" or ".", so that "fc1" covers
/// "fc1.weight". In it "*" stands for any text, also none, and "?" for one character. Linear in both for each "*".
[[nodiscard]] inline bool glob_covers(std::string_view pattern, std::string_view path) {
    constexpr std::size_t none = std::string_view::npos;
    std::size_t p = 0, s = 0, star = none, retry = 0;
    for (;;) {
        if (p == pattern.size() && (s == path.size() || path[s] == '/' || path[s] == '.')) return true;
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = s;
        } else if (p < pattern.size() && s < path.size() && (pattern[p] == '?' || pattern[p] == path[s])) {
            ++p;
            ++s;
        } else if (star != none && retry < path.size()) {
            p = star + 1;
            s = ++retry;
        } else {
            return false;
        }
    }
}

/// Which paths a load takes part with (load_options::select and skip).
class path_filter {
public:
    path_filter(const std::vector<std::string>& select, const std::vector<std::string>& skip)
        : select_(select), skip_(skip) {}

    [[nodiscard]] bool active() const noexcept { return !select_.empty() || !skip_.empty(); }
    [[nodiscard]] bool takes(std::string_view path) const {
        return (select_.empty() || any(select_, path)) && !any(skip_, path);
    }
    /// The same for a list, map or set, which is taken whole: "sizes/*" speaks of it too.
    [[nodiscard]] bool takes_container(std::string_view path) const {
        if (!active()) return true;
        const std::string inside = std::string(path) + "/";
        return (select_.empty() || any(select_, path) || any(select_, inside)) && !any(skip_, path) &&
               !any(skip_, inside);
    }

private:
    static bool any(const std::vector<std::string>& patterns, std::string_view path) {
        for (const std::string& p : patterns)
            if (glob_covers(p, path)) return true;
        return false;
    }

    const std::vector<std::string>& select_;
    const std::vector<std::string>& skip_;
};

}  // namespace tarc::detail
