// The command line of tarc: what is inside a checkpoint, whether it is whole, and PyTorch's files as tarc's.

#include <unistd.h>

#include <exception>
#include <iterator>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/config.hpp>
#include <tarc/error.hpp>

#include "commands.hpp"
#include "output.hpp"

namespace {

struct command {
    std::string_view name, synopsis, help;
    std::size_t operands;
    std::vector<std::string_view> flags, settings;
    void (*run)(const cli::arguments&);  // null: not built yet
};

const command commands[] = {
    {"ls",
     "tarc ls FILE [--json] [--crc]",
     "Lists what is inside: every tensor and every value, in the order of the file. Reads no tensor bytes.\n"
     "\n"
     "  --json   as JSON: {\"entries\": [...]}\n"
     "  --crc    reads the tensors, verifies the bytes, and adds the CRC-32 of each tensor's elements in row-major "
     "order\n",
     1,
     {"--json", "--crc"},
     {},
     cli::ls},
    {"verify",
     "tarc verify FILE",
     "Checks every checksum, every header, and that every tensor lies inside its storage.\n",
     1,
     {},
     {},
     cli::verify},
    {"convert",
     "tarc convert IN OUT [--map-location L]",
     "Writes a checkpoint as tarc's archive, which PyTorch opens with weights_only=True. OUT appears in one step or "
     "not at\n"
     "all; it may be IN.\n"
     "\n"
     "  --map-location L   replaces the location of every tensor, such as \"cpu\" or \"cuda:0\"; else they are kept\n",
     2,
     {},
     {"--map-location", "--codec", "--to"},
     cli::convert},
    {"schema",
     "tarc schema FILE [--cpp NAME] [-o OUT]",
     "Prints the schema text of a file: one line for each tensor and value, \"path: type\".\n"
     "\n"
     "  --cpp NAME   a C++ header instead: structs that load the file (NAME_file), their frozen schema, and the file "
     "as a\n"
     "               constant NAME, for static_assert(tarc::loads<my_model>(NAME))\n"
     "  -o OUT       into a file, which appears in one step or not at all\n"
     "\n"
     "  $ tarc schema resnet18.pt --cpp resnet18 -o resnet18.schema.hpp\n"
     "\n"
     "  #include <tarc/tarc.hpp>\n"
     "  #include \"resnet18.schema.hpp\"\n"
     "  resnet18_file f = tarc::load<resnet18_file>(\"resnet18.pt\", \"cpu\");\n",
     1,
     {},
     {"--cpp", "-o"},
     cli::schema},
    {"diff", "tarc diff A B", "", 2, {}, {}, nullptr},
    {"extract", "tarc extract FILE PATH... -o OUT", "", 2, {}, {}, nullptr},
};

std::string usage() {
    std::string text = "usage:\n";
    for (const command& c : commands)
        if (c.run != nullptr) text.append("  ").append(c.synopsis).append("\n");
    return text + "  tarc COMMAND --help, tarc --version\n";
}

bool holds(const std::vector<std::string_view>& list, std::string_view s) {
    for (const std::string_view item : list)
        if (item == s) return true;
    return false;
}

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

cli::arguments parse(const command& c, std::span<const std::string_view> words) {
    cli::arguments a;
    bool options = true;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (!options || word.size() < 2 || word[0] != '-') {
            a.operands.emplace_back(word);
        } else if (word == "--") {
            options = false;
        } else if (holds(c.flags, word)) {
            a.flags.emplace_back(word);
        } else {
            const std::size_t equals = word.find('=');
            const std::string_view name = word.substr(0, equals);
            if (!holds(c.settings, name))
                throw cli::usage_error("tarc " + std::string(c.name) + " has no option " + std::string(name));
            if (equals == word.npos && i + 1 == words.size())
                throw cli::usage_error(std::string(name) + " needs a value");
            a.settings.emplace_back(name, equals == word.npos ? words[++i] : word.substr(equals + 1));
        }
    }
    if (a.operands.size() != c.operands) throw cli::usage_error("usage: " + std::string(c.synopsis));
    return a;
}

int run(std::span<const std::string_view> words) {
    if (words.empty()) {
        const std::string text = usage();
        static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
        return 2;
    }
    if (words[0] == "--help" || words[0] == "-h") return print(usage()), 0;
    if (words[0] == "--version")
        return print("tarc " + std::to_string(tarc::version_major) + "." + std::to_string(tarc::version_minor) + "." +
                     std::to_string(tarc::version_patch) + "\n"),
               0;
    for (const command& c : commands) {
        if (c.name != words[0]) continue;
        if (c.run == nullptr)
            throw cli::usage_error("tarc " + std::string(c.name) + " is not built yet in this version");
        words = words.subspan(1);
        for (const std::string_view word : words) {
            if (word == "--") break;
            if (word == "--help" || word == "-h")
                return print("usage: " + std::string(c.synopsis) + "\n\n" + std::string(c.help)), 0;
        }
        c.run(parse(c, words));
        return 0;
    }
    throw cli::usage_error("there is no command \"" + std::string(words[0]) + "\" -- tarc --help lists them");
}

}  // namespace

int main(int count, char** values) {
    try {
        const std::vector<std::string_view> words(values + (count > 0 ? 1 : 0), values + count);
        return run(words);
    } catch (const cli::usage_error& e) {
        return fail(e.what(), 2);
    } catch (const std::bad_alloc&) {
        return fail("there is not enough memory", 1);
    } catch (const std::exception& e) {
        return fail(e.what(), 1);
    }
}
