#include <sys/stat.h>

#include <algorithm>  // std::min
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/reflect/schema.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "header.hpp"
#include "identifiers.hpp"
#include "inference.hpp"
#include "output.hpp"
#include "places.hpp"

namespace cli {
namespace {

void check_name(std::string_view name) {
    if (!is_identifier(name) || name[0] == '_' || name == "std" || name == "tarc" || name == "main")
        throw usage_error("\"" + std::string(name) + "\" is no name that a C++ program may give to anything");
}

/// Whether two paths lead to one file.
bool same_file(const std::string& a, const std::string& b) {
    struct stat x = {}, y = {};
    return ::stat(a.c_str(), &x) == 0 && ::stat(b.c_str(), &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void write_file(const std::string& path, std::string_view text) {
    tarc::file_sink sink(path, tarc::durability::atomic);
    sink.write(std::as_bytes(std::span(text.data(), text.size())));
    sink.commit();
}

/// A schema text for people: keys of the file cannot command the terminal.
std::string plain_lines(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t n = std::min(text.find('\n'), text.size());
        append_plain(out, text.substr(0, n));
        out += '\n';
        text.remove_prefix(std::min(n + 1, text.size()));
    }
    return out;
}

std::string schema_of_file(const checkpoint& c, const std::string* name, std::string_view file) {
    if (name == nullptr && c.content.facts() && !c.content.facts()->schema.text.empty())
        return plain_lines(c.content.facts()->schema.text);
    tarc::detail::arena texts;
    const place root = places_of(c, texts);
    type_arena types;
    const inferred* type = infer(types, root);
    if (tarc::detail::schema_writer::size(*type, 0) > most_text)
        tarc::detail::raise(tarc::errc::limit_exceeded, "the keys of the file are too long for a schema of it");
    const std::string text = tarc::detail::schema_writer::text(*type);
    if (name == nullptr) return plain_lines(text);
    return header_text({*name, file, type, &root, text});
}

}  // namespace

void schema(const arguments& a) {
    const std::string& path = a.operands[0];
    const std::string *name = a.find("--cpp"), *to = a.find("-o");
    if (name != nullptr) check_name(*name);
    if (to != nullptr && same_file(path, *to)) throw usage_error("-o " + *to + " is FILE itself");
    output out;
    try {
        const checkpoint c(path);
        out.text = schema_of_file(c, name, std::string_view(path).substr(path.rfind('/') + 1));
        c.file->check_unchanged();
    } catch (tarc::error& e) {
        e.in_archive(path);
        throw;
    }
    if (to != nullptr)
        write_file(*to, out.text);
    else
        out.flush();
}

}  // namespace cli
