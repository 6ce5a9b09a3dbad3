#include "commands.hpp"

#include <algorithm>

#include <tarc/archive/report.hpp>

namespace cli {
namespace {

const option to_option = {"--to",
                          "FORMAT",
                          "the format to write; by default that of OUT's name\n"
                          "(*.safetensors, *.npz, all else is torch)",
                          {"torch", "safetensors", "npz"}};

const option state_dict_option = {"--state-dict", "",
                                  "an entire nn.Module, pickled or of TorchScript, counts as its state_dict()"};

const command table[] = {
    {"ls",
     "FILE",
     "what is inside: every tensor and every value",
     1,
     1,
     "In the order of the file, with dtype, shape, size and location; tied tensors are marked. Reads no tensor\n"
     "bytes. On a terminal as a tree; in a pipe or a file one full path a line, as `tarc extract` takes them.\n",
     {{"--tree", "", "as a tree, wherever it goes"},
      {"--paths", "", "one full path a line, wherever it goes"},
      {"--json", "", "as JSON: {\"entries\": [...]}"},
      {"--crc", "",
       "reads the tensors, verifies the bytes, and adds the CRC-32 of each tensor's elements\n"
       "in row-major order"},
      {"--sort", "KEY", "the tensors alone, the largest first", {"size"}},
      state_dict_option},
     "$ tarc ls run.pt\n"
     "$ tarc ls run.pt --sort size | head\n"
     "$ tarc ls run.pt | grep weight\n"
     "$ tarc ls run.pt --json --crc\n",
     ls},
    {"verify",
     "FILE...",
     "whether files are whole and undamaged",
     1,
     SIZE_MAX,
     "Checks every checksum, every header, and that every tensor lies inside its storage. Legacy, tar, safetensors\n"
     "and npz files have fewer checksums or none, and it says so.\n",
     {},
     "$ tarc verify run.pt\n"
     "$ tarc verify *.pt\n"
     "$ tarc verify run.pt && echo whole\n",
     verify},
    {"diff",
     "A B",
     "what differs between two files: keys, dtypes, shapes, values",
     2,
     2,
     "Each line begins with - (only in A), + (only in B) or ~ (in both, and different: the greatest absolute\n"
     "difference, and where it is). Values count, not how they are stored: strides, ties, locations, the order of\n"
     "keys, the format of the file, the classes of objects, and whether a list is a tuple or a set do not. NaN equals\n"
     "NaN. The exit status is 0 when all is equal, else 1.\n",
     {{"--json", "", "as JSON: {\"equal\": ..., \"differences\": [...]}"}, state_dict_option},
     "$ tarc diff run.pt best.pt\n"
     "$ tarc diff run.pt best.pt | grep '^~ model'\n",
     diff},
    {"extract",
     "FILE PATH...",
     "some of it into a file of its own",
     2,
     SIZE_MAX,
     "PATH is a path as `tarc ls FILE | cat` prints it, steps joined by \"/\", with all that is below it, or a glob:\n"
     "\"*\" stands for any text, \"?\" for one character. What is taken keeps its place in the tree, its ties, and of\n"
     "its storages the bytes that it uses. OUT appears in one step or not at all.\n",
     {{"-o", "OUT", "the file to write", {}, true, true},
      {"--root", "",
       "OUT is what stands at PATH itself, without the levels above it\n"
       "(always so where OUT is safetensors or npz, which have no levels, and PATH one dict or list)"},
      state_dict_option,
      to_option},
     "$ tarc extract run.pt model_state_dict -o weights.pt\n"
     "$ tarc extract run.pt model_state_dict --root -o state_dict.pt\n"
     "$ tarc extract run.pt model_state_dict -o weights.safetensors\n"
     "$ tarc extract run.pt '*.bias' epoch -o small.pt\n",
     extract},
    {"convert",
     "IN OUT",
     "a file of any format as tarc's archive, or in another format",
     2,
     2,
     "tarc's archive is a torch.save file that PyTorch opens with weights_only=True, with checksums and without\n"
     "pickled classes. OUT appears in one step or not at all; it may be IN.\n",
     {{"--map-location", "L",
       "replaces the location of every tensor, such as \"cpu\" or \"cuda:0\"; else they are kept"},
      {"--codec",
       "CODEC",
       "how the tensors' bytes are compressed: none (the default), or zstd for cold storage, which PyTorch\n"
       "does not read",
       {"none", "zstd"}},
      {"--state-dict", "",
       "an entire nn.Module, pickled or of TorchScript, becomes its state_dict() (always so where OUT is\n"
       "safetensors or npz)"},
      to_option},
     "$ tarc convert run.pt run.tarc.pt\n"
     "$ tarc convert run.pt on_host.pt --map-location cpu\n"
     "$ tarc convert state_dict.pt state_dict.safetensors\n"
     "$ tarc convert run.pt run.zstd.pt --codec zstd          # bf16 weights by a third smaller; none: the way back\n",
     convert},
    {"schema",
     "FILE",
     "the file's schema, or C++ structs that load it",
     1,
     1,
     "The schema text has one line for each tensor and value, \"path: type\".\n",
     {{"--cpp", "NAME",
       "a C++ header instead: structs that load the file (NAME_file), their frozen schema, and the\n"
       "file as a constant NAME, for static_assert(tarc::loads<my_model>(NAME))"},
      {"-o", "OUT", "into a file, which appears in one step or not at all", {}, false, true}},
     "$ tarc schema run.pt\n"
     "$ tarc schema run.pt --cpp run -o run.schema.hpp\n"
     "\n"
     "#include <tarc/tarc.hpp>\n"
     "#include \"run.schema.hpp\"\n"
     "run_file f = tarc::load<run_file>(\"run.pt\", \"cpu\");\n",
     schema},
    {"completion",
     "SHELL",
     "a script that completes the command line in bash or zsh",
     1,
     1,
     "",
     {},
     "$ source <(tarc completion bash)                        # this shell; in ~/.bashrc: every one\n"
     "$ tarc completion zsh > _tarc                           # into a folder of zsh's $fpath\n",
     completion,
     {"bash", "zsh"}},
    {"help", "[COMMAND]", "all about a command, with examples", 0, 1, "", {}, "$ tarc help ls\n", help},
};

/// `what` says what is missing or too much.
[[noreturn]] void wrong_count(const command& c, const std::string& what) {
    throw usage_error(what + " -- usage: " + synopsis(c));
}

/// The n-th of what a command wants: "OUT" of "IN OUT".
std::string operand_name(const command& c, std::size_t n) {
    std::string_view words = c.operands;
    for (; n != 0; --n) words.remove_prefix(std::min(words.find(' ') + 1, words.size()));
    return std::string(words.substr(0, words.find_first_of(" .")));
}

/// A value that is one of a few. Errors: usage_error.
void check_choice(std::string_view what, std::string_view value, const std::vector<std::string_view>& choices) {
    std::string all;
    for (const std::string_view choice : choices) {
        if (choice == value) return;
        all.append(all.empty() ? "" : ", ").append(choice);
    }
    if (choices.empty()) return;
    throw usage_error(std::string(what) + " is one of " + all + ", not \"" + std::string(value) + "\"" +
                      guess(value, {choices.begin(), choices.end()}));
}

void check_file_name(std::string_view name) {
    if (name == "-")
        throw usage_error(
            "\"-\" is not read as standard input or output: an archive needs a file, which is read and replaced as a "
            "whole; one that is called so is ./-");
}

}  // namespace

std::span<const command> commands() { return table; }

std::string guess(std::string_view name, const std::vector<std::string>& candidates) {
    const std::string_view best = tarc::detail::nearest(name, candidates);
    return best.empty() ? "" : " -- did you mean \"" + std::string(best) + "\"?";
}

const command& find_command(std::string_view name) {
    std::vector<std::string> names;
    for (const command& c : table) {
        if (c.name == name) return c;
        names.emplace_back(c.name);
    }
    std::string near = guess(name, names);
    if (near.empty()) near = " -- tarc --help lists them";
    throw usage_error("there is no command \"" + std::string(name) + "\"" + near);
}

arguments parse(const command& c, std::span<const std::string_view> words) {
    arguments a;
    bool options = true;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (!options || word.size() < 2 || word[0] != '-') {
            check_file_name(word);
            a.operands.emplace_back(word);
            continue;
        }
        if (word == "--") {
            options = false;
            continue;
        }
        const std::size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        const option* o = c.find(name);
        if (o == nullptr) {
            std::vector<std::string> names = {"--help"};
            for (const option& each : c.options) names.emplace_back(each.name);
            throw usage_error("tarc " + std::string(c.name) + " has no option " + std::string(name) +
                              guess(name, names));
        }
        if (o->value.empty()) {
            if (equals != word.npos) throw usage_error(std::string(name) + " takes no value");
            a.flags.emplace_back(name);
            continue;
        }
        if (equals == word.npos && i + 1 == words.size())
            throw usage_error(std::string(name) + " needs a value: " + std::string(name) + " " + std::string(o->value));
        const std::string_view value = equals == word.npos ? words[++i] : word.substr(equals + 1);
        check_choice(name, value, o->choices);
        if (o->file) check_file_name(value);
        a.settings.emplace_back(name, value);
    }
    if (a.operands.size() < c.least) wrong_count(c, operand_name(c, a.operands.size()) + " is missing");
    if (a.operands.size() > c.most) wrong_count(c, "\"" + a.operands[c.most] + "\" is one too many");
    for (const std::string& each : a.operands) check_choice("tarc " + std::string(c.name), each, c.choices);
    for (const option& o : c.options)
        if (o.required && a.find(o.name) == nullptr)
            wrong_count(c, std::string(o.name) + argument_text(o) + " is missing");
    return a;
}

}  // namespace cli
