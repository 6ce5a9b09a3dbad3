#include "file_constant.hpp"

#include <cstdint>
#include <set>
#include <span>

#include <tarc/reflect/file_schema.hpp>
#include <tarc/tensor/dtype.hpp>

namespace cli {

using tarc::file_kind;

void append_literal(std::string& out, std::string_view bytes) {
    out += '"';
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            out += "\\n";
        } else if (c == '"' || c == '\\' || c == '?') {  // "??" would begin a trigraph
            out.append("\\").append(1, c);
        } else if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {  // three octal digits end by themselves; hexadecimal ones would take digits that follow
            out += '\\';
            for (const int shift : {6, 3, 0}) out += static_cast<char>('0' + (byte >> shift & 7));
        }
    }
    out += '"';
}

namespace {

std::string_view kind_text(file_kind k) {
    switch (k) {
        case file_kind::none: return "none";
        case file_kind::boolean: return "boolean";
        case file_kind::integer: return "integer";
        case file_kind::real: return "real";
        case file_kind::complex: return "complex";
        case file_kind::string: return "string";
        case file_kind::bytes: return "bytes";
        case file_kind::tensor: return "tensor";
        case file_kind::list: return "list";
        case file_kind::tuple: return "tuple";
        case file_kind::set: return "set";
        case file_kind::dict: return "dict";
        case file_kind::other: break;
    }
    return "other";
}

class constant_writer {
public:
    explicit constant_writer(const place& root) { nodes_of(nodes_, root); }

    void append_to(std::string& out) const {
        out.append(shapes_text_)
            .append("    static constexpr tarc::file_node nodes[] = {\n")
            .append(nodes_)
            .append("    };\n");
    }

private:
    std::string shape(std::span<const std::int64_t> dims) {
        std::string name = "shape", values;
        for (const std::int64_t d : dims) {
            name.append("_").append(std::to_string(d));
            values.append(values.empty() ? "" : ", ").append(std::to_string(d));
        }
        if (shapes_.insert(name).second)
            shapes_text_.append("    static constexpr std::int64_t ")
                .append(name)
                .append("[] = {")
                .append(values)
                .append("};\n");
        return name;
    }

    void nodes_of(std::string& out, const place& p) {
        out.append("        {.kind = tarc::file_kind::").append(kind_text(p.kind));
        if (!p.key.empty()) {
            out += ", .key = ";
            const bool has_zero = p.key.find('\0') != p.key.npos;
            if (has_zero) out += "std::string_view(";
            append_literal(out, p.key);
            if (has_zero) out.append(", ").append(std::to_string(p.key.size())).append(")");
        }
        if (!p.named) out += ", .named = false";
        if (p.nodes > 1) out.append(", .inside = ").append(std::to_string(p.nodes - 1));
        if (p.size != 0) out.append(", .size = ").append(std::to_string(p.size));
        if (p.kind == file_kind::tensor) {
            out.append(", .dtype = tarc::dtype::")
                .append(to_string(p.dtype) == "bool" ? "boolean" : to_string(p.dtype));
            if (!p.shape.empty()) out.append(", .shape = ").append(shape(p.shape));
        }
        out += "},\n";
        for (const place& i : p.inside) nodes_of(out, i);
    }

    std::string nodes_, shapes_text_;
    std::set<std::string> shapes_;
};

}  // namespace

void append_places(std::string& out, const place& root) { constant_writer(root).append_to(out); }

}  // namespace cli
