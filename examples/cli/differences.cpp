#include "differences.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/archive/python_repr.hpp>
#include <tarc/tensor/shape.hpp>

#include "entry_text.hpp"
#include "json.hpp"
#include "listing.hpp"

namespace cli {
namespace {

const tarc::entry& either(const difference& d) { return d.a != nullptr ? *d.a : *d.b; }

/// "float32 [3, 4]", "int 5".
std::string describe(const tarc::entry& e, tarc::detail::python_repr& repr) {
    return type_text(e) + " " + (e.is_tensor() ? tarc::detail::shape_text(e.shape) : value_text(e, repr));
}

/// Row-major coordinates of an element.
std::vector<std::int64_t> coordinates(std::uint64_t at, std::span<const std::int64_t> shape) {
    std::vector<std::int64_t> index(shape.size());
    for (std::size_t d = shape.size(); d-- > 0;) {
        const auto extent = static_cast<std::uint64_t>(shape[d]);
        index[d] = static_cast<std::int64_t>(at % extent);
        at /= extent;
    }
    return index;
}

std::string elements_text(const difference& d) {
    const element_difference& e = *d.elements;
    if (!e.comparable) return "the elements cannot be compared";
    if (e.different == 0) return "all elements are equal";
    const std::string place = tarc::detail::shape_text(coordinates(e.at, d.a->shape));
    std::string text = std::to_string(e.different) + " of " +
                       count_text(static_cast<std::uint64_t>(tarc::detail::count_elements(d.a->shape)), "element") +
                       (e.different == 1 ? " differs" : " differ");
    if (e.measured)
        text += ", by at most " + e.most_text + " at " + place;
    else
        text += ", the first one at " + place;
    if (!e.a_text.empty()) text += ": " + e.a_text + " -> " + e.b_text;
    if (e.only_nan != 0 && e.measured) text += "; " + std::to_string(e.only_nan) + " are NaN in one file only";
    return text;
}

std::string difference_text(const difference& d, tarc::detail::python_repr& repr) {
    if (d.a == nullptr || d.b == nullptr) return describe(either(d), repr);
    if (d.what == difference_kind::values)
        return d.elements != nullptr ? elements_text(d) : value_text(*d.a, repr) + " -> " + value_text(*d.b, repr);
    std::string text = describe(*d.a, repr) + " -> " + describe(*d.b, repr);
    if (d.elements != nullptr) text += "; " + elements_text(d);
    return text;
}

void append_side(std::string& out, std::string_view name, const tarc::entry* e, tarc::detail::python_repr& repr) {
    if (e == nullptr) return;
    out.append(", \"").append(name).append("\": {\"kind\": \"").append(kind_text(e->kind)).append("\"");
    if (e->is_tensor()) {
        out.append(", \"dtype\": \"").append(to_string(e->dtype)).append("\", \"shape\": ");
        json::append_integers(out, e->shape);
    } else {
        out += ", \"value\": ";
        append_json_value(out, *e, repr);
    }
    out += '}';
}

void append_elements(std::string& out, const difference& d) {
    const element_difference& e = *d.elements;
    out.append(", \"comparable\": ").append(e.comparable ? "true" : "false");
    if (!e.comparable) return;
    out.append(", \"elements\": ").append(std::to_string(tarc::detail::count_elements(d.a->shape)));
    out.append(", \"different\": ").append(std::to_string(e.different));
    if (e.different == 0) return;
    out += ", \"max_abs\": ";
    if (e.measured)
        json::append_real(out, e.most);
    else
        out += "null";
    out += ", \"at\": ";
    json::append_integers(out, coordinates(e.at, d.a->shape));
    out.append(", \"only_nan\": ").append(std::to_string(e.only_nan));
}

}  // namespace

void print_lines(output& out, std::span<const difference> all) {
    tarc::detail::python_repr repr(UINT64_MAX);
    const colors c = wanted_colors();
    std::size_t width = 0;
    for (const difference& d : all) width = std::max(width, text_width(path_text(either(d).path)));
    for (const difference& d : all) {
        const bool less = d.b == nullptr, more = d.a == nullptr;
        out.text.append(less ? c.less : more ? c.more : c.note).append(less ? "- " : more ? "+ " : "~ ");
        pad(out.text, path_text(either(d).path), width);
        out.text.append(c.end).append(difference_text(d, repr)).append("\n");
        out.step();
    }
}

void print_json(output& out, std::span<const difference> all, std::uint64_t equal) {
    constexpr std::array<std::string_view, 6> names = {"only_in_a", "only_in_b", "kind", "dtype", "shape", "values"};
    tarc::detail::python_repr repr(UINT64_MAX);
    out.text.append("{\"equal\": ").append(all.empty() ? "true" : "false");
    out.text.append(", \"equal_values\": ").append(std::to_string(equal)).append(", \"differences\": [");
    const char* separator = "\n";
    for (const difference& d : all) {
        out.text.append(separator).append("{\"path\": ");
        append_json_path(out.text, either(d).path);
        out.text.append(", \"what\": \"").append(names[static_cast<std::size_t>(d.what)]).append("\"");
        append_side(out.text, "a", d.a, repr);
        append_side(out.text, "b", d.b, repr);
        if (d.elements != nullptr) append_elements(out.text, d);
        out.text += '}';
        separator = ",\n";
        out.step();
    }
    out.text += "\n]}\n";
}

}  // namespace cli
