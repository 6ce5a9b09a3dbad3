#pragma once

#include <cstddef>

#include <tarc/fwd.hpp>
#include <tarc/reflect/file_schema.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/number_facts.hpp>

/// Whether what stands at a place of a file fits a scalar or tensor field, as far as no value is looked at:
/// archive/scalars.hpp for file_node.
namespace tarc::detail {

/// The class of what is read from a 0-d tensor of a dtype, as a Python scalar.
[[nodiscard]] constexpr file_kind element_kind(dtype d) {
    switch (tarc::facts(d).kind) {
        case dtype_class::floating: return d == dtype::float4_e2m1fn_x2 ? file_kind::none : file_kind::real;
        case dtype_class::integer: return file_kind::integer;
        case dtype_class::boolean: return file_kind::boolean;
        case dtype_class::complex: return file_kind::complex;
        default: return file_kind::none;
    }
}
[[nodiscard]] constexpr bool plain_scalar_fits(const type_facts& t, file_kind k) {
    switch (t.kind) {
        case kind::none: return k == file_kind::none;
        case kind::boolean: return k == file_kind::boolean;
        case kind::integer: return k == file_kind::integer;
        case kind::real: return k == file_kind::real || k == file_kind::integer;
        case kind::complex: return k == file_kind::complex || k == file_kind::real || k == file_kind::integer;
        case kind::string:
        case kind::text: return k == file_kind::string;
        case kind::bytes: return k == file_kind::bytes;
        case kind::enumeration: return k == (t.has_names ? file_kind::string : file_kind::integer);
        default: return false;
    }
}
[[nodiscard]] constexpr bool scalar_fits(const type_facts& t, const file_node& n) {
    const bool number =
        t.kind == kind::boolean || t.kind == kind::integer || t.kind == kind::real || t.kind == kind::complex;
    if (!number || n.kind != file_kind::tensor || !n.shape.empty()) return plain_scalar_fits(t, n.kind);
    const file_kind element = element_kind(n.dtype);
    // A float without a fraction is an integer there.
    return (t.kind == kind::integer && element == file_kind::real) || plain_scalar_fits(t, element);
}

/// Whether a number is taken by the field's dtype_policy: archive/scalars.hpp, cast_number.
[[nodiscard]] constexpr bool converts(const type_facts& t, const file_node& n, dtype_policy policy) {
    if (t.kind != kind::boolean && t.kind != kind::integer && t.kind != kind::real) return false;
    const file_kind k = n.kind == file_kind::tensor && n.shape.empty() ? element_kind(n.dtype) : n.kind;
    if (k == file_kind::boolean) return policy != dtype_policy::exact;
    return policy == dtype_policy::cast && (k == file_kind::integer || k == file_kind::real);
}

/// Whether a Python scalar may be the one element of a tensor.
[[nodiscard]] constexpr bool element_fits(dtype d, file_kind k) {
    if (d == dtype::float8_e8m0fnu) return false;  // no scalar is converted to it
    switch (element_kind(d)) {
        case file_kind::boolean: return k == file_kind::boolean;
        case file_kind::integer: return k == file_kind::integer;
        case file_kind::real: return k == file_kind::real || k == file_kind::integer;
        case file_kind::complex: return k == file_kind::complex || k == file_kind::real || k == file_kind::integer;
        default: return false;
    }
}
[[nodiscard]] constexpr bool tensor_fits(const type_facts& t, const file_node& n, dtype_policy policy) {
    if (n.kind != file_kind::tensor)
        return !t.any_dtype && (!t.has_rank || t.extents.empty()) && element_fits(t.dtype, n.kind);
    if (!t.any_dtype && t.dtype != n.dtype && !can_convert(policy, n.dtype, t.dtype)) return false;
    if (!t.has_rank) return true;
    if (n.shape.size() != t.extents.size()) return false;
    for (std::size_t i = 0; i < t.extents.size(); ++i)
        if (t.extents[i] != dyn && t.extents[i] != n.shape[i]) return false;
    return true;
}

}  // namespace tarc::detail
