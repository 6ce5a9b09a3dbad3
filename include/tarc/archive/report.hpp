#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// In what file and struct differ.
enum class difference : std::uint8_t {
    kind,    ///< a str for a number, a list for a tensor
    dtype,   ///< of a tensor
    rank,    ///< of a tensor: the number of its dimensions
    extent,  ///< of one dimension of a tensor, or the length of a list that has a fixed one
    value,   ///< a number that its field cannot hold
};

/// One place where file and struct hold different things.
struct mismatched_key {
    std::string path;
    std::string archived;  ///< what the file has
    std::string expected;  ///< what the struct wants
    difference what = difference::kind;
};

/// One place where the load turns what the file has into what the struct wants, as its dtype_policy allows.
struct converted_key {
    std::string path;
    std::string archived;
    std::string expected;
};

/// What a load found when it held the file against the struct, complete before any tensor byte moves. Paths begin at
/// load_options::at and have its strip_prefix taken off: dict steps joined by "/", a module's keys dotted.
struct load_report {
    std::vector<std::string> missing_keys;     ///< wanted by the struct, absent in the file
    std::vector<std::string> unexpected_keys;  ///< in the file, wanted by no field
    std::vector<mismatched_key> mismatched;
    std::vector<std::string> unmatched;    ///< globs of load_options::select that cover nothing
    std::vector<converted_key> converted;  ///< they fit, by load_options::dtypes or `retyped`

    /// Of a type with a tarc::history: the version of the shape that the file was read as, and whether the file says so
    /// itself; PyTorch drops that when it saves a file again, and then the newest shape is taken that fits without a
    /// difference.
    std::int64_t version = 0;
    bool version_stated = false;
    /// It was an older one than the type's, and went through migrate().
    bool migrated = false;

    /// Everything fits. What was converted, and an older version that was migrated, are no differences; text() has
    /// them.
    [[nodiscard]] bool clean() const noexcept {
        return missing_keys.empty() && unexpected_keys.empty() && mismatched.empty() && unmatched.empty();
    }
    /// All of it as one readable text, with a guess at what a missing key is called in the file.
    [[nodiscard]] std::string text() const;
};

namespace detail {

/// Levenshtein distance, or `limit` + 1 when it is more. Looks only where it can be less: O(limit * size).
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    if ((a.size() > b.size() ? a.size() - b.size() : b.size() - a.size()) > limit) return limit + 1;
    vec<std::size_t> row(b.size() + 1, limit + 1);
    for (std::size_t j = 0; j <= b.size() && j <= limit; ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        const std::size_t first = i > limit ? i - limit : 1, last = std::min(b.size(), i + limit);
        std::size_t diagonal = row[first - 1];
        row[first - 1] = first == 1 ? i : limit + 1;
        std::size_t best = row[first - 1];
        for (std::size_t j = first; j <= last; ++j) {
            const std::size_t above = row[j];
            row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
            diagonal = above;
            best = std::min(best, row[j]);
        }
        if (best > limit) return limit + 1;
    }
    return std::min(row[b.size()], limit + 1);
}

/// The candidate nearest to `name`, or nothing when none is near enough to be meant. Looks at a bounded number of
/// pairs.
[[nodiscard]] inline std::string_view nearest(std::string_view name, const std::vector<std::string>& candidates) {
    std::string_view best;
    std::size_t least = std::min<std::size_t>(name.size() / 3 + 1, 8) + 1;
    for (std::size_t i = 0; i < candidates.size() && i < 2000 && name.size() < 512; ++i) {
        const std::size_t d = edit_distance(name, candidates[i], least - 1);
        if (d < least) {
            least = d;
            best = candidates[i];
        }
    }
    return best;
}

/// Whether all keys are those of a model inside torch.nn.DataParallel.
[[nodiscard]] inline bool all_wrapped(const std::vector<std::string>& keys) {
    for (const std::string& k : keys) {
        const std::size_t slash = k.rfind('/');
        if (!std::string_view(k).substr(slash == std::string::npos ? 0 : slash + 1).starts_with("module."))
            return false;
    }
    return !keys.empty();
}

/// What stands before every missing key, and a dot or slash, among the unexpected ones; nothing where there is no such.
[[nodiscard]] inline std::string_view place_of_all(const std::vector<std::string>& missing,
                                                   const std::vector<std::string>& unexpected) {
    if (missing.empty() || missing.size() > unexpected.size()) return {};
    const std::string_view first = missing.front();
    std::size_t tries = 8;
    for (const std::string& u : unexpected) {
        if (u.size() < first.size() + 2 || !u.ends_with(first)) continue;
        const std::string_view place = std::string_view(u).substr(0, u.size() - first.size() - 1);
        if (u[place.size()] != '.' && u[place.size()] != '/') continue;
        if (tries-- == 0) return {};
        text_set below;
        for (const std::string& each : unexpected)
            if (each.size() > place.size() && each.starts_with(place))
                below.add(std::string_view(each).substr(place.size() + 1));
        bool all = true;
        for (const std::string& m : missing) all = all && below.find(m) != text_set::none;
        if (all) return place;
    }
    return {};
}

}  // namespace detail

inline std::string load_report::text() const {
    constexpr std::size_t shown = 50;
    std::string out;
    const auto list = [&](std::size_t n, const char* title, auto&& line) {
        if (n == 0) return;
        out += std::string(title) + " (" + std::to_string(n) + "):\n";
        for (std::size_t i = 0; i < n && i < shown; ++i) out += "  " + line(i) + "\n";
        if (n > shown) out += "  … and " + std::to_string(n - shown) + " more\n";
    };
    list(mismatched.size(), "different in the file", [&](std::size_t i) {
        return mismatched[i].path + ": the file has " + mismatched[i].archived + ", the struct wants " +
               mismatched[i].expected;
    });
    list(missing_keys.size(), "missing in the file", [&](std::size_t i) {
        const std::string_view guess =
            missing_keys.size() <= shown ? detail::nearest(missing_keys[i], unexpected_keys) : std::string_view{};
        return missing_keys[i] + (guess.empty() ? "" : "   (did you mean \"" + std::string(guess) + "\"?)");
    });
    list(unexpected_keys.size(), "in the file, but wanted by no field",
         [&](std::size_t i) { return unexpected_keys[i]; });
    if (!missing_keys.empty() && detail::all_wrapped(unexpected_keys)) {
        out +=
            "every key in the file begins with \"module.\", as DataParallel writes it: load with {.strip_prefix = "
            "\"module.\"}\n";
    } else if (const std::string place(detail::place_of_all(missing_keys, unexpected_keys)); !place.empty()) {
        out += "all that is missing stands below \"" + place + "\" in the file: load with {.at = {\"" + place +
               "\"}} where that is a dict, with {.strip_prefix = \"" + place + ".\"} where it begins the keys\n";
    }
    bool dtypes = false;
    for (const mismatched_key& m : mismatched) dtypes |= m.what == difference::dtype;
    if (dtypes)
        out +=
            "other dtypes are taken with {.dtypes = tarc::dtype_policy::widen}, or cast, or tarc::retyped in "
            "tarc::describe\n";
    list(unmatched.size(), "selected, but neither in the file nor in the struct",
         [&](std::size_t i) { return "\"" + unmatched[i] + "\""; });
    list(converted.size(), "converted", [&](std::size_t i) {
        return converted[i].path + ": from " + converted[i].archived + " to " + converted[i].expected;
    });
    if (migrated)
        out += "read as version " + std::to_string(version) +
               (version_stated ? ", as the file says" : ", the newest that fits: the file does not say which it is") +
               ", and migrated\n";
    if (!out.empty()) out.pop_back();
    return out;
}

/// Thrown by a strict load whose report is not clean. Nothing was read or changed.
class mismatch_error : public error {
public:
    explicit mismatch_error(load_report r)
        : error(errc::mismatch, "the file does not fit the struct\n" + r.text() +
                                    "\nChange the struct, or load with {.strict = false} to take what fits; a "
                                    "tarc::rest member takes keys that no field wants"),
          report_(std::move(r)) {}
    [[nodiscard]] const load_report& report() const noexcept { return report_; }

private:
    load_report report_;
};

}  // namespace tarc
