#include "archive/support.hpp"

#include <tarc/reflect/loads.hpp>

#include <array>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

// The verdict at compile time is held against that of a strict load, for every type here and every value here, and for
// values made of these by random changes.

using namespace tarc_test;
using tarc::file_kind;
using tarc::file_node;
using tarc::value;
using tarc::value_kind;
using tarc::detail::file_check;
using tarc::detail::file_fault;

namespace {

/// What the constant of a file has of a value.
class file_nodes {
public:
    /// `joined`: one node stands for all elements of a list where they are equal.
    file_nodes(const value& v, bool joined) : joined_(joined) { add(v, {}, true); }

    [[nodiscard]] std::span<const file_node> get() const { return nodes_; }
    [[nodiscard]] std::string text() const {
        std::string all;
        for (const file_node& n : nodes_) {
            char chars[200];
            tarc::detail::text_sink out{chars, 0, sizeof chars};
            out.append(n.key);
            out.append('=');
            tarc::detail::write_node(out, n);
            out.append('(');
            out.number(n.inside);
            out.append(") ");
            all.append(chars, out.size);
        }
        return all;
    }

private:
    void add(const value& v, std::string_view key, bool named) {
        const std::size_t at = nodes_.size();
        nodes_.push_back({.kind = kind_of(v), .key = texts_.emplace_back(key), .named = named});
        if (v.kind() == value_kind::tensor) {
            const tarc::any_tensor t = v.as_tensor();
            nodes_[at].dtype = t.dtype();
            nodes_[at].shape = shapes_.emplace_back(t.shape().begin(), t.shape().end());
        } else if (v.kind() == value_kind::dict) {
            nodes_[at].size = v.size();
            for (const auto& [k, item] : v.items()) {
                const bool is_text = k.kind() == value_kind::string;
                add(item, is_text ? std::string(k.as_string()) : key_text(k), is_text);
            }
        } else if (nodes_[at].kind == file_kind::list || nodes_[at].kind == file_kind::tuple ||
                   nodes_[at].kind == file_kind::set) {
            nodes_[at].size = v.size();
            for (std::size_t i = 0; i < v.size(); ++i) add(v[i], {}, true);
            if (joined_ && v.size() > 1) join(at);
        }
        nodes_[at].inside = static_cast<std::uint32_t>(nodes_.size() - at - 1);
    }
    static std::string key_text(const value& k) {
        if (k.kind() == value_kind::integer) return std::to_string(k.as_int());
        if (k.kind() == value_kind::boolean) return k.as_bool() ? "True" : "False";
        return "None";
    }
    static file_kind kind_of(const value& v) {
        switch (v.kind()) {
            case value_kind::none: return file_kind::none;
            case value_kind::boolean: return file_kind::boolean;
            case value_kind::integer: return file_kind::integer;
            case value_kind::real: return file_kind::real;
            case value_kind::complex: return file_kind::complex;
            case value_kind::string: return file_kind::string;
            case value_kind::bytes: return file_kind::bytes;
            case value_kind::list: return file_kind::list;
            case value_kind::tuple: return file_kind::tuple;
            case value_kind::set: return file_kind::set;
            case value_kind::dict: return file_kind::dict;
            case value_kind::tensor: return file_kind::tensor;
            default: return file_kind::other;
        }
    }
    [[nodiscard]] bool equal(std::size_t a, std::size_t b, bool top) const {
        const file_node &x = nodes_[a], &y = nodes_[b];
        if (x.kind != y.kind || x.inside != y.inside || x.size != y.size || (!top && x.key != y.key) ||
            x.dtype != y.dtype || !std::equal(x.shape.begin(), x.shape.end(), y.shape.begin(), y.shape.end()))
            return false;
        for (std::size_t i = 1; i <= x.inside; ++i)
            if (!equal(a + i, b + i, false)) return false;
        return true;
    }
    void join(std::size_t at) {
        const std::size_t first = at + 1, end = first + 1 + nodes_[first].inside;
        for (std::size_t c = end; c < nodes_.size(); c += 1 + nodes_[c].inside)
            if (!equal(first, c, true)) return;
        nodes_.resize(end);
    }

    bool joined_;
    std::vector<file_node> nodes_;
    std::deque<std::string> texts_;
    std::deque<std::vector<std::int64_t>> shapes_;
};

// -- the types --------------------------------------------------------------------------------------------------------

using tensor = tarc::tensor<float>;
enum class numbered : std::uint8_t { a, b };
enum class named { red, blue };

struct linear {
    tensor weight, bias;
};
struct fixed_linear {
    tarc::tensor<float, 2, 3> weight;
    tarc::tensor<float, tarc::dyn> bias;
};
struct relu {};
struct net {
    linear fc1;
    std::vector<linear> blocks;
    std::optional<tensor> scale;
};
struct deep {
    std::tuple<linear, relu, fixed_linear> layers;
    std::array<tensor, 2> pair;
    std::optional<linear> head;
    std::map<std::string, linear> experts;
    std::map<std::string, tensor> raw;
    tarc::buffer<std::int64_t, tarc::scalar> steps;
};
struct net_and_rest {
    linear fc1;
    tarc::rest others;
    tarc::module_metadata metadata;
};
struct inner_rest {
    tensor scale;
    net_and_rest fc1;
};
struct stated {
    linear fc1;
    double temperature;
    std::vector<int> sizes;
    std::tuple<int, linear> pair;
    std::optional<int> limit;
};
struct with_defaults {
    tensor scale;
    linear fc1;
    int heads;
};
struct optional_elements {
    std::array<std::optional<tensor>, 2> pair;
};
struct scalars {
    bool flag;
    std::int64_t count;
    double rate;
    std::complex<double> z;
    std::string name;
    std::vector<std::byte> raw;
    numbered n;
    named color;
};
struct containers {
    std::vector<int> ints;
    std::array<double, 2> two;
    std::vector<bool> bits;
    std::set<std::string> words;
    std::map<std::string, int> by_name;
    std::map<int, double> by_number;
    std::map<named, int> by_color;
    std::tuple<int, std::string> pair;
};
struct variants {
    std::variant<std::int64_t, std::string, tensor> bare;
    std::variant<double, linear> tagged_no;
    std::variant<int, long, std::vector<int>> tagged;
    std::optional<std::variant<bool, double>> maybe;
};
struct checkpoint {
    std::int64_t epoch;
    net model;
    double loss;
};
struct loose_checkpoint {
    double epoch;
    std::map<std::string, tensor> model;
    tarc::value loss;
    tarc::rest others;
};
struct all_optional {
    std::optional<int> a;
    std::optional<linear> b;
};
struct holds_optional {
    all_optional inner;
    std::optional<std::vector<std::optional<double>>> list;
};
struct renamed {
    int first, second;
};
struct evolved {
    std::int64_t count;
    tensor weight;
    double rate;
    bool flag;
};
struct evolved_net {
    linear body;
    std::vector<linear> more;
};
class boxed_number {  // no aggregate
public:
    boxed_number() = default;
    double value = 0;
};
class boxed_linear {
public:
    boxed_linear() = default;
    linear value;
};
struct boxes {
    boxed_number epoch;
    boxed_linear model;
    std::optional<boxed_number> loss;
};
struct boxed_net {
    boxed_linear fc1;
    std::vector<boxed_linear> blocks;
    std::optional<tensor> scale;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<evolved> = std::tuple{tarc::renamed_from{"count", "epoch"},
                                                           tarc::renamed_from{"weight", "bias"},
                                                           tarc::removed{"b"},
                                                           tarc::removed{"name"},
                                                           tarc::retyped{"count", tarc::dtype_policy::cast},
                                                           tarc::retyped{"weight", tarc::dtype_policy::widen},
                                                           tarc::retyped{"rate", tarc::dtype_policy::widen},
                                                           tarc::retyped{"flag", tarc::dtype_policy::cast}};
template <>
inline constexpr auto tarc::describe<evolved_net> =
    std::tuple{tarc::renamed_from{"body", "a"}, tarc::renamed_from{"body", "fc1"}, tarc::renamed_from{"more", "blocks"},
               tarc::removed{"scale"}, tarc::removed{"b"}};
template <>
struct tarc::archived_as<boxed_number> {
    using type = double;
    static double save(const boxed_number& b) { return b.value; }
    static boxed_number load(double d) {
        boxed_number b;
        b.value = d;
        return b;
    }
};
template <>
struct tarc::archived_as<boxed_linear> {
    using type = linear;
    static linear save(const boxed_linear& b) { return b.value; }
    static boxed_linear load(linear&& l) {
        boxed_linear b;
        b.value = std::move(l);
        return b;
    }
};
template <>
inline constexpr bool tarc::is_module<stated> = true;
template <>
inline constexpr bool tarc::is_module<with_defaults> = true;
template <>
inline constexpr auto tarc::describe<with_defaults> =
    std::tuple{tarc::defaulted{"scale"}, tarc::defaulted{"fc1"}, tarc::rename{"heads", "num.heads"}};
template <>
inline constexpr auto tarc::describe<renamed> =
    std::tuple{tarc::rename{"first", "a/b"}, tarc::rename{"second", "epoch"}, tarc::defaulted{"second"}};
template <>
inline constexpr tarc::enum_name<named> tarc::enum_names<named>[] = {{named::red, "red"}, {named::blue, "blue"}};

namespace {

template <class... T>
struct types {};
using all_types =
    types<linear, fixed_linear, relu, net, deep, net_and_rest, inner_rest, stated, with_defaults, optional_elements,
          scalars, containers, variants, checkpoint, loose_checkpoint, all_optional, holds_optional, renamed, evolved,
          evolved_net, boxed_number, boxed_linear, boxes, boxed_net, std::vector<boxed_number>,
          std::map<std::string, tensor>, std::map<std::string, value>, std::map<int, int>, std::map<std::string, net>,
          std::vector<linear>, std::vector<net>, std::vector<bool>, std::vector<double>, std::set<int>,
          std::array<std::optional<int>, 2>, std::tuple<>, tensor, tarc::tensor<double, tarc::scalar>,
          tarc::tensor<bool>, tarc::tensor<std::int64_t>, tarc::tensor<std::complex<double>>, tarc::tensor<float, 2, 3>,
          tarc::tensor<float, tarc::dyn, 3>, tarc::any_tensor, bool, int, float, double, std::complex<float>,
          std::string, std::vector<std::byte>, std::monostate, named, value, std::optional<double>,
          std::variant<int, double>, std::variant<double, std::complex<double>>, std::variant<bool, std::monostate>>;

// -- the values -------------------------------------------------------------------------------------------------------

template <class... E>
tensor ones(E... extents) {
    return tensor::full({extents...}, 1);
}
linear make_linear() { return {ones(2, 3), ones(2)}; }

template <class T>
value value_of(const T& x) {
    return tarc::open(saved(x)).value();
}

std::vector<value> make_values() {
    const linear l = make_linear();
    const value flat = value_of(l);
    const auto nested = [&] { return value::dict({{"weight", ones(2, 3)}, {"bias", ones(2)}}); };
    const std::byte raw[] = {std::byte{1}};
    std::vector<value> all = {
        value(),
        true,
        0,
        1,
        2.0,
        std::complex<double>(1, 0),
        "red",
        value::bytes(raw),
        value::list({}),
        value::tuple({}),
        value::set({}),
        value::dict({}),
        value::list({1, 1}),
        value::tuple({1, 1}),
        value::list({true, false}),
        value::list({1, 2.0}),
        value::set({1, 2}),
        value::set({"a", "b"}),
        value::tuple({0, 1}),
        value::tuple({1, "x"}),
        value::tuple({2, value::list({1})}),
        value::list({value(), value()}),
        value::list({value(), ones(2)}),
        value::dict({{"a", 1}, {"b", 2}}),
        value::dict({{1, 1}, {-2, 2}}),
        value::dict({{"1", 1}}),
        value::dict({{true, 1}}),
        value::dict({{"red", 1}, {"blue", 2}}),
        value::dict({{"a/b", 1}, {"epoch", 2}}),
        value::dict(
            {{"epoch", 1.5}, {"bias", tarc::tensor<tarc::bfloat16>::zeros({1})}, {"rate", true}, {"flag", 2.0}}),
        value::dict({{"count", 1.5}, {"weight", tarc::tensor<double>::zeros({1})}, {"rate", 1}, {"flag", 2.0}}),
        value::dict({{"count", true}, {"epoch", 1}, {"weight", ones(1)}, {"rate", 1}, {"flag", 0}, {"b", 1}}),
        value::dict({{"count", ones()}, {"weight", ones(1)}, {"rate", ones()}, {"flag", ones()}, {"name", "x"}}),
        value::dict({{"epoch", 3}, {"model", nested()}, {"loss", 4.0}}),
        value::dict({{"a", nested()}, {"more", value::list({nested()})}, {"scale", nested()}}),
        value::dict({{"body.weight", ones(1)},
                     {"body.bias", ones(1)},
                     {"blocks.0.weight", ones(1)},
                     {"blocks.0.bias", ones(1)},
                     {"scale.x.y", ones(1)},
                     {"b", ones(1)},
                     {"b.c", ones(1)}}),
        value::dict({{"a", value()}, {"b", value()}}),
        value::dict({{"a", ones(2)}, {"b", value::dict({{"c", ones(3)}})}}),
        ones(2, 3),
        ones(5, 3),
        ones(2),
        ones(),
        tarc::tensor<double>::full({}, 1),
        tarc::tensor<std::int64_t>::full({}, 1),
        tarc::tensor<bool>::full({}, true),
        tarc::tensor<bool>::full({2}, true),
        tarc::tensor<std::complex<double>>::full({}, 1),
        tarc::tensor<tarc::bfloat16>::full({}, tarc::bfloat16(1.f)),
        tarc::tensor<tarc::float8_e4m3fn>::full({}, tarc::float8_e4m3fn(1.f)),
        tarc::tensor<std::uint8_t>::full({2, 3}, 1),
        flat,
        nested(),
        value::list({nested(), nested()}),
        value::dict({{"a", nested()}, {"b", nested()}}),
        value_of(net{l, {l, l}, std::nullopt}),
        value_of(net{l, {}, ones()}),
        value::dict({{"fc1", nested()}, {"blocks", value::list({nested(), nested()})}, {"scale", value()}}),
        value::dict({{"fc1", nested()}, {"blocks", value::dict({{"0", nested()}, {"1", nested()}})}}),
        value::dict({{"fc1", nested()}, {"blocks", value::list({})}, {"scale", ones(4)}}),
        value::dict({{"fc1.weight", ones(1)}, {"fc1", value::dict({{"bias", ones(1)}})}, {"blocks.2.weight", ones(1)}}),
        value_of(deep{{l, {}, {tarc::tensor<float, 2, 3>::zeros({2, 3}), tarc::tensor<float, tarc::dyn>::zeros({2})}},
                      {ones(1), ones(1)},
                      l,
                      {{"x", l}},
                      {{"a.b", ones(1)}, {"c", ones(1)}},
                      tarc::buffer<std::int64_t, tarc::scalar>::zeros({})}),
        value::dict({{"layers", value::tuple({nested(), value::dict({}), nested()})},
                     {"pair", value::list({ones(1), ones(1)})},
                     {"experts", value::dict({{"x", nested()}, {"y", nested()}})},
                     {"raw", value::dict({{"k", ones(1)}, {"m", value::dict({{"n", ones(1)}})}})},
                     {"steps", 3}}),
        value::dict({{"fc1", nested()}, {"other", 1}, {"more", value::dict({{"x", 1}, {"y", ones(1)}})}}),
        value::dict({{"scale", ones(1)}, {"fc1.weight", ones(1)}, {"fc1.bias", ones(1)}, {"fc1.more.x", 7}}),
        value_of(stated{l, 0.5, {1, 2}, {7, l}, 3}),
        value::dict({{"fc1", nested()},
                     {"temperature", 1},
                     {"sizes", value::list({1, 2, 3})},
                     {"pair", value::list({1, nested()})}}),
        value_of(with_defaults{ones(1), l, 4}),
        value::dict({{"num.heads", 4}}),
        value::dict({{"num", value::dict({{"heads", 4}})}, {"fc1.weight", ones(1)}}),
        value::dict({{"pair", value::list({value(), value()})}}),
        value::dict({{"pair", value::list({value(), value(), value()})}}),
        value::dict({{"pair", value::list({1.0, 2.0})}}),
        value::dict({{"pair.0", ones(1)}}),
        value_of(scalars{true, 1, 2, {1, 2}, "n", {std::byte{1}}, numbered::b, named::blue}),
        value_of(containers{{1, 2}, {1, 2}, {true}, {"a"}, {{"a", 1}}, {{1, 2}}, {{named::red, 1}}, {1, "x"}}),
        value_of(variants{std::string("x"), l, std::vector<int>{1}, true}),
        value_of(variants{ones(2), 1.5, 1, std::nullopt}),
        value_of(checkpoint{1, {l, {l}, ones()}, 0.5}),
        value::dict({{"epoch", ones()}, {"model", value_of(net{l, {}, {}})}, {"loss", 1}}),
        value_of(holds_optional{{1, l}, {{1.0, std::nullopt}}}),
    };
    return all;
}

// -- as constants
// ------------------------------------------------------------------------------------------------------

struct net_file {
    static constexpr std::string_view file = "net.pt";
    static constexpr std::int64_t weight[] = {2, 3}, bias[] = {2}, any[] = {7, 7};
    static constexpr file_node nodes[] = {
        {.kind = file_kind::dict, .inside = 14, .size = 5},
        {.kind = file_kind::integer, .key = "epoch"},
        {.kind = file_kind::dict, .key = "model", .inside = 6, .size = 6},
        {.kind = file_kind::tensor, .key = "fc1.weight", .shape = weight},
        {.kind = file_kind::tensor, .key = "fc1.bias", .shape = bias},
        {.kind = file_kind::tensor, .key = "blocks.0.weight", .shape = any},
        {.kind = file_kind::tensor, .key = "blocks.0.bias", .shape = any},
        {.kind = file_kind::tensor, .key = "blocks.1.weight", .shape = any},
        {.kind = file_kind::tensor, .key = "blocks.1.bias", .shape = any},
        {.kind = file_kind::real, .key = "loss"},
        {.kind = file_kind::list, .key = "layers", .inside = 3, .size = 2},
        {.kind = file_kind::dict, .inside = 2, .size = 2},
        {.kind = file_kind::tensor, .key = "weight", .shape = weight},
        {.kind = file_kind::tensor, .key = "bias", .shape = bias},
        {.kind = file_kind::integer, .key = "7", .named = false},
    };
};
inline constexpr net_file file;
static_assert(tarc::file_schema<net_file>);
static_assert(tarc::loads<net>(tarc::part<"model">(file)));
static_assert(tarc::loads<std::map<std::string, tensor>>(tarc::part<"model">(file)));
static_assert(tarc::loads<std::array<fixed_linear, 2>>(tarc::part<"layers">(file)));
static_assert(tarc::loads<linear>(tarc::part<"layers", 1>(file)));  // one node stands for both
static_assert(tarc::loads<tarc::tensor<float, tarc::dyn, 3>>(tarc::part<"layers", 0, "weight">(file)));
struct nested_file_model {
    std::vector<linear> layers;
    net model;
    tarc::rest others;
};
static_assert(tarc::loads<nested_file_model>(file));
static_assert(tarc::loads<loose_checkpoint>(file));
static_assert(tarc::loads<value>(file));
static_assert(tarc::part<"layers", 0>(file).nodes.size() == 3);

// -- the comparison ---------------------------------------------------------------------------------------------------

/// The report of a strict load; empty where it is clean.
template <class T>
tarc::load_report report_of_load(const bytes& file) {
    try {
        static_cast<void>(tarc::load<T>(file));
    } catch (const tarc::mismatch_error& e) {
        return e.report();
    }
    return {};
}

bool names(const std::vector<std::string>& keys, std::string_view path) {
    for (const std::string& k : keys)
        if (k == path) return true;
    return false;
}

/// Which alternative a tagged variant has is a value: that it fits another one is seen by the load only.
bool only_values_differ(const tarc::load_report& r) {
    bool values = r.missing_keys.empty() && r.unexpected_keys.empty();
    for (const tarc::mismatched_key& m : r.mismatched) values &= m.path.starts_with("tagged");
    return values;
}

/// The check says what the file calls a key of a module, the load what the struct does.
template <class T>
std::string wanted_path(std::string_view path) {
    if constexpr (std::is_same_v<T, evolved_net>)
        for (const auto& [old_name, name] :
             {std::pair{"a", "body"}, std::pair{"fc1", "body"}, std::pair{"blocks", "more"}})
            if (path == old_name || path.starts_with(std::string(old_name) + "."))
                return name + std::string(path.substr(std::string_view(old_name).size()));
    return std::string(path);
}

/// Whether what the check found is in the report.
template <class T>
bool agree(const file_fault& found, const tarc::load_report& report) {
    const std::string path = wanted_path<T>(found.path.view());
    switch (found.is) {
        case file_fault::what::none: return report.clean() || only_values_differ(report);
        case file_fault::what::missing: return names(report.missing_keys, path);
        case file_fault::what::unexpected: return names(report.unexpected_keys, path);
        case file_fault::what::mismatched: break;
    }
    for (const tarc::mismatched_key& m : report.mismatched)  // or inside a variant: which alternative is a value
        if (m.path == path || (m.path.starts_with(path) && found.in_struct.view().starts_with("variant"))) return true;
    return false;
}

template <class T>
std::size_t check(const value& v, const bytes& file) {
    const tarc::load_report report = report_of_load<T>(file);
    for (const bool joined : {false, true}) {
        const file_nodes nodes(v, joined);
        const file_fault found = file_check::run(tarc::detail::facts_of<T>, nodes.get());
        if (!agree<T>(found, report))
            FAIL_CHECK("type " << tarc::schema_text<T>() << "value " << nodes.text() << "\nreport " << report.text()
                               << "\nfound " << static_cast<int>(found.is) << " at " << std::string(found.path.view())
                               << ", joined " << joined);
    }
    return report.clean() ? 1 : 0;
}

/// How many of the types the value fits.
template <class... T>
std::size_t check_all(const value& v, types<T...>) {
    const bytes file = saved(v);
    return (check<T>(v, file) + ...);
}

class changes {
public:
    explicit changes(std::vector<value> parts) : parts_(std::move(parts)) {}

    /// The value with one place changed.
    value change(const value& v, int depth = 0) {
        const std::size_t n = v.size();
        const bool holds =
            v.kind() == value_kind::dict || v.kind() == value_kind::list || v.kind() == value_kind::tuple;
        if (!holds || n == 0 || depth > 3) return any_part();
        const std::size_t at = next(n);
        const std::size_t what = next(6);
        if (v.kind() == value_kind::dict) {
            auto items = v.items();
            if (what == 0)
                items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
            else if (what == 1)
                items.push_back({next(2) == 0 ? value("scale") : value("other"), any_part()});
            else if (what == 2)
                items[at].val = any_part();
            else if (what == 3)
                std::swap(items[at], items[next(n)]);
            else
                items[at].val = change(items[at].val, depth + 1);
            for (std::size_t i = 0; i + 1 < items.size(); ++i)
                if (items.back().key.kind() == value_kind::string && items[i].key.kind() == value_kind::string &&
                    items.back().key.as_string() == items[i].key.as_string()) {
                    items.pop_back();
                    break;
                }
            return value::dict(items);
        }
        std::vector<value> items;
        for (std::size_t i = 0; i < n; ++i) items.push_back(v[i]);
        if (what == 0)
            items.pop_back();
        else if (what == 1)
            items.push_back(items[at]);
        else
            items[at] = change(items[at], depth + 1);
        return next(2) == 0 ? value::list(items) : value::tuple(items);
    }

private:
    std::size_t next(std::size_t below) {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>(state_ >> 33) % below;
    }
    value any_part() { return parts_[next(parts_.size())]; }

    std::vector<value> parts_;
    std::uint64_t state_ = 1;
};

}  // namespace

TEST_CASE("every type against every value") {
    std::size_t fits = 0;
    for (const value& v : make_values()) fits += check_all(v, all_types{});
    CHECK(fits > 200);
}

TEST_CASE("every type against values with changes") {
    const std::vector<value> values = make_values();
    changes c(values);
    std::size_t fits = 0;
    for (int round = 0; round < 6; ++round)
        for (const value& v : values) {
            value changed = c.change(v);
            if (round > 2) changed = c.change(changed);
            fits += check_all(changed, all_types{});
        }
    CHECK(fits > 600);
}
