#include "output.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>  // std::getenv

#include <tarc/archive/python_text.hpp>
#include <tarc/error.hpp>
#include <tarc/io/file.hpp>

namespace cli {

void output::flush() {
    std::string_view rest = text;
    if (rest.size() > room_)
        tarc::detail::raise(tarc::errc::limit_exceeded,
                            "the text of these values is out of all proportion to the file");
    room_ -= rest.size();
    while (!rest.empty()) {
        const ssize_t n = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) tarc::detail::raise_errno(errno, "write", "standard output");
        rest.remove_prefix(static_cast<std::size_t>(n));
    }
    text.clear();
}

bool is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }

bool wants_color() {
    const auto set = [](const char* name) {
        const char* value = std::getenv(name);
        return value != nullptr && *value != '\0';
    };
    const char* terminal = std::getenv("TERM");
    return !set("NO_COLOR") && is_terminal() && terminal != nullptr && std::string_view(terminal) != "dumb";
}

void append_plain(std::string& out, std::string_view text, std::size_t most) {
    for (std::size_t i = 0; i < text.size(); --most) {
        if (most == 0) {
            out += "…";
            return;
        }
        const std::size_t start = i;
        const std::uint32_t c = tarc::detail::next_code_point(text, i);
        if (tarc::detail::is_printable(c)) {
            out.append(text, start, i - start);
        } else if (c == '\n') {
            out += "\\n";
        } else {
            out += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
            tarc::detail::append_hex(out, c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
        }
    }
}

std::string size_text(std::uint64_t bytes) {
    if (bytes < 1000) return std::to_string(bytes) + " B";
    constexpr std::array units = {" kB", " MB", " GB", " TB", " PB", " EB"};
    std::size_t unit = 0;
    std::uint64_t tenth = 100;  // of the unit, in bytes
    for (; bytes / tenth >= 10000; tenth *= 1000) ++unit;
    const std::uint64_t tenths = bytes / tenth + (bytes % tenth >= tenth / 2 ? 1 : 0);
    std::string text = std::to_string(tenths / 10);
    if (tenths < 1000) text.append(".").append(std::to_string(tenths % 10));
    return text + units[unit];
}

std::string count_text(std::uint64_t n, std::string_view noun) {
    return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

}  // namespace cli
