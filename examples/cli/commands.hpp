#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace cli {

/// Wrong usage: exit status 2.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What stands behind the name of the command. Options may stand anywhere before "--".
struct arguments {
    std::vector<std::string> operands;
    std::vector<std::string> flags;                             // "--json"
    std::vector<std::pair<std::string, std::string>> settings;  // "--map-location", "cpu"

    [[nodiscard]] bool has(const std::string& flag) const {
        for (const auto& f : flags)
            if (f == flag) return true;
        return false;
    }
    /// The last one given, or null.
    [[nodiscard]] const std::string* find(const std::string& setting) const {
        const std::string* found = nullptr;
        for (const auto& s : settings)
            if (s.first == setting) found = &s.second;
        return found;
    }
};

// Each prints to standard output and throws tarc::error where the file is bad.
void ls(const arguments& a);
void verify(const arguments& a);
void convert(const arguments& a);
void schema(const arguments& a);

}  // namespace cli
