#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include <tarc/archive/python_text.hpp>
#include <tarc/container/known_globals.hpp>
#include <tarc/error.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// type(x).__name__, as far as the file says it.
[[nodiscard]] inline std::string_view type_name(const node& n) {
    switch (n.kind) {
        case value_kind::none: return "NoneType";
        case value_kind::boolean: return "bool";
        case value_kind::integer: return "int";
        case value_kind::real: return "float";
        case value_kind::complex: return "complex";
        case value_kind::string: return "str";
        case value_kind::bytes: return n.mutable_ ? "bytearray" : "bytes";
        case value_kind::list: return "list";
        case value_kind::tuple: return n.named ? "Size" : "tuple";
        case value_kind::set: return n.mutable_ ? "set" : "frozenset";
        case value_kind::dict: return "dict";
        case value_kind::tensor: return n.tensor->parameter ? "Parameter" : "Tensor";
        case value_kind::storage: return "TypedStorage";
        case value_kind::global:
            switch (constant_of(*n.global)) {
                case torch_constant::dtype: return "dtype";
                case torch_constant::qscheme: return "qscheme";
                case torch_constant::memory_format: return "memory_format";
                case torch_constant::no: break;
            }
            return "type";
        case value_kind::object: break;
    }
    const node* cls = n.object->cls;
    if (lookup(cls) == known::layout) return "layout";
    if (cls == nullptr || cls->kind != value_kind::global) return "object";
    const std::string_view name = cls->global->name;
    return name.substr(name.rfind('.') + 1);
}

/// Python's repr() of dict keys and set elements, which are text in a listing. Iterative. What it makes is limited:
/// tuples that hold one another, and big integers, ask for far more than their bytes in the file.
class python_repr {
public:
    /// `bytes` of text, in all calls together.
    explicit python_repr(std::uint64_t bytes) : room_(bytes), limit_(bytes) {}

    /// Errors: errc::limit_exceeded.
    [[nodiscard]] std::string operator()(const node& n) {
        out_.clear();
        levels_.clear();
        enter(n);
        while (!levels_.empty()) {
            level& l = levels_.back();
            const list_body& items = *l.of->list;
            if (l.next == items.size) {
                out_ += close(*l.of);
                levels_.pop_back();
                continue;
            }
            if (l.next != 0) out_ += ", ";
            enter(*items[l.next++]);
        }
        spend(out_.size());
        return std::move(out_);
    }

    /// Decimal digits of an integer outside int64. Errors: errc::limit_exceeded.
    [[nodiscard]] std::string digits(const node& n) {
        spend_digits(n.size);
        return big_decimal(n.str());
    }

private:
    struct level {
        const node* of;
        std::size_t next;
    };

    void spend(std::uint64_t bytes) {
        if (bytes > room_)
            raise(errc::limit_exceeded,
                  "dict keys or set elements have more than " + std::to_string(limit_) + " bytes of text");
        room_ -= bytes;
    }
    /// Enough for four integers of the greatest length, or for a million of 128 bytes.
    void spend_digits(std::uint64_t bytes) {
        work_ += bytes * bytes;
        if (bytes > UINT32_MAX || work_ > std::uint64_t{1} << 34)
            raise(errc::limit_exceeded, "too many large integers for decimal digits");
    }

    static const char* close(const node& n) {
        if (n.kind == value_kind::list) return "]";
        if (n.kind == value_kind::set) return n.list->size == 0 ? ")" : "})";
        return n.named ? "])" : n.list->size == 1 ? ",)" : ")";
    }

    void enter(const node& n) {
        if (out_.size() > room_) spend(out_.size());
        switch (n.kind) {
            case value_kind::none: out_ += "None"; return;
            case value_kind::boolean: out_ += n.boolean ? "True" : "False"; return;
            case value_kind::integer: out_ += n.big ? digits(n) : std::to_string(n.integer); return;
            case value_kind::real: return append_float(out_, n.real);
            case value_kind::complex: return append_complex(out_, n.complex[0], n.complex[1]);
            case value_kind::string: return append_quoted(out_, n.str());
            case value_kind::bytes: return append_bytes(out_, n.str());
            case value_kind::list: out_ += '['; break;
            case value_kind::tuple: out_ += n.named ? "torch.Size([" : "("; break;
            case value_kind::set: out_ += n.list->size == 0 ? "frozenset(" : "frozenset({"; break;
            default: return constant(n);
        }
        levels_.push_back({&n, 0});
    }

    void constant(const node& n) {
        const auto text = text_of(n);
        if (text && n.kind == value_kind::object && lookup(n.object->cls) == known::device) {
            const std::size_t colon = text->find(':');
            out_ += "device(type=";
            append_quoted(out_, std::string_view(*text).substr(0, colon));
            if (colon != text->npos) out_.append(", index=").append(*text, colon + 1);
            out_ += ')';
        } else if (text) {
            out_ += *text;
        } else {
            const node* cls = n.kind == value_kind::object ? n.object->cls : &n;
            const bool named = cls != nullptr && cls->kind == value_kind::global;
            out_ += n.kind == value_kind::object ? "<" : "<class ";
            if (named)
                out_.append(cls->global->module).append(".").append(cls->global->name);
            else
                out_ += type_name(n);
            out_ += n.kind == value_kind::object ? " object>" : ">";
        }
    }

    std::uint64_t room_, limit_, work_ = 0;
    std::string out_;
    vec<level> levels_;
};

}  // namespace tarc::detail
