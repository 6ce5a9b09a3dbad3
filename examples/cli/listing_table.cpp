#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tarc/archive/python_repr.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/value/tensor_of.hpp>

#include "listing.hpp"

namespace cli {
namespace {

constexpr std::size_t longest_path = 160, longest_value = 60;  // characters

std::size_t width(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(
        utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80; }));
}

std::string path_text(const std::vector<tarc::key>& path) {
    std::string text;
    for (const tarc::key& k : path) {
        if (!text.empty()) text += '/';
        if (k.is_name())
            append_plain(text, k.name(), longest_path);
        else
            text += k.text().substr(0, longest_path);
        if (text.size() > longest_path) break;
    }
    std::string cut;
    append_plain(cut, text, longest_path);
    return cut.empty() ? "." : cut;
}

std::string value_text(const tarc::entry& e, tarc::detail::python_repr& repr) {
    std::string text;
    const tarc::detail::node& n = *e.value.get();
    const auto append_start = [&](auto append) {  // enough of it to see that it is cut
        append(text, n.str().substr(0, longest_value * 4));
        return text;
    };
    switch (e.kind) {
        case tarc::value_kind::list: return "[]";
        case tarc::value_kind::tuple: return "()";
        case tarc::value_kind::set: return "set()";
        case tarc::value_kind::dict: return "{}";
        default: break;
    }
    switch (n.kind) {
        case tarc::value_kind::string: return append_start(tarc::detail::append_quoted);
        case tarc::value_kind::bytes: return append_start(tarc::detail::append_bytes);
        case tarc::value_kind::global:
        case tarc::value_kind::object: return std::string(e.text);
        case tarc::value_kind::integer:
            if (n.big && n.size > 256) return "an integer of " + std::to_string(n.size) + " bytes";
            return repr(n);
        default: return repr(n);
    }
}

/// The first tensor over a storage, for the note at the others.
struct first_view {
    std::string path;
    tarc::dtype dtype;
    std::vector<std::int64_t> shape, strides;
    std::int64_t offset;

    [[nodiscard]] bool same_view(const tarc::entry& e) const {
        return dtype == e.dtype && offset == e.offset &&
               std::equal(shape.begin(), shape.end(), e.shape.begin(), e.shape.end()) &&
               std::equal(strides.begin(), strides.end(), e.strides.begin(), e.strides.end());
    }
};

struct colors {
    const char *head = "", *dim = "", *note = "", *end = "";
};

void pad(std::string& out, std::string_view text, std::size_t to) {
    out += text;
    const std::size_t have = width(text);
    out.append(have < to ? to - have : 0, ' ').append("  ");
}
void pad_left(std::string& out, std::string_view text, std::size_t to) {
    const std::size_t have = width(text);
    out.append(have < to ? to - have : 0, ' ').append(text).append("  ");
}

class table {
public:
    table(output& out, const crc_lookup& crc) : out_(out), crc_(crc) {
        if (wants_color()) c_ = {"\033[1m", "\033[2m", "\033[33m", "\033[0m"};
    }

    void measure(const tarc::entry& e) {
        widen(path_, path_text(e.path));
        widen(type_, type_text(e));
        if (!e.is_tensor()) {
            ++values_;
            return;
        }
        widen(shape_, tarc::detail::shape_text(e.shape));
        widen(size_, bytes_text(e));
        widen(location_, location_text(e));
        ++tensors_;
        if (__builtin_add_overflow(bytes_, e.nbytes, &bytes_)) bytes_ = UINT64_MAX;
    }

    void head() {
        if (tensors_ + values_ == 0) return;
        out_.text += c_.head;
        pad(out_.text, "path", path_);
        pad(out_.text, "type", type_);
        if (tensors_ == 0) {
            out_.text += "value";
        } else {
            pad(out_.text, "shape", shape_);
            pad_left(out_.text, "size", size_);
            if (crc_) pad(out_.text, "crc-32", 8);
            pad(out_.text, "location", location_);
        }
        end_line();
    }

    void row(const tarc::entry& e) {
        pad(out_.text, path_text(e.path), path_);
        out_.text += c_.dim;
        pad(out_.text, type_text(e), type_);
        out_.text += c_.end;
        if (e.is_tensor()) {
            tensor(e);
        } else {
            const std::string text = value_text(e, repr_);
            append_plain(out_.text, text, longest_value);
        }
        end_line();
        out_.step();
    }

    void totals(std::uint64_t file_bytes) {
        out_.text += c_.head;
        out_.text += count_text(tensors_, "tensor");
        if (tensors_ != 0) out_.text += " of " + size_text(bytes_) + " in " + count_text(storages_, "storage");
        out_.text += ", " + count_text(values_, "other value") + ", file of " + size_text(file_bytes);
        end_line();
    }

private:
    static void widen(std::size_t& column, std::string_view text) { column = std::max(column, width(text)); }

    static std::string type_text(const tarc::entry& e) {
        if (e.is_tensor()) return std::string(to_string(e.dtype));
        return tarc::detail::kind_name(e.kind);
    }
    static std::string bytes_text(const tarc::entry& e) {
        return e.nbytes == UINT64_MAX ? "> 18 EB" : size_text(e.nbytes);
    }
    static std::string location_text(const tarc::entry& e) {
        std::string text;
        append_plain(text, e.location, 40);
        return text;
    }

    void tensor(const tarc::entry& e) {
        std::string& out = out_.text;
        pad(out, tarc::detail::shape_text(e.shape), shape_);
        pad_left(out, bytes_text(e), size_);
        if (crc_) {
            tarc::detail::append_hex(out, crc_(e), 8);
            out += "  ";
        }
        pad(out, location_text(e), location_);
        const auto [at, fresh] = first_.try_emplace(e.storage);
        if (fresh) {
            at->second = {path_text(e.path),
                          e.dtype,
                          {e.shape.begin(), e.shape.end()},
                          {e.strides.begin(), e.strides.end()},
                          e.offset};
            ++storages_;
        } else {
            out.append(c_.note)
                .append(at->second.same_view(e) ? "tied to " : "shares the storage of ")
                .append(at->second.path)
                .append(c_.end);
        }
    }

    /// Without blanks before its end.
    void end_line() {
        while (out_.text.ends_with(' ')) out_.text.pop_back();
        out_.text.append(c_.end).append("\n");
    }

    output& out_;
    const crc_lookup& crc_;
    colors c_;
    tarc::detail::python_repr repr_{UINT64_MAX};
    std::unordered_map<std::size_t, first_view> first_;
    std::size_t path_ = 4, type_ = 4, shape_ = 5, size_ = 4, location_ = 8;
    std::uint64_t tensors_ = 0, values_ = 0, storages_ = 0, bytes_ = 0;
};

}  // namespace

void print_table(output& out, const each_entry& each, const crc_lookup& crc, std::uint64_t file_bytes) {
    table t(out, crc);
    each([&](const tarc::entry& e) { t.measure(e); });
    t.head();
    each([&](const tarc::entry& e) { t.row(e); });
    t.totals(file_bytes);
}

}  // namespace cli
