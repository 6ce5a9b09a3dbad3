#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tarc/archive/entries.hpp>
#include <tarc/error.hpp>

#include "checkpoint.hpp"
#include "commands.hpp"
#include "compare.hpp"
#include "differences.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "state_dicts.hpp"

namespace cli {
namespace {

/// Whether keys of nested dicts are one key in this format, with dots, as a state_dict has them.
bool is_flat(tarc::file_format f) {
    return f == tarc::file_format::safetensors || f == tarc::file_format::npz || f == tarc::file_format::torch_script;
}

/// Texts that are equal for paths that are meant to be. Where a path comes twice in a file (keys that Python prints
/// alike), the second one has another text than the first.
class path_names {
public:
    explicit path_names(bool flat) : flat_(flat) {}

    [[nodiscard]] std::string operator()(const tarc::entry& e) {
        std::string name;
        for (const tarc::key& k : e.path) {
            if (flat_) {
                name.append(name.empty() ? "" : ".").append(k.text());
                continue;
            }
            const std::string text = k.text();
            name.append(std::to_string(text.size())).append(k.is_name() ? "'" : ":").append(text);
        }
        if (const std::size_t again = seen_[name]++; again != 0) name.append("#").append(std::to_string(again));
        return name;
    }

private:
    bool flat_;
    std::unordered_map<std::string, std::size_t> seen_;
};

std::string_view string_of(const tarc::entry& e) {
    const auto kind = e.value.get()->kind;
    return kind == tarc::value_kind::string || kind == tarc::value_kind::bytes ? e.value.get()->str() : e.text;
}

bool same_real(double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); }

/// Of two values of one kind that are no tensors.
bool same_value(const tarc::entry& a, const tarc::entry& b) {
    const tarc::detail::node &x = *a.value.get(), &y = *b.value.get();
    switch (a.kind) {
        case tarc::value_kind::boolean: return x.boolean == y.boolean;
        case tarc::value_kind::integer: return x.big == y.big && (x.big ? x.str() == y.str() : x.integer == y.integer);
        case tarc::value_kind::real: return same_real(x.real, y.real);
        case tarc::value_kind::complex:
            return same_real(x.complex[0], y.complex[0]) && same_real(x.complex[1], y.complex[1]);
        case tarc::value_kind::string:
        case tarc::value_kind::bytes:
        case tarc::value_kind::global:
        case tarc::value_kind::object: return string_of(a) == string_of(b);
        default: return true;  // None, empty containers
    }
}

class comparison {
public:
    comparison(std::span<const tarc::entry> a, std::span<const tarc::entry> b, bool flat) {
        path_names names_a(flat), names_b(flat);
        std::unordered_map<std::string, std::size_t> in_b;
        for (std::size_t i = 0; i < b.size(); ++i) in_b.emplace(names_b(b[i]), i);
        std::vector<bool> met(b.size());
        for (const tarc::entry& e : a) {
            const auto found = in_b.find(names_a(e));
            if (found == in_b.end()) {
                add(difference_kind::only_in_a, &e, nullptr);
                continue;
            }
            met[found->second] = true;
            pair(e, b[found->second]);
        }
        for (std::size_t i = 0; i < b.size(); ++i)
            if (!met[i]) add(difference_kind::only_in_b, nullptr, &b[i]);
    }

    /// Looks at the elements of tensors, and leaves what differs.
    void finish(tensor_pairs& pairs) {
        for (difference& d : found_)
            if (d.a != nullptr && d.b != nullptr && d.a->is_tensor() && d.b->is_tensor() &&
                d.what != difference_kind::shape) {
                numbers_.push_back(pairs.add(*d.a, *d.b));
            } else {
                numbers_.push_back(SIZE_MAX);
            }
        pairs.compute();
        std::size_t kept = 0;
        for (std::size_t i = 0; i < found_.size(); ++i) {
            difference d = found_[i];
            if (numbers_[i] != SIZE_MAX) d.elements = &pairs[numbers_[i]];
            if (d.what == difference_kind::values && d.elements != nullptr && d.elements->comparable &&
                d.elements->different == 0)
                ++equal_;
            else
                found_[kept++] = d;
        }
        found_.resize(kept);
    }

    [[nodiscard]] std::span<const difference> found() const { return found_; }
    [[nodiscard]] std::uint64_t equal() const { return equal_; }

private:
    void add(difference_kind what, const tarc::entry* a, const tarc::entry* b) { found_.push_back({what, a, b}); }

    void pair(const tarc::entry& a, const tarc::entry& b) {
        if (a.kind != b.kind)
            add(difference_kind::kind, &a, &b);
        else if (!a.is_tensor())
            same_value(a, b) ? void(++equal_) : add(difference_kind::values, &a, &b);
        else if (!std::equal(a.shape.begin(), a.shape.end(), b.shape.begin(), b.shape.end()))
            add(difference_kind::shape, &a, &b);
        else
            add(a.dtype != b.dtype ? difference_kind::dtype : difference_kind::values, &a, &b);
    }

    std::vector<difference> found_;
    std::vector<std::size_t> numbers_;
    std::uint64_t equal_ = 0;
};

/// Opened, with its name in every error.
template <class F>
auto of_file(const std::string& path, F&& f) {
    try {
        return f();
    } catch (tarc::error& e) {
        e.in_archive(path);
        throw;
    }
}

std::string summary(const std::string& a, const std::string& b, const comparison& c) {
    std::uint64_t only_a = 0, only_b = 0;
    for (const difference& d : c.found()) {
        only_a += d.what == difference_kind::only_in_a;
        only_b += d.what == difference_kind::only_in_b;
    }
    const std::uint64_t changed = c.found().size() - only_a - only_b;
    std::string text = a + " and " + b + (c.found().empty() ? " are equal: " : " differ: ");
    if (c.found().empty()) return text + count_text(c.equal(), "value");
    const auto part = [&](std::uint64_t n, const std::string& what) {
        if (n != 0) text += std::to_string(n) + what + ", ";
    };
    part(changed, changed == 1 ? " value differs" : " values differ");
    part(only_a, " only in " + a);
    part(only_b, " only in " + b);
    return text + std::to_string(c.equal()) + " equal";
}

}  // namespace

void diff(const arguments& a) {
    const std::string &name_a = a.operands[0], &name_b = a.operands[1];
    std::optional<checkpoint> file_a, file_b;
    std::optional<tarc::entry_list> list_a, list_b;
    of_file(name_a, [&] {
        file_a.emplace(name_a);
        if (a.has("--state-dict")) make_state_dicts(*file_a);
        list_a.emplace(file_a->content.values(), file_a->limits);
    });
    of_file(name_b, [&] {
        file_b.emplace(name_b);
        if (a.has("--state-dict")) make_state_dicts(*file_b);
        list_b.emplace(file_b->content.values(), file_b->limits);
    });
    const std::uint64_t bytes =
        std::min(file_a->file->size(), UINT64_MAX >> 12) + std::min(file_b->file->size(), UINT64_MAX >> 12);
    comparison c(list_a->get(), list_b->get(), is_flat(file_a->content.format()) != is_flat(file_b->content.format()));
    constexpr std::uint64_t some = std::uint64_t{256} << 20;
    tensor_pairs pairs(file_a->content, file_b->content, some + bytes * 64, some + bytes * 8);
    {
        const reading_progress bar("diff", bytes);
        c.finish(pairs);
    }
    file_a->file->check_unchanged();
    file_b->file->check_unchanged();

    output out((std::uint64_t{64} << 20) + bytes * 128);
    if (a.has("--json"))
        print_json(out, c.found(), c.equal());
    else
        print_lines(out, c.found());
    const std::string said = summary(name_a, name_b, c);
    if (c.found().empty() && !a.has("--json")) {
        append_plain(out.text, said);
        out.text += '\n';
    }
    out.flush();
    if (!c.found().empty()) throw tarc::error(tarc::errc::mismatch, said);
}

}  // namespace cli
