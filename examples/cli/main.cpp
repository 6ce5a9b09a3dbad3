// The command line of tarc: what is inside a checkpoint, whether it is whole, what differs, and parts and other formats
// of it.

#include <unistd.h>

#include <csignal>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/config.hpp>
#include <tarc/error.hpp>

#include "commands.hpp"
#include "interrupt.hpp"
#include "output.hpp"

namespace {

void print(std::string text) {
    cli::output out;
    out.text = std::move(text);
    out.flush();
}

/// A line on standard error, whatever is in the text. The system's word on this write would have no place to go.
int fail(std::string_view text, int status) {
    std::string line = "tarc: error: ";
    cli::append_plain(line, text, 2000);
    line += '\n';
    static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
    return status;
}

bool asks_for_help(std::span<const std::string_view> words) {
    for (const std::string_view word : words) {
        if (word == "--") return false;
        if (word == "--help" || word == "-h") return true;
    }
    return false;
}

int run(std::span<const std::string_view> words) {
    if (words.empty()) {
        const std::string text = cli::help_text();
        static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
        return 2;
    }
    if (words[0] == "--help" || words[0] == "-h") return print(cli::help_text()), 0;
    if (words[0] == "--version")
        return print("tarc " + std::to_string(tarc::version_major) + "." + std::to_string(tarc::version_minor) + "." +
                     std::to_string(tarc::version_patch) + "\n"),
               0;
    const cli::command& c = cli::find_command(words[0]);
    words = words.subspan(1);
    if (asks_for_help(words)) return print(cli::help_text(c)), 0;
    c.run(cli::parse(c, words));
    return 0;
}

}  // namespace

int main(int count, char** values) {
    // A reader that has seen enough (`tarc ls FILE | head`) ends the program without a word, also where whoever started
    // it ignores that signal.
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGXFSZ, SIG_IGN);  // a write beyond the limit is an error, after which nothing is left behind
    try {
        const std::vector<std::string_view> words(values + (count > 0 ? 1 : 0), values + count);
        return run(words);
    } catch (const cli::usage_error& e) {
        return fail(e.what(), 2);
    } catch (const cli::interrupted& e) {
        return cli::end_by(e);
    } catch (const std::bad_alloc&) {
        return fail("there is not enough memory", 1);
    } catch (const std::exception& e) {
        return fail(e.what(), 1);
    }
}
