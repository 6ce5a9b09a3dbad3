#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <tarc/tensor/tensor.hpp>

namespace tarc {

/// A tensor whose dtype is known at run time only. Any tensor converts to it and shares its storage; `as` goes back.
class any_tensor : public tensor_base {
public:
    any_tensor() = default;
    template <class T, std::int64_t... E>
    any_tensor(const tensor<T, E...>& t) : tensor_base(t) {}
    explicit any_tensor(const tensor_base& t) : tensor_base(t) {}
    explicit any_tensor(tensor_base&& t) noexcept : tensor_base(std::move(t)) {}

    /// Uninitialized elements. Errors: errc::out_of_memory, errc::no_device.
    [[nodiscard]] static any_tensor empty(tarc::dtype t, shape_view shape, tarc::device d = tarc::device::cpu()) {
        return any_tensor(detail_access::allocate(t, shape.get(), d));
    }
    /// A view of a storage. Errors: errc::bad_tensor when it does not fit.
    [[nodiscard]] static any_tensor over(tarc::storage s, tarc::dtype t, shape_view shape, shape_view strides,
                                         std::int64_t offset) {
        return any_tensor(detail_access::make(t, std::move(s), shape.get(), strides.get(), offset));
    }

    /// The same tensor by its static type. Errors: errc::wrong_type for another dtype, errc::mismatch for another
    /// shape.
    template <class T, std::int64_t... E>
    [[nodiscard]] tensor<T, E...> as() const {
        if (defined() && dtype() != dtype_of<T>)
            detail::raise(errc::wrong_type, "a " + std::string(to_string(dtype())) + " tensor was asked for as " +
                                                std::string(to_string(dtype_of<T>)));
        if (defined()) tensor<T, E...>::check_shape(shape());
        tensor<T, E...> t;
        if (defined()) detail_access::assign(t, *this);
        return t;
    }

    /// Views and copies, as those of tarc::tensor.
    [[nodiscard]] any_tensor select(std::int64_t dim, std::int64_t index) const {
        return any_tensor(detail_access::select(*this, dim, index));
    }
    [[nodiscard]] any_tensor narrow(std::int64_t dim, std::int64_t start, std::int64_t length) const {
        return any_tensor(detail_access::narrow(*this, dim, start, length));
    }
    [[nodiscard]] any_tensor transpose(std::int64_t a, std::int64_t b) const {
        return any_tensor(detail_access::transpose(*this, a, b));
    }
    [[nodiscard]] any_tensor view(shape_view shape) const {
        return any_tensor(detail_access::reshape(*this, shape.get()));
    }
    [[nodiscard]] any_tensor clone() const { return any_tensor(detail_access::copy(*this, device())); }
    [[nodiscard]] any_tensor to(tarc::device d) const {
        detail_access::require_defined(*this);
        return d == device() ? *this : any_tensor(detail_access::copy(*this, d));
    }
    /// The elements in row-major order, little-endian, copied to host memory.
    void copy_to(std::span<std::byte> out) const {
        if (out.size() != nbytes())
            detail::raise(errc::invalid_argument,
                          std::to_string(nbytes()) + " bytes do not fit " + std::to_string(out.size()));
        detail_access::gather(*this, out.data());
    }
};

}  // namespace tarc
