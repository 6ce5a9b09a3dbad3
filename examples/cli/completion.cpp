#include <string>
#include <string_view>
#include <vector>

#include "commands.hpp"
#include "output.hpp"

/// Scripts for shells, made of the table that parses the command line.
namespace cli {
namespace {

template <class List>
std::string joined(const List& words) {
    std::string text;
    for (const auto& word : words) text.append(text.empty() ? "" : " ").append(word);
    return text;
}

std::vector<std::string_view> first_words() {
    std::vector<std::string_view> words;
    for (const command& c : commands()) words.push_back(c.name);
    words.insert(words.end(), {"--help", "--version"});
    return words;
}

/// What a command's operands are completed to, where they are no files.
std::vector<std::string_view> operand_words(const command& c) {
    if (c.run != help) return c.choices;
    std::vector<std::string_view> words;
    for (const command& each : commands()) words.push_back(each.name);
    return words;
}

// -- bash: needs none of the functions of the bash-completion package

std::string bash_case(const command& c) {
    std::string text = "    " + std::string(c.name) + ")\n        case $prev in\n";
    std::vector<std::string_view> names;
    for (const option& o : c.options) {
        names.push_back(o.name);
        if (o.value.empty()) continue;
        std::string action;
        if (o.file) action = "_tarc_files; ";
        if (!o.choices.empty()) action = "_tarc_words \"" + joined(o.choices) + "\"; ";
        text.append("        ").append(o.name).append(") ").append(action).append("return ;;\n");
    }
    names.push_back("--help");
    text += "        esac\n        if [[ $cur == -* ]]; then _tarc_words \"" + joined(names) + "\"; ";
    const auto words = operand_words(c);
    text += words.empty() ? "else _tarc_files; fi\n" : "else _tarc_words \"" + joined(words) + "\"; fi\n";
    return text + "        ;;\n";
}

std::string bash_script() {
    std::string text =
        "# bash completion of tarc; made by `tarc completion bash`\n"
        "_tarc_words() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
        "_tarc_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); }\n"
        "_tarc() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
        "    COMPREPLY=()\n"
        "    # bash parts words at \"=\"\n"
        "    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
        "    if ((COMP_CWORD == 1)); then _tarc_words \"" +
        joined(first_words()) +
        "\"; return; fi\n"
        "    case ${COMP_WORDS[1]} in\n";
    for (const command& c : commands()) text += bash_case(c);
    return text + "    esac\n}\ncomplete -F _tarc tarc\n";
}

// -- zsh

/// The first line of a text, inside quotes and the brackets of _arguments.
std::string zsh_quoted(std::string_view s) {
    std::string text;
    for (const char c : s.substr(0, s.find('\n'))) {
        if (c == '\'') {
            text += "'\\''";
            continue;
        }
        if (c == '[' || c == ']' || c == ':' || c == '\\') text += '\\';
        text += c;
    }
    return text;
}

std::string zsh_action(bool file, const std::vector<std::string_view>& words) {
    if (file) return "_files";
    return words.empty() ? " " : "(" + joined(words) + ")";
}

std::string zsh_case(const command& c) {
    std::string text = "    " + std::string(c.name) + ") _arguments -S \\\n";
    for (const option& o : c.options) {
        text.append("        '").append(o.name);
        if (!o.value.empty() && o.name.starts_with("--")) text += '=';
        text += "[" + zsh_quoted(o.help) + "]";
        if (!o.value.empty()) text += ":" + zsh_quoted(o.value) + ":" + zsh_action(o.file, o.choices);
        text += "' \\\n";
    }
    const auto words = operand_words(c);
    return text + "        '--help[all about this command, with examples]' \\\n        '*:" + zsh_quoted(c.operands) +
           ":" + zsh_action(words.empty(), words) + "' ;;\n";
}

std::string zsh_script() {
    std::string text =
        "#compdef tarc\n"
        "# made by `tarc completion zsh`\n"
        "_tarc() {\n"
        "    local -a first=(\n";
    for (const command& c : commands()) text += "        '" + std::string(c.name) + ":" + zsh_quoted(c.summary) + "'\n";
    text +=
        "        '--help:all commands' '--version:the version'\n"
        "    )\n"
        "    if (( CURRENT == 2 )); then _describe command first; return; fi\n"
        "    local command=$words[2]\n"
        "    shift words\n"
        "    (( CURRENT-- ))\n"
        "    case $command in\n";
    for (const command& c : commands()) text += zsh_case(c);
    return text +
           "    esac\n}\n"
           "if [[ $funcstack[1] == _tarc ]]; then _tarc \"$@\"; else compdef _tarc tarc; fi\n";
}

}  // namespace

void completion(const arguments& a) {
    output out;
    out.text = a.operands[0] == "bash" ? bash_script() : zsh_script();
    out.flush();
}

}  // namespace cli
