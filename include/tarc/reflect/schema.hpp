#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tarc/reflect/archivable.hpp>

namespace tarc::detail {

/// The schema text of DESIGN 3: one line a leaf, "path: type\n", in field order. Depends on the type alone.
class schema_writer {
public:
    [[nodiscard]] static std::string text(const type_facts& t) {
        schema_writer w;
        w.type(t, false, false);
        return std::move(w.out_);
    }

private:
    static constexpr std::string_view any_step = "*";

    void escaped(std::string_view name) {
        for (const char c : name) {
            if (c == '/' || c == ':' || c == '\\') path_ += '\\';
            path_ += c;
        }
    }

    void step(std::string_view name, bool dotted, const type_facts& t, bool in_module, bool optional) {
        const std::size_t before = path_.size();
        if (!path_.empty()) path_ += dotted ? '.' : '/';
        if (name == any_step)
            path_ += name;
        else
            escaped(name);
        type(t, in_module, optional);
        path_.resize(before);
    }

    void line(std::string_view what, bool optional) {
        out_.append(path_).append(": ").append(what);
        if (optional) out_ += '?';
        out_ += '\n';
    }

    static std::string number(const type_facts& t) {
        const std::string bits = std::to_string(t.size * 8);
        return (t.is_signed ? "int" : "uint") + bits;
    }

    static std::string tensor(const type_facts& t) {
        std::string s(t.any_dtype ? "any" : to_string(t.dtype));
        if (!t.has_rank) return s + "[...]";
        s += '[';
        for (std::size_t i = 0; i < t.extents.size(); ++i) {
            if (i != 0) s += ',';
            s += t.extents[i] == dyn ? "?" : std::to_string(t.extents[i]);
        }
        return s + "]";
    }

    static std::string alternatives(const type_facts& t) {
        std::string s = "variant<";
        for (const member& m : t.members) {
            if (s.back() != '<') s += '|';
            std::string inner = text(*m.type);
            if (inner.starts_with(": ") && inner.find('\n') + 1 == inner.size()) {
                s.append(inner, 2, inner.size() - 3);
            } else {  // a struct or container: its own lines, joined
                s += '{';
                for (char& c : inner)
                    if (c == '\n') c = ';';
                s += inner + '}';
            }
        }
        return s + ">";
    }

    /// `in_module`: below a module's top, so that steps are dotted and structs flatten.
    void type(const type_facts& t, bool in_module, bool optional) {
        const bool module_top = !in_module && t.kind == kind::aggregate && t.is_module;
        const bool flat = in_module && t.flattens;
        switch (t.kind) {
            case kind::none: return line("none", optional);
            case kind::boolean: return line("bool", optional);
            case kind::integer: return line(number(t), optional);
            case kind::real: return line(t.size == 4 ? "float32" : "float64", optional);
            case kind::complex: return line(t.size == 4 ? "complex64" : "complex128", optional);
            case kind::string:
            case kind::text: return line("str", optional);
            case kind::bytes: return line("bytes", optional);
            case kind::enumeration: return line(t.has_names ? "str" : number(t), optional);
            case kind::tensor: return line(tensor(t), optional);
            case kind::value: return line("value", optional);
            case kind::rest: return line("rest", optional);
            case kind::metadata: return;
            case kind::variant: return line(alternatives(t), optional);
            case kind::optional: return type(*t.element, in_module, true);
            case kind::stand_in: return type(*t.element, in_module, optional);
            case kind::bits: return step(any_step, false, facts_of<bool>, false, optional);
            case kind::sequence:
            case kind::array:
            case kind::set:
            case kind::map: return step(any_step, flat, *t.element, flat, optional);
            case kind::tuple: {
                std::size_t i = 0;
                for (const member& m : t.members) step(std::to_string(i++), flat, *m.type, flat, optional);
                return;
            }
            case kind::aggregate:
                for (const member& m : t.members) {
                    if (m.transient) continue;
                    const bool dotted = flat && !path_.empty();
                    if (m.type->kind == kind::rest)
                        step(any_step, dotted, *m.type, false, optional);
                    else
                        step(m.name, dotted, *m.type, flat || module_top, optional);
                }
                return;
            case kind::unknown: return;
        }
    }

    std::string out_, path_;
};

}  // namespace tarc::detail

namespace tarc {

/// The schema text of T: see DESIGN 3. Equal on every compiler and standard library.
template <class T>
[[nodiscard]] std::string schema_text() {
    detail::require_archivable<T>();
    if constexpr (detail::archivable<T>)
        return detail::schema_writer::text(detail::facts_of<T>);
    else
        return {};
}

}  // namespace tarc
