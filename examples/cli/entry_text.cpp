#include "entry_text.hpp"

#include <algorithm>

#include <tarc/value/tensor_of.hpp>

#include "output.hpp"

namespace cli {
namespace {

constexpr std::size_t longest_path = 160, longest_value = 60;  // characters

std::string whole_text(const tarc::entry& e, tarc::detail::python_repr& repr) {
    std::string text;
    const tarc::detail::node& n = *e.value.get();
    const auto append_start = [&](auto append) {  // enough of it to see that it is cut
        append(text, n.str().substr(0, longest_value * 4));
        return text;
    };
    switch (e.kind) {
        case tarc::value_kind::list: return "[]";
        case tarc::value_kind::tuple: return "()";
        case tarc::value_kind::set: return "set()";
        case tarc::value_kind::dict: return "{}";
        default: break;
    }
    switch (n.kind) {
        case tarc::value_kind::string: return append_start(tarc::detail::append_quoted);
        case tarc::value_kind::bytes: return append_start(tarc::detail::append_bytes);
        case tarc::value_kind::global:
        case tarc::value_kind::object: return std::string(e.text);
        case tarc::value_kind::integer:
            if (n.big && n.size > 256) return "an integer of " + std::to_string(n.size) + " bytes";
            return repr(n);
        default: return repr(n);
    }
}

}  // namespace

std::size_t text_width(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80; }));
}

void pad(std::string& out, std::string_view text, std::size_t to) {
    out += text;
    const std::size_t have = text_width(text);
    out.append(have < to ? to - have : 0, ' ').append("  ");
}
void pad_left(std::string& out, std::string_view text, std::size_t to) {
    const std::size_t have = text_width(text);
    out.append(have < to ? to - have : 0, ' ').append(text).append("  ");
}

colors wanted_colors() {
    if (!wants_color()) return {};
    return {"\033[1m", "\033[2m", "\033[33m", "\033[31m", "\033[32m", "\033[0m"};
}

std::string step_text(const tarc::key& k) {
    std::string text;
    if (k.is_name())
        append_plain(text, k.name(), longest_path);
    else
        append_plain(text, k.text(), longest_path);
    return text;
}

std::string path_text(const std::vector<tarc::key>& path) {
    std::string text;
    for (const tarc::key& k : path) {
        if (!text.empty()) text += '/';
        text += step_text(k);
        if (text.size() > longest_path) break;
    }
    std::string cut;
    append_plain(cut, text, longest_path);
    return cut.empty() ? "." : cut;
}

std::string type_text(const tarc::entry& e) {
    if (e.is_tensor()) return std::string(to_string(e.dtype));
    return tarc::detail::kind_name(e.kind);
}

std::string value_text(const tarc::entry& e, tarc::detail::python_repr& repr) {
    std::string text;
    append_plain(text, whole_text(e, repr), longest_value);
    return text;
}

}  // namespace cli
