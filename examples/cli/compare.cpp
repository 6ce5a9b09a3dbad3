#include "compare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstdio>   // std::snprintf
#include <cstring>  // std::memcmp
#include <vector>

#include <tarc/error.hpp>
#include <tarc/tensor/convert.hpp>
#include <tarc/tensor/number_facts.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/vec.hpp>

namespace cli {
namespace {

namespace detail = tarc::detail;
using tarc::dtype;

constexpr std::size_t block_elements = 4096;

/// Any byte of a bool is a number here.
dtype number_type(dtype t) { return t == dtype::boolean ? dtype::uint8 : t; }

/// The type in which numbers of two types are compared: none of theirs is rounded in it, but for integers beyond 2^53
/// that are held against other types.
dtype common_type(dtype a, dtype b) {
    const auto any = [&](auto&& f) { return f(a) || f(b); };
    if (any([](dtype t) { return detail::is_complex(t); })) return dtype::complex128;
    if (any([](dtype t) { return tarc::facts(t).kind == tarc::dtype_class::floating; })) return dtype::float64;
    if (!any([](dtype t) { return t == dtype::uint64; })) return dtype::int64;
    return any([](dtype t) { return detail::number_facts_of(t).negative; }) ? dtype::float64 : dtype::uint64;
}

struct complex_number {
    double real, imag;
};

bool equal(double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); }
bool equal(std::int64_t x, std::int64_t y) { return x == y; }
bool equal(std::uint64_t x, std::uint64_t y) { return x == y; }
bool equal(complex_number x, complex_number y) { return equal(x.real, y.real) && equal(x.imag, y.imag); }

/// |x - y|; NaN where only one of them is.
double distance(double x, double y) { return std::fabs(x - y); }
std::uint64_t distance(std::int64_t x, std::int64_t y) {
    const auto u = static_cast<std::uint64_t>(x), v = static_cast<std::uint64_t>(y);
    return x > y ? u - v : v - u;
}
std::uint64_t distance(std::uint64_t x, std::uint64_t y) { return x > y ? x - y : y - x; }
double distance(complex_number x, complex_number y) {
    const auto part = [](double a, double b) { return equal(a, b) ? 0 : a - b; };
    return std::hypot(part(x.real, y.real), part(x.imag, y.imag));
}

/// Few digits, or all of them.
std::string number_text(double d, bool all) {
    std::array<char, 32> text{};
    const int n = std::snprintf(text.data(), text.size(), all ? "%.17g" : "%.6g", d);
    return {text.data(), static_cast<std::size_t>(n)};
}
std::string number_text(std::integral auto i, bool) { return std::to_string(i); }
std::string number_text(complex_number c, bool all) {
    return number_text(c.real, all) + (std::signbit(c.imag) ? "" : "+") + number_text(c.imag, all) + "j";
}

/// Compares blocks of elements in a type that holds both.
template <class T>
class measure {
public:
    using distance_type = decltype(distance(T{}, T{}));

    void block(const T* a, const T* b, std::size_t n, std::uint64_t first, element_difference& r) {
        for (std::size_t i = 0; i < n; ++i) {
            if (equal(a[i], b[i])) continue;
            const distance_type d = distance(a[i], b[i]);
            bool greater = r.different++ == 0;
            if constexpr (std::floating_point<distance_type>)
                if (std::isnan(d)) {
                    ++r.only_nan;
                    if (greater) note(a[i], b[i], first + i, r);
                    continue;
                }
            greater = !r.measured || d > most_;
            if (!greater) continue;
            r.measured = true;
            most_ = d;
            r.most = static_cast<double>(d);
            note(a[i], b[i], first + i, r);
        }
    }

    void finish(element_difference& r) const {
        if (r.different == 0) return;
        const bool all = number_text(a_, false) == number_text(b_, false);
        r.a_text = number_text(a_, all);
        r.b_text = number_text(b_, all);
        if (r.measured) r.most_text = number_text(most_, false);
    }

private:
    void note(T a, T b, std::uint64_t at, element_difference& r) {
        a_ = a;
        b_ = b;
        r.at = at;
    }

    distance_type most_{};
    T a_{}, b_{};
};

/// Calls `f(first, count)` for blocks of a number of elements.
template <class F>
void for_each_part(std::uint64_t elements, F&& f) {
    for (std::uint64_t at = 0; at < elements; at += block_elements)
        f(at, static_cast<std::size_t>(std::min<std::uint64_t>(block_elements, elements - at)));
}

template <class T>
void compare_numbers(tensor_bytes& from_a, tensor_bytes& from_b, dtype ta, dtype tb, dtype common,
                     std::uint64_t elements, element_difference& r) {
    const std::size_t size_a = tarc::size_of(ta), size_b = tarc::size_of(tb);
    std::vector<std::byte> a(block_elements * size_a), b(block_elements * size_b);
    std::vector<T> x(block_elements), y(block_elements);
    measure<T> m;
    for_each_part(elements, [&](std::uint64_t at, std::size_t n) {
        from_a.read(std::span(a).first(n * size_a));
        from_b.read(std::span(b).first(n * size_b));
        if (ta == tb && std::memcmp(a.data(), b.data(), n * size_a) == 0) return;
        static_cast<void>(
            detail::convert_elements(number_type(ta), a.data(), common, reinterpret_cast<std::byte*>(x.data()), n));
        static_cast<void>(
            detail::convert_elements(number_type(tb), b.data(), common, reinterpret_cast<std::byte*>(y.data()), n));
        m.block(x.data(), y.data(), n, at, r);
    });
    m.finish(r);
}

/// Elements that are no numbers, of one type.
void compare_bytes(tensor_bytes& from_a, tensor_bytes& from_b, std::size_t size, std::uint64_t elements,
                   element_difference& r) {
    std::vector<std::byte> a(block_elements * size), b(block_elements * size);
    for_each_part(elements, [&](std::uint64_t at, std::size_t n) {
        from_a.read(std::span(a).first(n * size));
        from_b.read(std::span(b).first(n * size));
        for (std::size_t i = 0; i < n; ++i)
            if (std::memcmp(a.data() + i * size, b.data() + i * size, size) != 0 && r.different++ == 0) r.at = at + i;
    });
}

}  // namespace

std::size_t tensor_pairs::add(const tarc::entry& a, const tarc::entry& b) {
    pairs_.push_back({tensor_view(a), tensor_view(b), {}});
    return pairs_.size() - 1;
}

void tensor_pairs::compute() {
    // Storage by storage of A: B has its own in the same order, mostly.
    detail::vec<std::size_t> order;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
        pair& p = pairs_[i];
        p.result.comparable = p.a.type == p.b.type || (detail::number_facts_of(p.a.type).digits != 0 &&
                                                       detail::number_facts_of(p.b.type).digits != 0);
        if (p.a.meta || p.b.meta) p.result.comparable = p.a.meta && p.b.meta;
        if (p.result.comparable && p.a.storage != nullptr) order.push_back(i);
    }
    const auto place = [&](std::size_t i) {
        const pair& p = pairs_[i];
        return std::array{p.a.storage->index, static_cast<std::size_t>(p.a.offset), p.b.storage->index,
                          static_cast<std::size_t>(p.b.offset)};
    };
    detail::sort_numbers(order, [&](std::size_t x, std::size_t y) { return place(x) < place(y); });
    for (std::size_t k = 0; k < order.size(); ++k) {
        pair& p = pairs_[order[k]];
        if (k != 0 && p.same(pairs_[order[k - 1]]))
            p.result = pairs_[order[k - 1]].result;
        else
            compare(p);
    }
}

void tensor_pairs::compare(pair& p) {
    for (const std::uint64_t bytes : {p.a.nbytes, p.b.nbytes}) {
        if (bytes > room_)
            detail::raise(tarc::errc::limit_exceeded,
                          "the tensors' elements are far more than the files hold: expanded views, or compressed "
                          "zeros, of shape " +
                              detail::shape_text(p.a.shape) + ", for example");
        room_ -= bytes;
    }
    const auto elements = static_cast<std::uint64_t>(detail::count_elements(p.a.shape));
    a_.open(p.a);
    b_.open(p.b);
    if (detail::number_facts_of(p.a.type).digits == 0)
        return compare_bytes(a_, b_, tarc::size_of(p.a.type), elements, p.result);
    const auto run = [&]<class T>(T, dtype common) {
        compare_numbers<T>(a_, b_, p.a.type, p.b.type, common, elements, p.result);
    };
    switch (const dtype common = common_type(p.a.type, p.b.type)) {
        case dtype::complex128: return run(complex_number{}, common);
        case dtype::int64: return run(std::int64_t{}, common);
        case dtype::uint64: return run(std::uint64_t{}, common);
        default: return run(double{}, common);
    }
}

}  // namespace cli
