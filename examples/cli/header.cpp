#include "header.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

#include <tarc/tensor/dtype.hpp>

#include "file_constant.hpp"
#include "identifiers.hpp"

namespace cli {

using tarc::detail::kind;

namespace {

class header_writer {
public:
    explicit header_writer(const header_facts& facts)
        : f_(facts), space_(std::string(facts.name) + "_types"), structs_({"std", "tarc", space_}) {}

    std::string text() {
        name_structs(*f_.type, "item", "");
        std::string types;
        for (const inferred* t : order_) structure(types, *t);
        close_space(types);
        root(types);

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
        out += ";\n";
        append_places(out, *f_.root);
        out.append("};\ninline constexpr ");
        return out.append(f_.name).append("_schema ").append(f_.name).append("{};\n");
    }

private:
    // -- names of structs

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

    /// Whether these are the fields of a normalization of torch.nn that keeps running statistics. A state_dict does not
    /// say what is a buffer; those names do.
    static bool keeps_statistics(const inferred& t) {
        int found = 0;
        for (const tarc::detail::member& m : t.parts) found += m.name == "running_mean" || m.name == "running_var";
        return found == 2;
    }
    std::string field_type(const inferred& t, std::size_t i) {
        const std::string_view name = t.parts[i].name;
        const inferred& part = *t.part(i);
        std::string s = type(part);
        const bool statistic = name == "running_mean" || name == "running_var" || name == "num_batches_tracked";
        if (statistic && part.kind == kind::tensor && !part.any_dtype && keeps_statistics(t))
            s.replace(0, std::string_view("tarc::tensor").size(), "tarc::buffer");
        return s;
    }

    void fields(std::string& out, const inferred& t, std::string_view name) {
        out.append("struct ").append(name).append(" {\n");
        const std::vector<std::string>& fields = names_of_fields_[&t];
        for (std::size_t i = 0; i < fields.size(); ++i)
            out.append("    ")
                .append(field_type(t, i))
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

    // -- texts

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
};

}  // namespace

std::string header_text(const header_facts& facts) { return header_writer(facts).text(); }

}  // namespace cli
