#pragma once

#include <array>
#include <charconv>
#include <cmath>  // std::isfinite, std::trunc
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <string>
#include <string_view>
#include <vector>

#include <tarc/container/known_globals.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/value/tensor_of.hpp>
#include <tarc/value/utf8.hpp>

/// Python scalars into C++ ones and 0-d tensors, and back: exactly or not at all.
namespace tarc::detail {

[[nodiscard]] inline std::string tensor_text(const type_facts& t) {
    std::string s = t.any_dtype ? "a tensor" : "a tensor of " + std::string(to_string(t.dtype));
    if (!t.has_rank) return s;
    s += " [";
    for (std::size_t i = 0; i < t.extents.size(); ++i)
        s += (i == 0 ? "" : ", ") + (t.extents[i] == dyn ? std::string("?") : std::to_string(t.extents[i]));
    return s + "]";
}

/// A value of the file for a message.
[[nodiscard]] inline std::string describe_node(const node& n) {
    switch (n.kind) {
        case value_kind::tensor:
            return "a tensor of " + std::string(to_string(n.tensor->type)) + " " + shape_text(n.tensor->shape);
        case value_kind::integer:
            return n.big ? std::string("an int of more than 64 bits") : "the int " + std::to_string(n.integer);
        case value_kind::boolean: return n.boolean ? "the bool True" : "the bool False";
        case value_kind::real: {
            char text[32];
            return "the float " + std::string(text, std::to_chars(text, text + sizeof text, n.real).ptr);
        }
        case value_kind::string:
            return n.size <= 40 ? "the str \"" + std::string(n.str()) + "\""
                                : "a str of " + std::to_string(n.size) + " bytes";
        case value_kind::list:
        case value_kind::tuple:
        case value_kind::set: return std::string("a ") + kind_name(n.kind) + " of " + std::to_string(n.list->size);
        case value_kind::none: return "None";
        case value_kind::object:
            return is_structured_tensor(n) ? "a sparse, quantized or nested tensor made by " + class_text(n) +
                                                 " (bind a tarc::value, or make it dense before the save)"
                                           : "an object of " + class_text(n) +
                                                 ", a class that tarc does not know (bind a tarc::value to read its "
                                                 "parts, or save them as plain values)";
        case value_kind::global:
            return "the class or function " + class_text(n) + " (bind a tarc::value to read its name)";
        default: return std::string("a ") + kind_name(n.kind);
    }
}

struct integer_form {
    bool is_signed;
    int size;  // bytes
};

[[nodiscard]] inline std::string integer_name(integer_form f) {
    return (f.is_signed ? "int" : "uint") + std::to_string(f.size * 8);
}

/// Whether an int is exactly a double.
[[nodiscard]] inline bool exact_double(const node& n, double& d) {
    if (n.big) {
        if (n.size != 9 || n.text[8] != 0) return false;  // beyond uint64
        std::uint64_t u = 0;
        std::memcpy(&u, n.text, 8);
        d = static_cast<double>(u);
        return d < 18446744073709551616.0 && static_cast<std::uint64_t>(d) == u;
    }
    d = static_cast<double>(n.integer);
    return d < 9223372036854775808.0 && static_cast<std::int64_t>(d) == n.integer;
}

[[nodiscard]] inline double read_real(const type_facts& t, const void* p) {
    if (t.size == 4) {
        float f = 0;
        std::memcpy(&f, p, 4);
        return static_cast<double>(f);
    }
    double d = 0;
    std::memcpy(&d, p, 8);
    return d;
}

inline void write_real(const type_facts& t, void* p, double d) {
    if (t.size == 8) {
        std::memcpy(p, &d, 8);
    } else {
        const auto f = static_cast<float>(d);
        std::memcpy(p, &f, 4);
    }
}

/// Why a double cannot be a float or double field; empty when it can.
[[nodiscard]] inline std::string real_fault(const type_facts& t, double d) {
    if (t.size == 4 && std::isfinite(d) && !std::isfinite(static_cast<float>(d))) return "float32, which it exceeds";
    return {};
}

/// Writes an integer node into an integer of any size. Empty when it fits, else what was wanted.
[[nodiscard]] inline std::string read_integer(integer_form t, void* p, const node& n) {
    if (n.kind != value_kind::integer) return integer_name(t);
    std::uint64_t u = static_cast<std::uint64_t>(n.integer);
    bool fits = !n.big;
    if (n.big) {  // the only bigger ones that fit are those from 2^63 to 2^64 - 1: nine bytes, the last one 0
        fits = !t.is_signed && t.size == 8 && n.size == 9 && n.text[8] == 0;
        if (fits) std::memcpy(&u, n.text, 8);
    } else if (t.is_signed) {
        const int spare = 64 - t.size * 8;
        fits = spare == 0 || (n.integer >= -(std::int64_t{1} << (t.size * 8 - 1)) &&
                              n.integer < (std::int64_t{1} << (t.size * 8 - 1)));
    } else {
        fits = n.integer >= 0 && (t.size == 8 || u < (std::uint64_t{1} << (t.size * 8)));
    }
    if (!fits) return integer_name(t) + ", into which it does not fit";
    std::memcpy(p, &u, static_cast<std::size_t>(t.size));
    return {};
}

/// Numbers that no field takes as they are: by dtype_policy::widen a bool as a number, by `cast` also a float as an
/// int, toward zero, an int as the nearest float, and any number as whether it is not 0. False where that cannot be
/// either.
[[nodiscard]] inline bool cast_number(const type_facts& t, void* p, const node& n, bool cast) {
    const bool is_bool = n.kind == value_kind::boolean;
    const bool is_int = n.kind == value_kind::integer && !n.big;
    if (!is_bool && !is_int && n.kind != value_kind::real) return false;
    if (!is_bool && !cast) return false;
    const double d = is_bool ? (n.boolean ? 1 : 0) : is_int ? static_cast<double>(n.integer) : n.real;
    switch (t.kind) {
        case kind::boolean: *static_cast<bool*>(p) = is_int ? n.integer != 0 : d != 0; return true;
        case kind::integer: {
            const double whole = std::trunc(d);
            const double low = t.is_signed ? -std::ldexp(1.0, t.size * 8 - 1) : 0;
            const double end = std::ldexp(1.0, t.size * 8 - (t.is_signed ? 1 : 0));
            if (is_int || !(whole >= low && whole < end)) return false;  // an int that does not fit has no nearest one
            const std::uint64_t u = whole < 0 ? static_cast<std::uint64_t>(static_cast<std::int64_t>(whole))
                                              : static_cast<std::uint64_t>(whole);
            write_integer(t, p, u);
            return true;
        }
        case kind::real:
            if (!real_fault(t, d).empty()) return false;
            write_real(t, p, d);
            return true;
        default: return false;
    }
}

/// Writes a scalar node into a scalar. Empty when it fits, else what was wanted.
[[nodiscard]] inline std::string read_scalar(const type_facts& t, void* p, const node& n) {
    switch (t.kind) {
        case kind::none: return n.kind == value_kind::none ? "" : "None";
        case kind::boolean:
            if (n.kind != value_kind::boolean) return "bool";
            *static_cast<bool*>(p) = n.boolean;
            return {};
        case kind::integer: return read_integer({t.is_signed, t.size}, p, n);
        case kind::real: {
            double d = n.real;
            if (n.kind == value_kind::integer) {
                if (!exact_double(n, d)) return "a float, into which this int does not convert exactly";
            } else if (n.kind != value_kind::real) {
                return "float";
            }
            if (std::string why = real_fault(t, d); !why.empty()) return why;
            write_real(t, p, d);
            return {};
        }
        case kind::complex: {
            double re = n.complex[0], im = n.complex[1];
            if (n.kind == value_kind::real) {
                re = n.real;
                im = 0;
            } else if (n.kind == value_kind::integer) {
                im = 0;
                if (!exact_double(n, re)) return "a complex, into which this int does not convert exactly";
            } else if (n.kind != value_kind::complex) {
                return "complex";
            }
            if (!real_fault(t, re).empty() || !real_fault(t, im).empty()) return "complex64, which it exceeds";
            write_real(t, p, re);
            write_real(t, static_cast<char*>(p) + t.size, im);
            return {};
        }
        case kind::string:
            if (n.kind != value_kind::string) return "str";
            if (!is_utf8(n.str())) return "a str without lone surrogates";
            static_cast<std::string*>(p)->assign(n.str());
            return {};
        case kind::bytes: {
            if (n.kind != value_kind::bytes) return "bytes";
            const auto* first = reinterpret_cast<const std::byte*>(n.text);
            static_cast<std::vector<std::byte>*>(p)->assign(first, first + n.size);
            return {};
        }
        case kind::enumeration: {
            if (!t.has_names) return read_integer({t.is_signed, t.size}, p, n);
            if (n.kind != value_kind::string) return "the name of an enum's value";
            for (const enum_entry& e : t.names) {
                if (e.name != n.str()) continue;
                write_integer(t, p, static_cast<std::uint64_t>(e.value));
                return {};
            }
            std::string known;
            for (const enum_entry& e : t.names) known += (known.empty() ? "\"" : ", \"") + std::string(e.name) + "\"";
            return "one of the names " + known;
        }
        case kind::text:
            if (n.kind != value_kind::string) return "str";
            return t.from_text(p, n.str()) ? "" : "a random engine's state";
        default: return "a scalar";
    }
}

/// The one element of a tensor as a scalar node.
class element_value {
public:
    explicit element_value(const any_tensor& tensor) {
        std::byte raw[16] = {};
        tensor.copy_to(std::span(raw, tensor.nbytes()));
        const auto as = [&](auto sample, std::size_t at = 0) {
            std::memcpy(&sample, raw + at, sizeof sample);
            return sample;
        };
        const auto narrow = [&](auto sample, std::size_t at = 0) { return static_cast<double>(float(as(sample, at))); };
        switch (tensor.dtype()) {
            case dtype::float64: real(as(double{})); break;
            case dtype::float32: real(narrow(float{})); break;
            case dtype::float16: real(narrow(tarc::float16{})); break;
            case dtype::bfloat16: real(narrow(tarc::bfloat16{})); break;
            case dtype::float8_e4m3fn: real(narrow(tarc::float8_e4m3fn{})); break;
            case dtype::float8_e5m2: real(narrow(tarc::float8_e5m2{})); break;
            case dtype::float8_e4m3fnuz: real(narrow(tarc::float8_e4m3fnuz{})); break;
            case dtype::float8_e5m2fnuz: real(narrow(tarc::float8_e5m2fnuz{})); break;
            case dtype::float8_e8m0fnu: real(narrow(tarc::float8_e8m0fnu{})); break;
            case dtype::int64: integer(as(std::int64_t{})); break;
            case dtype::int32: integer(as(std::int32_t{})); break;
            case dtype::int16: integer(as(std::int16_t{})); break;
            case dtype::int8: integer(as(std::int8_t{})); break;
            case dtype::uint8: integer(as(std::uint8_t{})); break;
            case dtype::uint16: integer(as(std::uint16_t{})); break;
            case dtype::uint32: integer(as(std::uint32_t{})); break;
            case dtype::uint64: unsigned_integer(as(std::uint64_t{})); break;
            case dtype::boolean:
                node_.kind = value_kind::boolean;
                node_.boolean = raw[0] != std::byte{0};
                break;
            case dtype::complex64: complex(narrow(float{}), narrow(float{}, 4)); break;
            case dtype::complex128: complex(as(double{}), as(double{}, 8)); break;
            case dtype::complex32: complex(narrow(tarc::float16{}), narrow(tarc::float16{}, 2)); break;
            default: break;  // None, which no number takes
        }
    }

    /// Valid as long as this object.
    [[nodiscard]] node get() const {
        node n = node_;
        if (n.big) n.text = digits_.data();
        return n;
    }
    /// A float without a fraction as an integer; anything else as it is.
    [[nodiscard]] element_value whole() const {
        element_value e = *this;
        if (node_.kind != value_kind::real || node_.real != std::trunc(node_.real)) return e;
        if (std::abs(node_.real) < 9223372036854775808.0)
            e.integer(static_cast<std::int64_t>(node_.real));
        else if (node_.real > 0 && node_.real < 18446744073709551616.0)
            e.unsigned_integer(static_cast<std::uint64_t>(node_.real));
        return e;
    }

private:
    void real(double d) {
        node_.kind = value_kind::real;
        node_.real = d;
    }
    void integer(std::int64_t i) {
        node_.kind = value_kind::integer;
        node_.integer = i;
    }
    void unsigned_integer(std::uint64_t u) {
        if (u <= static_cast<std::uint64_t>(INT64_MAX)) return integer(static_cast<std::int64_t>(u));
        node_.kind = value_kind::integer;
        node_.big = true;
        node_.size = digits_.size();
        std::memcpy(digits_.data(), &u, 8);
    }
    void complex(double re, double im) {
        node_.kind = value_kind::complex;
        node_.complex[0] = re;
        node_.complex[1] = im;
    }

    node node_;
    std::array<char, 9> digits_{};  // of an integer outside int64, as a tree has it
};

/// Writes a double as an element of a floating dtype; false when it is not exactly one.
[[nodiscard]] inline bool put_real(dtype t, std::byte* p, double d) {
    const auto f = static_cast<float>(d);
    const auto put = [&](auto x) {
        const auto back = static_cast<double>(static_cast<float>(x));
        if (d == d && (back != d || std::signbit(back) != std::signbit(d))) return false;
        std::memcpy(p, &x, sizeof x);
        return true;
    };
    switch (t) {
        case dtype::float64: std::memcpy(p, &d, sizeof d); return true;
        case dtype::float32: return put(f);
        case dtype::float16: return put(tarc::float16(f));
        case dtype::bfloat16: return put(tarc::bfloat16(f));
        case dtype::float8_e4m3fn: return put(tarc::float8_e4m3fn(f));
        case dtype::float8_e5m2: return put(tarc::float8_e5m2(f));
        case dtype::float8_e4m3fnuz: return put(tarc::float8_e4m3fnuz(f));
        case dtype::float8_e5m2fnuz: return put(tarc::float8_e5m2fnuz(f));
        default: return false;
    }
}

/// A 0-d tensor of a scalar node, on the host; false when the value is not exactly one of the dtype.
[[nodiscard]] inline bool element_tensor(dtype t, const node& n, any_tensor& out) {
    any_tensor made = any_tensor::empty(t, {});
    auto* p = static_cast<std::byte*>(made.raw_data());
    const auto put = [&](auto x) { std::memcpy(p, &x, sizeof x); };
    if (n.kind == value_kind::boolean) {
        if (t != dtype::boolean) return false;
        put(n.boolean);
    } else if (facts(t).kind == dtype_class::integer) {
        const bool is_signed = t == dtype::int64 || t == dtype::int32 || t == dtype::int16 || t == dtype::int8;
        if (!read_integer({is_signed, static_cast<int>(size_of(t))}, p, n).empty()) return false;
    } else {
        double re = n.kind == value_kind::complex ? n.complex[0] : n.real,
               im = n.kind == value_kind::complex ? n.complex[1] : 0;
        if (n.kind == value_kind::integer) {
            if (!exact_double(n, re)) return false;
        } else if (n.kind != value_kind::real && n.kind != value_kind::complex) {
            return false;
        }
        const bool is_complex = facts(t).kind == dtype_class::complex;
        if (n.kind == value_kind::complex && !is_complex) return false;
        const std::size_t part = size_of(t) / (is_complex ? 2 : 1);
        const dtype real = !is_complex ? t : part == 8 ? dtype::float64 : part == 4 ? dtype::float32 : dtype::float16;
        if (!put_real(real, p, re) || (is_complex && !put_real(real, p + part, im))) return false;
    }
    out = made;
    return true;
}

}  // namespace tarc::detail
