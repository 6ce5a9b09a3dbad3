#include "identifiers.hpp"

#include <algorithm>

namespace cli {
namespace {

// clang-format off
constexpr std::string_view keywords[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const",
    "const_cast", "consteval", "constexpr", "constinit", "continue", "decltype", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if",
    "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
    "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires", "return", "short", "signed",
    "sizeof", "static", "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local", "throw",
    "true", "try", "typedef", "typeid", "typename", "typeof", "union", "unsigned", "using", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq",
};
/// Of the headers that tarc's include, and of the compilers themselves where extensions are on.
constexpr std::string_view macros[] = {
    "assert", "errno", "i386", "linux", "math_errhandling", "sched_priority", "st_atime", "st_ctime", "st_mtime",
    "stderr", "stdin", "stdout", "unix",
};
// clang-format on

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_upper(c) || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; }

bool is_one_of(std::string_view word, const auto& list) {
    return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

/// "EOF", "M_PIf": two capitals or more, or capitals up to an underscore, in front.
bool may_be_macro(std::string_view word) {
    std::size_t capitals = 0;
    while (capitals < word.size() && (is_upper(word[capitals]) || is_digit(word[capitals]))) ++capitals;
    return capitals != 0 && (capitals == word.size() ? capitals > 1 : word[capitals] == '_');
}

}  // namespace

bool is_identifier(std::string_view word) {
    if (word.empty() || is_digit(word[0]) || !std::all_of(word.begin(), word.end(), is_word)) return false;
    const bool reserved = word.find("__") != word.npos || (word[0] == '_' && word.size() > 1 && is_upper(word[1]));
    return !reserved && !is_one_of(word, keywords) && !is_one_of(word, macros);
}

std::string identifier_like(std::string_view text) {
    std::string name;
    for (const char c : text) {
        const char w = is_word(c) ? c : '_';
        if (w != '_' || !name.ends_with('_')) name += w;
        if (name.size() == 200) break;
    }
    if (name.size() > 1 && name[0] == '_' && is_upper(name[1])) name.erase(0, 1);
    if (name.empty() || name == "_") name = "unnamed";
    if (is_digit(name[0])) name.insert(0, 1, '_');
    if (may_be_macro(name))
        for (char& c : name)
            if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
    if (!is_identifier(name)) name += '_';
    return name;
}

std::string name_scope::take_like(const std::string& name) {
    if (take(name)) return name;
    const std::string stem = name.ends_with('_') ? name : name + "_";
    for (std::size_t& last = last_.try_emplace(stem, 1).first->second;;)
        if (std::string numbered = stem + std::to_string(++last); take(numbered)) return numbered;
}

std::vector<std::string> field_names(const std::vector<std::string_view>& names,
                                     std::initializer_list<std::string_view> taken) {
    name_scope scope(taken);
    std::vector<std::string> fields(names.size());
    for (std::size_t i = 0; i < names.size(); ++i)
        if (const std::string like = identifier_like(names[i]); like == names[i] && scope.take(like)) fields[i] = like;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (fields[i].empty()) fields[i] = scope.take_like(identifier_like(names[i]));
    return fields;
}

}  // namespace cli
