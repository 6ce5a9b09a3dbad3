#pragma once

#include <cstddef>
#include <cstring>  // std::memcpy

#include <tarc/tensor/any_tensor.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

[[nodiscard]] constexpr const char* kind_name(value_kind k) {
    switch (k) {
        case value_kind::none: return "None";
        case value_kind::boolean: return "bool";
        case value_kind::integer: return "int";
        case value_kind::real: return "float";
        case value_kind::complex: return "complex";
        case value_kind::string: return "str";
        case value_kind::bytes: return "bytes";
        case value_kind::list: return "list";
        case value_kind::tuple: return "tuple";
        case value_kind::set: return "set";
        case value_kind::dict: return "dict";
        case value_kind::tensor: return "tensor";
        case value_kind::storage: return "storage";
        case value_kind::global: return "class or function";
        case value_kind::object: break;
    }
    return "object";
}

/// A node for a tensor in memory. The tensor must be defined.
[[nodiscard]] inline node* tensor_node(tree& t, const tensor_base& tensor) {
    detail_access::require_defined(tensor);
    tensor_body b{};
    b.type = tensor.dtype();
    b.shape = tensor.shape();
    b.strides = tensor.strides();
    b.offset = tensor.offset();
    b.meta = tensor.device().type == device_type::meta;
    if (!b.meta) b.storage = &t.storage_of(tensor.storage());
    return t.tensor(b);
}

/// Negates, or takes the complex conjugate of, elements in place; they are `count` adjacent ones on the host.
inline void negate(dtype t, std::byte* p, std::size_t count, bool conj, bool neg) {
    const std::size_t part = facts(t).swap, size = size_of(t);
    const bool floating = facts(t).kind == dtype_class::floating || facts(t).kind == dtype_class::complex;
    for (std::size_t i = 0; i < count; ++i, p += size) {
        if (floating) {  // the sign is the top bit of each part
            for (std::size_t at = 0; at < size; at += part)
                if ((neg) != (conj && at != 0)) p[at + part - 1] ^= std::byte{0x80};
        } else if (neg) {
            std::uint64_t u = 0;
            std::memcpy(&u, p, size);
            u = ~u + 1;
            std::memcpy(p, &u, size);
        }
    }
}

/// The tensor of a node whose storage was placed as `s`. PyTorch's lazy conjugation and negation are carried out on a
/// copy.
[[nodiscard]] inline any_tensor tensor_of(const tensor_body& b, const storage& s) {
    any_tensor t = any_tensor::over(s, b.type, b.shape, b.strides, b.offset);
    if ((!b.conj && !b.neg) || s.device().type == device_type::meta) return t;
    const device home = t.device();
    t = host_accessible(home) ? t.clone() : t.to(device::cpu()).clone();
    negate(b.type, static_cast<std::byte*>(t.raw_data()), static_cast<std::size_t>(t.numel()), b.conj, b.neg);
    return t.to(home);
}

[[nodiscard]] inline any_tensor tensor_of(const tensor_body& b) {
    if (b.meta) {
        const std::uint64_t n =
            checked_mul(static_cast<std::uint64_t>(extent_of(b.shape, b.strides)), size_of(b.type), "a meta tensor");
        return any_tensor::over(storage::meta(n), b.type, b.shape, b.strides, 0);
    }
    if (!b.storage->live.defined())
        raise(errc::invalid_argument, "the tensor's bytes were not loaded -- load it through the archive");
    return tensor_of(b, b.storage->live);
}

}  // namespace tarc::detail
