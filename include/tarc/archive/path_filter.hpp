#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/util/vec.hpp>

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

/// Whether a pattern may cover something below a path.
[[nodiscard]] inline bool glob_reaches(std::string_view pattern, std::string_view path) {
    std::string above(path);
    if (!above.empty()) above += '/';
    vec<bool> at(pattern.size() + 1), next(pattern.size() + 1);  // where in the pattern its match may be
    const auto open_stars = [&] {
        for (std::size_t p = 0; p < pattern.size(); ++p)
            if (at[p] && pattern[p] == '*') at[p + 1] = true;
    };
    at[0] = true;
    open_stars();
    for (const char c : above) {
        next.assign(pattern.size() + 1, false);
        for (std::size_t p = 0; p < pattern.size(); ++p) {
            if (!at[p]) continue;
            if (pattern[p] == '*') next[p] = true;
            // The steps of a state_dict are parted by dots.
            else if (pattern[p] == '?' || pattern[p] == c || (c == '/' && pattern[p] == '.'))
                next[p + 1] = true;
        }
        std::swap(at, next);
        open_stars();
    }
    for (std::size_t p = 0; p < pattern.size(); ++p)
        if (at[p]) return true;
    return false;
}

/// Which paths a load takes part with (load_options::select and skip).
class path_filter {
public:
    path_filter(const std::vector<std::string>& select, const std::vector<std::string>& skip)
        : select_(select), skip_(skip), used_(select.size()) {}

    [[nodiscard]] bool active() const noexcept { return !select_.empty() || !skip_.empty(); }
    [[nodiscard]] bool takes(std::string_view path) const { return selects(path) && !skips(path); }
    /// The same for what is taken whole, such as a list: a glob over what stands in it speaks of it too.
    [[nodiscard]] bool takes_container(std::string_view path) const {
        if (!active()) return true;
        bool found = selects(path);
        for (std::size_t i = 0; i < select_.size(); ++i) {
            if (!glob_reaches(select_[i], path)) continue;
            used_[i] = true;
            found = true;
        }
        return found && !skips(path) && !skips(std::string(path) + "/");
    }
    /// Whether something at the path or below it may take part.
    [[nodiscard]] bool reaches(std::string_view path) const {
        if (skips(path)) return false;
        if (selects(path)) return true;
        for (const std::string& p : select_)
            if (glob_reaches(p, path)) return true;
        return false;
    }
    [[nodiscard]] bool selects(std::string_view path) const {
        bool found = select_.empty();
        for (std::size_t i = 0; i < select_.size(); ++i) {
            if (!glob_covers(select_[i], path)) continue;
            used_[i] = true;
            found = true;
        }
        return found;
    }
    [[nodiscard]] bool skips(std::string_view path) const {
        for (const std::string& p : skip_)
            if (glob_covers(p, path)) return true;
        return false;
    }
    /// Calls `f` for each glob of select that has covered nothing.
    template <class F>
    void for_each_unused(F&& f) const {
        for (std::size_t i = 0; i < select_.size(); ++i)
            if (!used_[i]) f(select_[i]);
    }

private:
    const std::vector<std::string>& select_;
    const std::vector<std::string>& skip_;
    mutable vec<bool> used_;
};

}  // namespace tarc::detail
