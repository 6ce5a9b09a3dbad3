#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
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

    [[nodiscard]] bool has(std::string_view flag) const {
        for (const auto& f : flags)
            if (f == flag) return true;
        return false;
    }
    /// The last one given, or null.
    [[nodiscard]] const std::string* find(std::string_view setting) const {
        const std::string* found = nullptr;
        for (const auto& s : settings)
            if (s.first == setting) found = &s.second;
        return found;
    }
};

/// One option of a command.
struct option {
    std::string_view name;                       // "--to"
    std::string_view value;                      // what help calls its value, "OUT"; empty: it takes none
    std::string_view help;                       // one line or more
    std::vector<std::string_view> choices = {};  // of the value, where it is one of a few
    bool required = false;
    bool file = false;  // the value is a file's name
};

/// One command: all that parsing, help and completion know of it.
struct command {
    std::string_view name, operands, summary;
    std::size_t least, most;  // number of operands
    std::string_view help;    // what more there is to say than the summary
    std::vector<option> options;
    std::string_view examples;                   // lines that can be run as they are, where run.pt and best.pt are
    void (*run)(const arguments&);               // throws tarc::error where the file is bad
    std::vector<std::string_view> choices = {};  // of the operands, where they are no files

    [[nodiscard]] const option* find(std::string_view o) const {
        for (const option& each : options)
            if (each.name == o) return &each;
        return nullptr;
    }
};

/// In the order of the help.
[[nodiscard]] std::span<const command> commands();
/// Errors: usage_error, with the command that may be meant.
[[nodiscard]] const command& find_command(std::string_view name);
/// Errors: usage_error.
[[nodiscard]] arguments parse(const command& c, std::span<const std::string_view> words);

/// " -- did you mean …?", or nothing.
[[nodiscard]] std::string guess(std::string_view name, const std::vector<std::string>& candidates);

/// " OUT" of an option that takes a value.
[[nodiscard]] std::string argument_text(const option& o);
/// "tarc ls FILE [--json] [--crc]".
[[nodiscard]] std::string synopsis(const command& c);
/// What `tarc --help` prints, and `tarc COMMAND --help`.
[[nodiscard]] std::string help_text();
[[nodiscard]] std::string help_text(const command& c);

// Each prints to standard output and throws tarc::error where the file is bad.
void ls(const arguments& a);
void verify(const arguments& a);
void diff(const arguments& a);
void extract(const arguments& a);
void convert(const arguments& a);
void schema(const arguments& a);
void completion(const arguments& a);
void help(const arguments& a);

}  // namespace cli
