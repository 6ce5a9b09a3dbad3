#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// NumPy's name of a dtype without its byte order; empty where NumPy has no such dtype.
[[nodiscard]] constexpr std::string_view npy_name(dtype t) {
    switch (t) {
        case dtype::float64: return "f8";
        case dtype::float32: return "f4";
        case dtype::float16: return "f2";
        case dtype::int64: return "i8";
        case dtype::int32: return "i4";
        case dtype::int16: return "i2";
        case dtype::int8: return "i1";
        case dtype::uint64: return "u8";
        case dtype::uint32: return "u4";
        case dtype::uint16: return "u2";
        case dtype::uint8: return "u1";
        case dtype::boolean: return "b1";
        case dtype::complex64: return "c8";
        case dtype::complex128: return "c16";
        default: return {};
    }
}

/// What stands before the elements in a .npy file (numpy/lib/format.py).
struct npy_header {
    std::string descr;          // as the header has it: "<f4", or Python's text of anything else
    std::optional<dtype> type;  // none where nothing here has the elements: strings, objects, records, dates
    bool big_endian = false;
    bool fortran = false;  // the first index is the fastest
    vec<std::int64_t> shape;
    std::uint64_t bytes = 0;  // of the header: where the elements begin

    [[nodiscard]] dims strides() const {
        if (!fortran) return contiguous_strides({shape.data(), shape.size()});
        vec<std::int64_t> turned(shape.size());
        for (std::size_t i = 0; i < shape.size(); ++i) turned[i] = shape[shape.size() - 1 - i];
        const dims rows = contiguous_strides({turned.data(), turned.size()});
        dims strides;
        strides.resize(shape.size());
        for (std::size_t i = 0; i < shape.size(); ++i) strides[i] = rows[shape.size() - 1 - i];
        return strides;
    }
};

/// The size of the header of versions 1 to 3, from its first 12 bytes (10 for version 1); none where these are not the
/// beginning of a .npy file.
[[nodiscard]] inline std::optional<std::uint64_t> npy_header_size(std::string_view front) {
    if (front.size() < 10 || !front.starts_with("\x93NUMPY")) return std::nullopt;
    const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(front[i])}; };
    if (byte(7) != 0) return std::nullopt;
    if (byte(6) == 1) return 10 + byte(8) + (byte(9) << 8);
    if ((byte(6) != 2 && byte(6) != 3) || front.size() < 12) return std::nullopt;
    return 12 + byte(8) + (byte(9) << 8) + (byte(10) << 16) + (byte(11) << 24);
}

/// Parses the header of a .npy file: a dict of Python with the keys "descr", "fortran_order" and "shape", in any order.
/// Nothing is evaluated, and nothing recurses. Errors: errc::bad_archive, errc::limit_exceeded.
class npy_parser {
public:
    /// `text` is the whole header, with its first bytes.
    npy_parser(std::string_view text, const limits& limit) : text_(text), limit_(limit) {}

    [[nodiscard]] npy_header read() && {
        npy_header h;
        h.bytes = text_.size();
        at_ = text_[6] == 1 ? 10 : 12;
        bool descr = false, order = false, shape = false;
        expect('{');
        while (peek() != '}') {
            const std::string_view key = quoted();
            expect(':');
            if (key == "descr" && !descr) {
                read_descr(h);
                descr = true;
            } else if (key == "fortran_order" && !order) {
                h.fortran = word("True");
                if (!h.fortran && !word("False")) fail("the order of its elements is neither True nor False");
                order = true;
            } else if (key == "shape" && !shape) {
                read_shape(h);
                shape = true;
            } else {
                fail("its header has a key too many");
            }
            if (peek() != '}') expect(',');
        }
        ++at_;
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
        if (at_ != text_.size()) fail("bytes follow the dict in its header");
        if (!descr || !order || !shape) fail("its header lacks descr, fortran_order or shape");
        return h;
    }

private:
    [[noreturn]] void fail(const char* message) const { raise_at(errc::bad_archive, message, {}, at_); }

    char peek() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
        if (at_ == text_.size()) fail("its header ends too soon");
        return text_[at_];
    }
    void expect(char c) {
        if (peek() != c) fail("its header is no dict of Python");
        ++at_;
    }
    bool word(std::string_view w) {
        peek();
        if (!text_.substr(at_).starts_with(w)) return false;
        at_ += w.size();
        return true;
    }
    std::string_view quoted() {
        const char quote = peek();
        if (quote != '\'' && quote != '"') fail("its header has no text where one should be");
        const std::size_t end = text_.find(quote, ++at_);
        if (end == std::string_view::npos) fail("a text in its header has no end");
        const std::string_view s = text_.substr(at_, end - at_);
        if (s.find('\\') != std::string_view::npos) fail("a text in its header has an escape");
        at_ = end + 1;
        return s;
    }

    void read_descr(npy_header& h) {
        if (peek() == '\'' || peek() == '"') {
            h.descr = quoted();
            std::string_view name = h.descr;
            const char order = name.empty() ? ' ' : name[0];
            if (order == '<' || order == '>' || order == '=' || order == '|') name.remove_prefix(1);
            for (const dtype_facts& f : dtype_table)
                if (!name.empty() && npy_name(f.type) == name) h.type = f.type;
            h.big_endian = order == '>';
            if (order == '|' && h.type && facts(*h.type).swap != 1) fail("a dtype in its header has no byte order");
            return;
        }
        peek();
        const std::size_t begin = at_;  // a record: lists and tuples of texts and numbers
        std::size_t depth = 0;
        do {
            const char c = peek();
            if (c == '\'' || c == '"') {
                static_cast<void>(skip_quoted());
                continue;
            }
            if (c == '[' || c == '(')
                ++depth;
            else if ((c == ']' || c == ')') && depth != 0)
                --depth;
            else if (depth == 0 || c == '{' || c == '}')
                fail("its dtype is neither a text nor a list");
            ++at_;
        } while (depth != 0);
        h.descr = text_.substr(begin, at_ - begin);
    }
    /// A name of a field may hold escapes.
    std::size_t skip_quoted() {
        const char quote = text_[at_++];
        for (; at_ < text_.size() && text_[at_] != quote; ++at_)
            if (text_[at_] == '\\') ++at_;
        if (at_ >= text_.size()) fail("a text in its header has no end");
        return ++at_;
    }

    void read_shape(npy_header& h) {
        expect('(');
        while (peek() != ')') {
            std::int64_t n = 0;
            const std::size_t begin = at_;
            for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
                if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, text_[at_] - '0', &n))
                    fail("a size in its header is greater than 2^63 - 1");
            if (at_ == begin) fail("a size in its header is no number");
            if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2
            h.shape.push_back(n);
            if (h.shape.size() > limit_.rank)
                raise(errc::limit_exceeded,
                      "it has more dimensions than " + std::to_string(limit_.rank) + " (tarc::limits::rank)");
            if (peek() != ')') expect(',');
        }
        ++at_;
    }

    std::string_view text_;
    const limits& limit_;
    std::size_t at_ = 0;
};

/// The header as NumPy writes it, of a multiple of 64 bytes. The dtype must be one of NumPy's.
[[nodiscard]] inline std::string npy_header_text(dtype t, bool fortran, std::span<const std::int64_t> shape) {
    std::string text = "{'descr': '";
    text.append(facts(t).size == 1 ? "|" : "<").append(npy_name(t)).append("', 'fortran_order': ");
    text.append(fortran ? "True" : "False").append(", 'shape': (");
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i != 0) text += ", ";
        text += std::to_string(shape[i]);
    }
    text += shape.size() == 1 ? ",), }" : "), }";
    // room to grow for the dimension that elements are appended along: GROWTH_AXIS_MAX_DIGITS
    if (!shape.empty()) {
        const std::size_t digits = std::to_string(fortran ? shape.back() : shape.front()).size();
        text.append(digits < 21 ? 21 - digits : 0, ' ');
    }
    const std::size_t before = 10 + text.size() + 1;
    text.append(64 - before % 64, ' ');
    text += '\n';
    std::string whole("\x93NUMPY\x01\0", 8);
    whole += static_cast<char>(text.size() & 255);
    whole += static_cast<char>(text.size() >> 8);
    return whole + text;
}

}  // namespace tarc::detail
