#pragma once

#include <cstddef>
#include <initializer_list>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/key_map.hpp>
#include <tarc/error.hpp>

/// Not part of tarc/tarc.hpp: <regex> costs as much to compile as half of tarc.
namespace tarc {

/// A pattern (ECMAScript, searched anywhere in the key; ^ and $ hold its ends) and what stands in its place, with $1,
/// $2 for its groups.
struct regex_row {
    std::string pattern;
    std::string replacement;
};

namespace detail {

/// Immutable; any number of threads may use one.
class regex_replacer {
public:
    explicit regex_replacer(std::initializer_list<regex_row> rows) {
        for (const regex_row& r : rows) {
            try {
                rows_.emplace_back(std::regex(r.pattern), r.replacement);
            } catch (const std::regex_error& e) {
                detail::raise(errc::invalid_argument, "key_regex: \"" + r.pattern + "\": " + e.what());
            }
        }
    }
    std::string operator()(std::string_view key) const {
        // std::regex takes stack for each character, and keys are a file's.
        if (key.size() > longest)
            detail::raise(errc::limit_exceeded, "key_regex: a key of the file has " + std::to_string(key.size()) +
                                                    " characters, more than " + std::to_string(longest));
        std::string out(key);
        try {
            for (const auto& [pattern, replacement] : rows_) out = std::regex_replace(out, pattern, replacement);
        } catch (const std::regex_error& e) {
            detail::raise(errc::limit_exceeded, "key_regex: \"" + std::string(key) + "\": " + e.what());
        }
        return out;
    }

private:
    static constexpr std::size_t longest = 2000;
    std::vector<std::pair<std::regex, std::string>> rows_;
};

}  // namespace detail

/// A key_map of regular expressions, applied one after the other to each of the file's keys:
/// `.keys = tarc::key_regex({{R"(^transformer\.h\.(\d+)\.)", "blocks.$1."}})`. With rows for the way back it serves
/// saves too. Errors: errc::invalid_argument for a pattern that is no regular expression; in a load
/// errc::limit_exceeded for a key of more than 2000 characters.
[[nodiscard]] inline key_map key_regex(std::initializer_list<regex_row> to_wanted,
                                       std::initializer_list<regex_row> to_archived = {}) {
    if (to_archived.size() == 0) return key_map(detail::regex_replacer(to_wanted));
    return {detail::regex_replacer(to_wanted), detail::regex_replacer(to_archived)};
}

}  // namespace tarc
