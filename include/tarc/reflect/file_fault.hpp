#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <tarc/reflect/file_schema.hpp>
#include <tarc/reflect/schema.hpp>
#include <tarc/util/constant_text.hpp>

/// What a file and a struct disagree on, as texts.
namespace tarc::detail {

/// A text that is part of a constant; a longer one is cut.
struct bounded_text {
    char chars[360] = {};
    std::size_t size = 0;

    [[nodiscard]] constexpr std::string_view view() const { return {chars, size}; }
    [[nodiscard]] constexpr text_sink sink() { return {chars, size, sizeof chars}; }
};

/// The first thing in which a file does not fit a struct.
struct file_fault {
    enum class what : std::uint8_t { none, missing, mismatched, unexpected };
    what is = what::none;
    bounded_text path, in_file, in_struct;
};

/// What stands at a place of a file, in the words of Python; a tensor as in a schema text.
constexpr void write_node(text_sink& out, const file_node& n) {
    const auto of = [&](std::string_view what) {
        out.append(what);
        out.append(" of ");
        out.number(n.size);
    };
    switch (n.kind) {
        case file_kind::none: return out.append("None");
        case file_kind::boolean: return out.append("bool");
        case file_kind::integer: return out.append("int");
        case file_kind::real: return out.append("float");
        case file_kind::complex: return out.append("complex");
        case file_kind::string: return out.append("str");
        case file_kind::bytes: return out.append("bytes");
        case file_kind::tensor: return write_tensor(out, to_string(n.dtype), n.shape);
        case file_kind::list: return of("list");
        case file_kind::tuple: return of("tuple");
        case file_kind::set: return of("set");
        case file_kind::dict: return of("dict");
        case file_kind::other: return out.append("an object that only tarc::value takes");
    }
}

/// What a field wants: its type as the schema text has it, or the word for a container.
constexpr void write_wanted(text_sink& out, const type_facts& t) {
    const auto of = [&](std::string_view what, std::size_t n) {
        out.append(what);
        out.number(n);
    };
    switch (t.kind) {
        case kind::optional: write_wanted(out, *t.element); return out.append('?');
        case kind::bits: return out.append("list of bool");
        case kind::sequence: return out.append("list");
        case kind::array: return of("list of ", t.count);
        case kind::tuple: return of("tuple of ", t.members.size());
        case kind::set: return out.append("set");
        case kind::map: return out.append("dict");
        case kind::aggregate: return out.append(t.is_module ? "state_dict" : "dict");
        default: return schema_writer::write_bare(t, out);
    }
}

/// One step of the way to a place; the steps above it stand in the callers.
struct file_place {
    const file_place* above = nullptr;
    std::string_view name = {};
    std::size_t index = 0;
    enum { key, number, dotted } form = key;  // a dict's key, an index, the key of a state_dict

    constexpr void write(text_sink& out) const {
        if (above != nullptr) {
            above->write(out);
            if (out.size != 0) out.append('/');
        }
        if (form == number)
            out.number(index);
        else if (form == dotted)
            out.append(name);
        else
            out.escaped(name);
    }
};

}  // namespace tarc::detail
