#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "commands.hpp"
#include "output.hpp"

namespace cli {
namespace {

/// Lines as they are, each behind blanks.
void append_indented(std::string& out, std::string_view lines, std::size_t blanks) {
    while (!lines.empty()) {
        const std::size_t n = std::min(lines.find('\n'), lines.size());
        if (n != 0) out.append(blanks, ' ').append(lines, 0, n);
        out += '\n';
        lines.remove_prefix(std::min(n + 1, lines.size()));
    }
}

/// Two columns; the lines of the second one stand below each other.
void append_columns(std::string& out, const std::vector<std::pair<std::string, std::string_view>>& rows) {
    std::size_t width = 0;
    for (const auto& [left, right] : rows) width = std::max(width, left.size());
    for (const auto& [left, right] : rows) {
        const std::size_t at = out.size();
        append_indented(out, right, width + 5);
        out.replace(at, left.size() + 2, "  " + left);
    }
}

}  // namespace

std::string argument_text(const option& o) { return o.value.empty() ? "" : " " + std::string(o.value); }

std::string synopsis(const command& c) {
    std::string text = "tarc " + std::string(c.name) + " " + std::string(c.operands);
    for (const option& o : c.options) {
        const std::string all = std::string(o.name) + argument_text(o);
        text += o.required ? " " + all : " [" + all + "]";
    }
    return text;
}

std::string help_text() {
    std::string text =
        "usage: tarc COMMAND ...\n"
        "\n"
        "What is inside checkpoints of PyTorch and tarc, without Python.\n"
        "\n";
    std::vector<std::pair<std::string, std::string_view>> rows;
    for (const command& c : commands()) {
        std::string left = "tarc " + std::string(c.name) + " " + std::string(c.operands);
        for (const option& o : c.options)
            if (o.required) left += " " + std::string(o.name) + argument_text(o);
        rows.emplace_back(std::move(left), c.summary);
    }
    rows.emplace_back("tarc --version", "the version");
    append_columns(text, rows);
    text +=
        "\n"
        "  $ tarc ls run.pt\n"
        "  $ tarc diff run.pt best.pt\n"
        "  $ tarc extract run.pt model_state_dict -o weights.pt\n"
        "\n"
        "`tarc COMMAND --help` has each one's options and examples. The exit status is 0 when all is well, 1 when a "
        "file\n"
        "is bad or files differ, 2 when the command line is wrong.\n";
    return text;
}

std::string help_text(const command& c) {
    std::string text = "usage: " + synopsis(c) + "\n\n" + std::string(c.summary) + "\n";
    if (!c.help.empty()) text.append("\n").append(c.help);
    std::vector<std::pair<std::string, std::string_view>> rows;
    std::vector<std::string> notes;
    notes.reserve(c.options.size());  // the rows refer to them
    for (const option& o : c.options) {
        std::string note(o.help);
        for (std::size_t i = 0; i < o.choices.size(); ++i)
            note.append(i == 0 ? "\none of " : ", ").append(o.choices[i]);
        rows.emplace_back(std::string(o.name) + argument_text(o), notes.emplace_back(std::move(note)));
    }
    if (!rows.empty()) text += '\n';
    append_columns(text, rows);
    text += '\n';
    append_indented(text, c.examples, 2);
    return text;
}

void help(const arguments& a) {
    output out;
    out.text = a.operands.empty() ? help_text() : help_text(find_command(a.operands[0]));
    out.flush();
}

}  // namespace cli
