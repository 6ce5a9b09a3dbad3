#include "header.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include <tarc/tensor/dtype.hpp>

#include "identifiers.hpp"

namespace cli {

using tarc::file_kind;
using tarc::detail::kind;

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

class header_writer {
public:
    explicit header_writer(const header_facts& facts)
        : f_(facts), space_(std::string(facts.name) + "_types"), structs_({"std", "tarc", space_}) {}

    std::string text() {
        name_structs(*f_.type, "item", "");
        std::string types, nodes;
        for (const inferred* t : order_) structure(types, *t);
        close_space(types);
        root(types);
        nodes_of(nodes, *f_.root);

        std::string out = "#pragma once\n\n// Written by `tarc schema " + printable(f_.file) + " --cpp " +
                          std::string(f_.name) + "`: what stands in that file, and structs that load it.\n\n";
        for (const std::string& h : standard_) out.append("#include <").append(h).append(">\n");
        out += '\n';
        for (const std::string& h : own_) out.append("#include <").append(h).append(">\n");
        out.append("\n").append(types).append("\nstatic_assert(tarc::schema_of<").append(f_.name);
        out += "_file> == tarc::frozen<";
        lines(out, f_.text);
        out.append(">);\n\n/// ").append(printable(f_.file)).append(" as a constant, for tarc::loads<T>(");
        out.append(f_.name).append(").\nstruct ").append(f_.name).append("_schema {\n");
        out += "    static constexpr std::string_view file = ";
        append_literal(out, f_.file);
        out.append(";\n").append(shapes_text_).append("    static constexpr tarc::file_node nodes[] = {\n");
        out.append(nodes).append("    };\n};\ninline constexpr ");
        return out.append(f_.name).append("_schema ").append(f_.name).append("{};\n");
    }

private:
    // -- names of structs
    // ----------------------------------------------------------------------------------------------

    void name_structs(const inferred& t, const std::string& like, const std::string& around) {
        if (t.kind == kind::aggregate) {
            const auto [at, fresh] = names_.try_emplace(&t);
            if (!fresh) return;
            const bool is_root = &t == f_.type;
            const std::string name = is_root ? std::string(f_.name) + "_file" : struct_name(like, around);
            names_of_fields_[&t] = field_names_of(t);
            at->second = is_root ? name : space_ + "::" + name;
            for (std::size_t i = 0; i < t.parts.size(); ++i)
                name_structs(*t.part(i), names_of_fields_[&t][i], is_root ? "" : name);
            if (!is_root) order_.push_back(&t);
            return;
        }
        if (t.element != nullptr) name_structs(*t.of(), like, around);
        for (std::size_t i = 0; i < t.parts.size(); ++i)
            name_structs(*t.part(i), like + "_" + std::to_string(i), around);
    }

    /// The field's name; with those around it where it is a number or taken.
    std::string struct_name(const std::string& like, const std::string& around) {
        constexpr std::size_t longest = 100;
        const bool numbered = like[0] == '_';
        if (!numbered && structs_.take(like)) return like;
        const std::string longer = around.empty() ? like : identifier_like(around + "_" + like);
        return structs_.take_like(longer.size() <= longest ? longer : like);
    }

    std::vector<std::string> field_names_of(const inferred& t) const {
        std::vector<std::string_view> keys;
        for (const tarc::detail::member& m : t.parts) keys.push_back(m.name);
        return field_names(keys, {"std", "tarc", space_});
    }

    // -- types
    // ---------------------------------------------------------------------------------------------------------

    std::string standard(std::string_view header, std::string type) {
        standard_.emplace(header);
        return type;
    }

    std::string element(tarc::dtype t) {
        switch (t) {
            case tarc::dtype::float32: return "float";
            case tarc::dtype::float64: return "double";
            case tarc::dtype::boolean: return "bool";
            case tarc::dtype::complex64: return standard("complex", "std::complex<float>");
            case tarc::dtype::complex128: return standard("complex", "std::complex<double>");
            default: break;
        }
        const std::string name(to_string(t));
        if (tarc::facts(t).kind == tarc::dtype_class::integer) return standard("cstdint", "std::" + name + "_t");
        return "tarc::" + name;
    }

    std::string tensor(const inferred& t) {
        if (t.any_dtype) {
            own_.insert("tarc/tensor/any_tensor.hpp");
            return "tarc::any_tensor";
        }
        own_.insert("tarc/tensor/tensor.hpp");
        std::string s = "tarc::tensor<" + element(t.dtype);
        if (t.has_rank && t.dims.empty()) s += ", tarc::scalar";
        for (const std::int64_t d : t.dims) s += d == tarc::dyn ? ", tarc::dyn" : ", " + std::to_string(d);
        return s + ">";
    }

    std::string type(const inferred& t) {
        switch (t.kind) {
            case kind::boolean: return "bool";
            case kind::integer: return standard("cstdint", t.is_signed ? "std::int64_t" : "std::uint64_t");
            case kind::real: return "double";
            case kind::complex: return standard("complex", "std::complex<double>");
            case kind::string: return standard("string", "std::string");
            case kind::bytes: standard_.insert("cstddef"); return standard("vector", "std::vector<std::byte>");
            case kind::tensor: return tensor(t);
            case kind::optional: return standard("optional", "std::optional<" + type(*t.of()) + ">");
            case kind::sequence: return standard("vector", "std::vector<" + type(*t.of()) + ">");
            case kind::array:
                return standard("array", "std::array<" + type(*t.of()) + ", " + std::to_string(t.count) + ">");
            case kind::set: return standard("set", "std::set<" + type(*t.of()) + ">");
            case kind::map: {
                const bool string = t.key->kind == kind::string;
                const std::string key =
                    string ? standard("string", "std::string") : standard("cstdint", "std::int64_t");
                return standard("map", "std::map<" + key + ", " + type(*t.of()) + ">");
            }
            case kind::tuple: {
                std::string s = "std::tuple<";
                for (std::size_t i = 0; i < t.parts.size(); ++i) s.append(i == 0 ? "" : ", ").append(type(*t.part(i)));
                return standard("tuple", s + ">");
            }
            case kind::aggregate: return names_.at(&t);
            default: own_.insert("tarc/value/value.hpp"); return "tarc::value";
        }
    }

    static std::string_view initializer(const inferred& t) {
        switch (t.kind) {
            case kind::boolean: return " = false";
            case kind::integer:
            case kind::real: return " = 0";
            default: return "";
        }
    }

    void fields(std::string& out, const inferred& t, std::string_view name) {
        out.append("struct ").append(name).append(" {\n");
        const std::vector<std::string>& fields = names_of_fields_[&t];
        for (std::size_t i = 0; i < fields.size(); ++i)
            out.append("    ")
                .append(type(*t.part(i)))
                .append(" ")
                .append(fields[i])
                .append(initializer(*t.part(i)))
                .append(";\n");
        out += "};\n";
    }

    /// What tarc has to be told of a struct, beside it.
    void remarks(std::string& out, const inferred& t) {
        const std::vector<std::string>& fields = names_of_fields_[&t];
        const std::string& name = names_.at(&t);
        std::string renames;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            if (fields[i] == t.parts[i].name) continue;
            renames.append(renames.empty() ? "\n" : ",\n")
                .append("    tarc::rename{\"")
                .append(fields[i])
                .append("\", ");
            append_literal(renames, t.parts[i].name);
            renames += '}';
        }
        if (!renames.empty()) {
            standard_.insert("tuple");
            out.append("template <>\ninline constexpr auto tarc::describe<").append(name).append("> = std::tuple{");
            out.append(renames).append("};\n");
        }
        if (t.plain_dict)
            out.append("template <>\ninline constexpr bool tarc::is_module<")
                .append(name)
                .append("> = false;  // a dict of dicts, no state_dict\n");
    }

    void structure(std::string& out, const inferred& t) {
        if (!in_space_) out.append("namespace ").append(space_).append(" {\n\n");
        in_space_ = true;
        fields(out, t, std::string_view(names_.at(&t)).substr(space_.size() + 2));
        out += '\n';
        std::string said;
        remarks(said, t);
        if (said.empty()) return;
        close_space(out);
        out.append(said).append("\n");
    }

    void close_space(std::string& out) {
        if (in_space_) out.append("}  // namespace ").append(space_).append("\n\n");
        in_space_ = false;
    }

    void root(std::string& out) {
        const std::string name = std::string(f_.name) + "_file";
        if (f_.type->kind != kind::aggregate) {
            out.append("using ").append(name).append(" = ").append(type(*f_.type)).append(";\n");
        } else {
            fields(out, *f_.type, name);
            remarks(out, *f_.type);
        }
    }

    // -- the file as a constant
    // ----------------------------------------------------------------------------------------

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

    // -- texts
    // ---------------------------------------------------------------------------------------------------------

    static void lines(std::string& out, std::string_view text) {
        if (text.empty()) out += "\"\"";
        while (!text.empty()) {
            const std::size_t n = std::min(text.find('\n'), text.size() - 1) + 1;
            out += "\n    ";
            append_literal(out, text.substr(0, n));
            text.remove_prefix(n);
        }
    }

    /// What a comment may hold of a file's name.
    static std::string printable(std::string_view name) {
        std::string s(name);
        for (char& c : s) {
            const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                               c == '-' || c == '_' || c == '+';
            if (!plain) c = '_';
        }
        return s;
    }

    const header_facts& f_;
    const std::string space_;
    name_scope structs_;
    std::unordered_map<const inferred*, std::string> names_;  // qualified
    std::unordered_map<const inferred*, std::vector<std::string>> names_of_fields_;
    std::vector<const inferred*> order_;  // what is used comes first
    std::set<std::string> standard_{"cstdint", "string_view"};
    std::set<std::string> own_{"tarc/fwd.hpp", "tarc/reflect/frozen.hpp", "tarc/reflect/loads.hpp"};
    bool in_space_ = false;
    std::string shapes_text_;
    std::set<std::string> shapes_;
};

}  // namespace

std::string header_text(const header_facts& facts) { return header_writer(facts).text(); }

}  // namespace cli
