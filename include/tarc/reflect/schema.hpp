#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tarc/reflect/archivable.hpp>
#include <tarc/util/constant_text.hpp>
#include <tarc/util/xxh3.hpp>

namespace tarc::detail {

/// The dtype and shape of a tensor: "float32[6,3,5,5]"; an extent below zero is any.
constexpr void write_tensor(text_sink& out, std::string_view dtype, std::span<const std::int64_t> shape) {
    out.append(dtype);
    out.append('[');
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i != 0) out.append(',');
        if (shape[i] < 0)
            out.append('?');
        else
            out.number(static_cast<std::uint64_t>(shape[i]));
    }
    out.append(']');
}

/// The type of a leaf as the schema text has it, or nothing where t is no leaf.
constexpr void write_leaf_type(text_sink& out, const type_facts& t) {
    const auto integer = [&] {
        out.append(t.is_signed ? "int" : "uint");
        out.number(t.size * 8u);
    };
    switch (t.kind) {
        case kind::none: return out.append("none");
        case kind::boolean: return out.append("bool");
        case kind::integer: return integer();
        case kind::real: return out.append(t.size == 4 ? "float32" : "float64");
        case kind::complex: return out.append(t.size == 4 ? "complex64" : "complex128");
        case kind::string:
        case kind::text: return out.append("str");
        case kind::bytes: return out.append("bytes");
        case kind::enumeration: return t.has_names ? out.append("str") : integer();
        case kind::tensor: {
            const std::string_view dtype = t.any_dtype ? "any" : to_string(t.dtype);
            if (t.has_rank) return write_tensor(out, dtype, t.extents);
            out.append(dtype);
            return out.append("[...]");
        }
        case kind::value: return out.append("value");
        case kind::rest: return out.append("rest");
        default: return;
    }
}

/// The schema text of DESIGN 3: one line a leaf, "path: type\n", in field order. Depends on the type alone; the same
/// writer serves constants and tables made at run time.
class schema_writer {
public:
    /// `version`: of the type; one above 0 is the first line.
    static constexpr void write(const type_facts& t, std::int64_t version, text_sink& out) {
        schema_writer w(out, '\n');
        if (version > 0) {
            out.append("version: ");
            out.number(static_cast<std::uint64_t>(version));
            out.append('\n');
        }
        w.type(t, nullptr, false, false);
    }
    /// A type without a path: "variant<int32|{weight: float32[...];}>".
    static constexpr void write_bare(const type_facts& t, text_sink& out) { schema_writer(out, '\n').bare(t); }
    [[nodiscard]] static constexpr std::size_t size(const type_facts& t, std::int64_t version) {
        text_sink counted;
        write(t, version, counted);
        return counted.size;
    }
    [[nodiscard]] static std::string text(const type_facts& t, std::int64_t version = 0) {
        std::string s(size(t, version), '\0');
        text_sink out{s.data()};
        write(t, version, out);
        return s;
    }

private:
    /// One step of the path to a leaf; the steps above it stand in the callers.
    struct step {
        const step* above = nullptr;
        std::string_view name = {};
        std::size_t index = 0;
        char separator = 0;                              // in front of it
        enum { plain, escaped, numbered } form = plain;  // of its text
        std::size_t size = 0;                            // of the text of the whole path

        constexpr step(const step* up, bool dotted) : above(up), size(up == nullptr ? 0 : up->size) {
            if (size == 0) return;
            separator = dotted ? '.' : '/';
            ++size;
        }
        constexpr void call(std::string_view s) {
            name = s;
            size += s.size();
            for (const char c : s) {
                if (c != '/' && c != ':' && c != '\\') continue;
                form = escaped;
                ++size;
            }
        }
        constexpr void number(std::size_t i) {
            index = i;
            form = numbered;
            text_sink digits;
            digits.number(i);
            size += digits.size;
        }
        constexpr void write(text_sink& out) const {
            if (above != nullptr) above->write(out);
            if (separator != 0) out.append(separator);
            if (form == plain) return out.append(name);
            if (form == numbered) return out.number(index);
            out.escaped(name);
        }
    };

    constexpr schema_writer(text_sink& out, char line_end) : out_(out), line_end_(line_end) {}

    constexpr void begin_line(const step* path) {
        if (path != nullptr) {
            if (out_.to != nullptr)
                path->write(out_);
            else
                out_.size += path->size;
        }
        out_.append(": ");
    }
    constexpr void end_line(bool optional) {
        if (optional) out_.append('?');
        out_.append(line_end_);
    }

    constexpr void below_any(const type_facts& t, const step* path, bool dotted, bool in_module, bool optional) {
        step s(path, dotted);
        s.name = "*";
        ++s.size;
        type(t, &s, in_module, optional);
    }

    /// Whether a type is one line without a path of its own, so that it stands bare in a variant.
    static constexpr bool is_one_line(const type_facts& t) {
        if (t.kind == kind::optional || t.kind == kind::stand_in) return is_one_line(*t.element);
        if (t.kind == kind::variant) return true;
        text_sink leaf;
        write_leaf_type(leaf, t);
        return leaf.size != 0;
    }

    constexpr void alternatives(const type_facts& t) {
        out_.append("variant<");
        for (std::size_t i = 0; i < t.members.size(); ++i) {
            if (i != 0) out_.append('|');
            bare(*t.members[i].type);
        }
        out_.append('>');
    }
    constexpr void bare(const type_facts& t) {
        if (!is_one_line(t)) {  // a struct or container: its own lines, joined
            out_.append('{');
            schema_writer(out_, ';').type(t, nullptr, false, false);
            out_.append('}');
        } else if (t.kind == kind::stand_in) {
            bare(*t.element);
        } else if (t.kind == kind::optional) {
            bare(*t.element);
            out_.append('?');
        } else if (t.kind == kind::variant) {
            alternatives(t);
        } else {
            write_leaf_type(out_, t);
        }
    }

    /// `in_module`: below a module's top, so that steps are dotted and structs flatten.
    constexpr void type(const type_facts& t, const step* path, bool in_module, bool optional) {
        const bool flat = in_module && t.flattens;
        switch (t.kind) {
            case kind::optional: return type(*t.element, path, in_module, true);
            case kind::stand_in: return type(*t.element, path, in_module, optional);
            case kind::bits: return below_any(facts_of<bool>, path, false, false, optional);
            case kind::sequence:
            case kind::array:
            case kind::set:
            case kind::map: return below_any(*t.element, path, flat, flat, optional);
            case kind::tuple:
                for (std::size_t i = 0; i < t.members.size(); ++i) {
                    step s(path, flat);
                    s.number(i);
                    type(*t.members[i].type, &s, flat, optional);
                }
                return;
            case kind::aggregate: {
                const bool below_module = flat || (!in_module && t.is_module);
                for (const member& m : t.members) {
                    if (m.transient) continue;
                    if (m.type->kind == kind::rest) {
                        below_any(*m.type, path, flat, false, optional);
                        continue;
                    }
                    step s(path, flat);
                    s.call(m.name);
                    type(*m.type, &s, below_module, optional);
                }
                return;
            }
            case kind::metadata:
            case kind::unknown: return;
            case kind::variant:
                begin_line(path);
                alternatives(t);
                return end_line(optional);
            default:
                begin_line(path);
                write_leaf_type(out_, t);
                return end_line(optional);
        }
    }

    text_sink& out_;
    char line_end_;
};

// The text and its hash are constants of their own, so that each has the whole of a compiler's limit of steps.
template <class T>
inline constexpr std::size_t schema_size = schema_writer::size(facts_of<T>, version<T>);

template <class T>
inline constexpr auto schema_chars = [] {
    std::array<char, schema_size<T>> chars{};
    text_sink out{chars.data()};
    schema_writer::write(facts_of<T>, version<T>, out);
    return chars;
}();

template <class T>
inline constexpr std::uint64_t schema_digest =
    constant_xxh3::of(std::string_view(schema_chars<T>.data(), schema_chars<T>.size()));

}  // namespace tarc::detail

namespace tarc {

/// The type of schema_of<T>.
template <class T>
struct schema {
    /// One line a leaf, "path: type\n", in field order (DESIGN 3); a version<T> above 0 is the first line.
    [[nodiscard]] static constexpr std::string_view text() {
        static_cast<void>(&detail::require_archivable<T>);  // whose errors are not errors of this call
        if constexpr (detail::archivable<T>)
            return {detail::schema_chars<T>.data(), detail::schema_chars<T>.size()};
        else
            return {};
    }
    /// The XXH3-64 of the text.
    [[nodiscard]] static constexpr std::uint64_t digest() {
        static_cast<void>(&detail::require_archivable<T>);
        if constexpr (detail::archivable<T>)
            return detail::schema_digest<T>;
        else
            return 0;
    }
};

/// The shape of T in an archive, as a constant. Equal on every compiler and standard library.
template <class T>
inline constexpr schema<T> schema_of{};

/// schema_of<T>.text(), made at run time, which is cheaper to compile.
template <class T>
[[nodiscard]] std::string schema_text() {
    detail::require_archivable<T>();
    if constexpr (detail::archivable<T>)
        return detail::schema_writer::text(detail::facts_of<T>, version<T>);
    else
        return {};
}

}  // namespace tarc
