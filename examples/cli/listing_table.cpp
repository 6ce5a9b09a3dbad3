#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tarc/archive/python_repr.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/value/walk.hpp>

#include "entry_text.hpp"
#include "listing.hpp"

namespace cli {
namespace {

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

/// What is below a container, or in the file.
struct totals {
    std::uint64_t tensors = 0, values = 0, bytes = 0;

    void add(const totals& t) {
        tensors += t.tensors;
        values += t.values;
        if (__builtin_add_overflow(bytes, t.bytes, &bytes)) bytes = UINT64_MAX;
    }
};

std::string totals_text(const totals& t) {
    std::string text;
    if (t.tensors != 0) text = count_text(t.tensors, "tensor") + " of " + size_text(t.bytes);
    if (t.values != 0) text += (text.empty() ? "" : ", ") + count_text(t.values, "value");
    return text;
}

/// Whether a list is short to print: plain values, which stand in one line of a tree.
bool is_line(const tarc::detail::node& n) {
    if (n.kind != tarc::value_kind::list && n.kind != tarc::value_kind::tuple) return false;
    return std::all_of(n.list->begin(), n.list->end(), [](const tarc::detail::node* item) {
        switch (item->kind) {
            case tarc::value_kind::none:
            case tarc::value_kind::boolean:
            case tarc::value_kind::real: return true;
            case tarc::value_kind::integer: return !item->big;
            case tarc::value_kind::string: return item->size <= 40;
            default: return false;
        }
    });
}

std::string container_type(const tarc::detail::node& n) {
    std::string text;
    if (n.kind == tarc::value_kind::dict && n.dict->cls == tarc::detail::dict_class::ordered)
        text = "OrderedDict";
    else
        append_plain(text, tarc::detail::type_name(n), 24);
    return text;
}

class listing_table {
public:
    listing_table(output& out, const crc_lookup& crc, bool tree) : out_(out), crc_(crc), tree_(tree) {}

    // The first pass.
    void measure(const tarc::entry& e) {
        close(e.path.size());
        totals one;
        if (e.is_tensor()) {
            one = {1, 0, e.nbytes};
            widen(shape_, tarc::detail::shape_text(e.shape));
            widen(size_, bytes_text(e));
            widen(location_, location_text(e));
        } else {
            one.values = 1;
        }
        (open_.empty() ? all_ : below_[open_.back().number]).add(one);
        if (in_line()) return;
        widen(path_, name(e.path));
        widen(type_, type_text(e));
    }
    void measure(const std::vector<tarc::key>& path, const tarc::detail::node& n) {
        if (!tree_) return;
        close(path.size());
        open_.push_back({path.size(), below_.size()});
        below_.emplace_back();
        if (is_line(n)) in_line_ = n.list->size;
        if (!shows(path, n)) return;
        widen(path_, name(path) + "/");
        widen(type_, container_type(n));
    }

    void head() {
        close(0);
        next_ = 0;
        if (all_.tensors + all_.values == 0) return;
        out_.text += c_.head;
        pad(out_.text, "path", path_);
        pad(out_.text, "type", type_);
        if (all_.tensors == 0) {
            out_.text += "value";
        } else {
            pad(out_.text, "shape", shape_);
            pad_left(out_.text, "size", size_);
            if (crc_) pad(out_.text, "crc-32", 8);
            pad(out_.text, "location", location_);
        }
        end_line();
    }

    // The second pass.
    void row(const tarc::entry& e) {
        if (in_line()) return;
        begin_line(name(e.path), type_text(e), "");
        if (e.is_tensor())
            tensor(e);
        else
            out_.text += value_text(e, repr_);
        end_line();
    }
    void row(const std::vector<tarc::key>& path, const tarc::detail::node& n) {
        if (!tree_) return;
        const totals& below = below_[next_++];
        if (is_line(n)) in_line_ = n.list->size;
        if (!shows(path, n)) return;
        begin_line(is_line(n) ? name(path) : name(path) + "/", container_type(n), is_line(n) ? "" : c_.head);
        out_.text += is_line(n) ? line_text(n) : c_.dim + totals_text(below);
        end_line();
    }

    void totals_line(std::uint64_t file_bytes) {
        out_.text += c_.head;
        out_.text += count_text(all_.tensors, "tensor");
        if (all_.tensors != 0) out_.text += " of " + size_text(all_.bytes) + " in " + count_text(storages_, "storage");
        out_.text += ", " + count_text(all_.values, "other value") + ", file of " + size_text(file_bytes);
        end_line();
    }

private:
    struct open_container {
        std::size_t depth, number;
    };

    /// Containers that have ended where something stands at this depth.
    void close(std::size_t depth) {
        while (!open_.empty() && open_.back().depth >= depth) {
            const totals done = below_[open_.back().number];
            open_.pop_back();
            (open_.empty() ? all_ : below_[open_.back().number]).add(done);
        }
        if (depth != 0 || open_.empty()) return;
        all_.add(below_[open_.back().number]);
        open_.clear();
    }

    /// The root has a line of its own where it is more than a dict.
    [[nodiscard]] static bool shows(const std::vector<tarc::key>& path, const tarc::detail::node& n) {
        return !path.empty() || n.kind == tarc::value_kind::object;
    }
    bool in_line() { return in_line_ != 0 && in_line_-- != 0; }

    static void widen(std::size_t& column, std::string_view text) { column = std::max(column, text_width(text)); }

    [[nodiscard]] std::string name(const std::vector<tarc::key>& path) const {
        if (!tree_ || path.empty()) return path_text(path);
        return std::string(2 * std::min<std::size_t>(path.size() - 1, 30), ' ') + step_text(path.back());
    }
    static std::string bytes_text(const tarc::entry& e) {
        return e.nbytes == UINT64_MAX ? "> 18 EB" : size_text(e.nbytes);
    }
    static std::string location_text(const tarc::entry& e) {
        std::string text;
        append_plain(text, e.location, 40);
        return text;
    }
    std::string line_text(const tarc::detail::node& n) {
        const bool list = n.kind == tarc::value_kind::list;
        std::string text(1, list ? '[' : '(');
        for (std::size_t i = 0; i < n.list->size; ++i) {
            if (i != 0) text += ", ";
            if (text.size() > 50) return text + "… " + std::to_string(n.list->size) + (list ? " in all]" : " in all)");
            append_plain(text, repr_(*(*n.list)[i]));
        }
        return text + (list ? "]" : n.list->size == 1 ? ",)" : ")");
    }

    void begin_line(std::string_view name, std::string_view type, const char* color) {
        out_.text += color;
        pad(out_.text, name, path_);
        out_.text.append(*color != '\0' ? c_.end : "").append(c_.dim);
        pad(out_.text, type, type_);
        out_.text += c_.end;
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
        out_.step();
    }

    output& out_;
    const crc_lookup& crc_;
    bool tree_;
    colors c_ = wanted_colors();
    tarc::detail::python_repr repr_{UINT64_MAX};
    std::unordered_map<std::size_t, first_view> first_;
    std::size_t path_ = 4, type_ = 4, shape_ = 5, size_ = 4, location_ = 8;
    std::vector<totals> below_;         // of containers, in the order in which they come
    std::vector<open_container> open_;  // those that hold what comes next
    totals all_;
    std::uint64_t storages_ = 0;
    std::size_t next_ = 0, in_line_ = 0;  // container to come; entries that stand in the line of their list
};

}  // namespace

void print_table(output& out, const each_entry& each, const crc_lookup& crc, std::uint64_t file_bytes, bool tree) {
    listing_table t(out, crc, tree);
    each([&](const tarc::entry& e) { t.measure(e); },
         [&](const std::vector<tarc::key>& path, const tarc::detail::node& n) { t.measure(path, n); });
    t.head();
    each([&](const tarc::entry& e) { t.row(e); },
         [&](const std::vector<tarc::key>& path, const tarc::detail::node& n) { t.row(path, n); });
    t.totals_line(file_bytes);
}

}  // namespace cli
