#pragma once

#include <algorithm>  // std::equal
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>
#include <string>
#include <utility>

#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/tensor/strided.hpp>

namespace tarc {

/// What all tensors share: a dtype, and shape, strides and offset (in elements) over a storage. A handle: copies share
/// the storage. Not thread-safe for writers of one handle; any number may read.
class tensor_base {
public:
    /// False for a default-constructed tensor, which has no storage and cannot be saved.
    [[nodiscard]] bool defined() const noexcept { return storage_.defined(); }
    [[nodiscard]] tarc::dtype dtype() const noexcept { return dtype_; }
    [[nodiscard]] std::span<const std::int64_t> shape() const noexcept { return shape_.get(); }
    /// In elements, as in PyTorch.
    [[nodiscard]] std::span<const std::int64_t> strides() const noexcept { return strides_.get(); }
    /// First element in the storage, in elements.
    [[nodiscard]] std::int64_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::size_t rank() const noexcept { return shape_.size(); }
    [[nodiscard]] std::int64_t numel() const { return defined() ? detail::count_elements(shape()) : 0; }
    /// Bytes of the elements, which may be fewer or more than the storage has. Errors: errc::out_of_range past 64 bits,
    /// which an expanded view can reach.
    [[nodiscard]] std::size_t nbytes() const {
        return detail::checked_mul(static_cast<std::uint64_t>(numel()), size_of(dtype_), "the size of a tensor");
    }
    [[nodiscard]] tarc::device device() const noexcept { return storage_.device(); }
    [[nodiscard]] const tarc::storage& storage() const noexcept { return storage_; }
    [[nodiscard]] bool is_contiguous() const { return detail::is_contiguous(shape(), strides()); }
    /// The address of the first element, on device(). Null when undefined or on meta.
    [[nodiscard]] void* raw_data() const noexcept {
        auto* p = static_cast<std::byte*>(storage_.data());
        return p == nullptr ? nullptr : p + offset_ * static_cast<std::int64_t>(size_of(dtype_));
    }

    /// Writes the elements of `source` into this tensor's memory, where all its handles see them; each of the two may
    /// be on any device. Work that still uses this tensor is waited for. Errors: errc::invalid_argument for another
    /// dtype or shape, and on a device for a view that is not contiguous.
    void copy_from(const tensor_base& source) const;

protected:
    tensor_base() = default;
    explicit tensor_base(tarc::dtype t) : dtype_(t) {}
    ~tensor_base() = default;
    tensor_base(const tensor_base&) = default;
    tensor_base(tensor_base&&) noexcept = default;
    tensor_base& operator=(const tensor_base&) = default;
    tensor_base& operator=(tensor_base&&) noexcept = default;

    friend struct detail_access;

    tarc::storage storage_;
    detail::dims shape_, strides_;
    std::int64_t offset_ = 0;
    tarc::dtype dtype_ = tarc::dtype::float32;
};

/// For the library's own use: makes and changes tensors whose parts were checked by the caller.
struct detail_access {
    struct erased : tensor_base {
        erased() = default;
        explicit erased(const tensor_base& t) : tensor_base(t) {}
    };

    /// Errors: errc::bad_tensor when the view does not lie inside the storage.
    static erased make(dtype t, storage s, std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                       std::int64_t offset) {
        if (strides.size() != shape.size())
            detail::raise(errc::bad_tensor, "shape " + detail::shape_text(shape) + " and strides " +
                                                detail::shape_text(strides) + " differ in rank");
        const std::int64_t extent = detail::extent_of(shape, strides);
        std::int64_t end = 0;
        const auto have = static_cast<std::int64_t>(s.nbytes() / size_of(t));
        if (offset < 0 || __builtin_add_overflow(offset, extent, &end) || (extent != 0 && end > have))
            detail::raise(errc::bad_tensor, "a view of shape " + detail::shape_text(shape) + ", strides " +
                                                detail::shape_text(strides) + ", offset " + std::to_string(offset) +
                                                " leaves its storage of " + std::to_string(have) + " elements");
        erased e;
        e.storage_ = std::move(s);
        e.shape_ = shape;
        e.strides_ = strides;
        e.offset_ = offset;
        e.dtype_ = t;
        return e;
    }
    static void set_storage(tensor_base& t, tarc::storage s) { t.storage_ = std::move(s); }
    static void assign(tensor_base& to, const tensor_base& from) { to = from; }
    static void assign(tensor_base& to, tensor_base&& from) noexcept { to = std::move(from); }

    static erased allocate(dtype t, std::span<const std::int64_t> shape, device d) {
        const auto n = static_cast<std::uint64_t>(detail::count_elements(shape));
        const std::uint64_t bytes = detail::checked_mul(n, size_of(t), "the size of a tensor");
        return make(t, tarc::storage::allocate(bytes, d), shape, detail::contiguous_strides(shape).get(), 0);
    }

    static void require_defined(const tensor_base& t) {
        if (!t.defined())
            detail::raise(errc::invalid_argument, "the tensor is undefined: it was never given a storage");
    }
    static void require_host(const tensor_base& t) {
        require_defined(t);
        if (!detail::host_accessible(t.device()))
            detail::raise(errc::invalid_argument, "the tensor is on " + t.device().location() +
                                                      ", which the host cannot read -- use .to(tarc::device::cpu())");
    }
    static std::size_t require_dim(const tensor_base& t, std::int64_t dim) {
        const auto rank = static_cast<std::int64_t>(t.rank());
        if (dim < -rank || dim >= rank)
            detail::raise(errc::out_of_range,
                          "dimension " + std::to_string(dim) + " of a tensor of rank " + std::to_string(rank));
        return static_cast<std::size_t>(dim < 0 ? dim + rank : dim);
    }

    static erased select(const tensor_base& t, std::int64_t dim, std::int64_t index) {
        const std::size_t d = require_dim(t, dim);
        const std::int64_t n = t.shape_[d], i = index < 0 ? index + n : index;
        if (i < 0 || i >= n)
            detail::raise(errc::out_of_range,
                          "index " + std::to_string(index) + " of a dimension of size " + std::to_string(n));
        erased e(t);
        e.offset_ += i * t.strides_[d];
        for (std::size_t k = d; k + 1 < t.rank(); ++k) {
            e.shape_[k] = t.shape_[k + 1];
            e.strides_[k] = t.strides_[k + 1];
        }
        e.shape_.resize(t.rank() - 1);
        e.strides_.resize(t.rank() - 1);
        return e;
    }
    static erased narrow(const tensor_base& t, std::int64_t dim, std::int64_t start, std::int64_t length) {
        const std::size_t d = require_dim(t, dim);
        const std::int64_t n = t.shape_[d];
        if (start < 0 || length < 0 || start > n || length > n - start)
            detail::raise(errc::out_of_range, "elements " + std::to_string(start) + " to " + std::to_string(start) +
                                                  " + " + std::to_string(length) + " of a dimension of size " +
                                                  std::to_string(n));
        erased e(t);
        e.offset_ += length == 0 ? 0 : start * t.strides_[d];
        e.shape_[d] = length;
        return e;
    }
    static erased transpose(const tensor_base& t, std::int64_t a, std::int64_t b) {
        const std::size_t x = require_dim(t, a), y = require_dim(t, b);
        erased e(t);
        std::swap(e.shape_[x], e.shape_[y]);
        std::swap(e.strides_[x], e.strides_[y]);
        return e;
    }
    static erased reshape(const tensor_base& t, std::span<const std::int64_t> shape) {
        require_defined(t);
        if (detail::count_elements(shape) != t.numel())
            detail::raise(errc::invalid_argument, "a tensor of shape " + detail::shape_text(t.shape()) +
                                                      " cannot be viewed as " + detail::shape_text(shape));
        if (!t.is_contiguous())
            detail::raise(errc::invalid_argument, "view needs a contiguous tensor -- clone() it first");
        erased e(t);
        e.shape_ = shape;
        e.strides_ = detail::contiguous_strides(shape);
        return e;
    }

    /// Copies the elements, in row-major order, to host memory.
    static void gather(const tensor_base& t, void* out) {
        require_host(t);
        const auto size = static_cast<std::int64_t>(size_of(t.dtype()));
        const auto* from = static_cast<const std::byte*>(t.raw_data());
        auto* to = static_cast<std::byte*>(out);
        detail::for_each_run(t.shape(), t.strides(), [&](std::int64_t at, std::int64_t n) {
            std::memcpy(to, from + at * size, static_cast<std::size_t>(n * size));
            to += n * size;
        });
    }
    /// A new storage with the elements of `t`: row-major where the host can do it, else the covering range as it is.
    static erased copy(const tensor_base& t, device to) {
        require_defined(t);
        if (to.type == device_type::meta)
            return make(t.dtype(), tarc::storage::meta(t.nbytes()), t.shape(),
                        detail::contiguous_strides(t.shape()).get(), 0);
        if (t.device().type == device_type::meta)
            detail::raise(errc::invalid_argument, "a meta tensor has no bytes to copy");
        if (to == t.device() && detail::host_accessible(to)) {
            erased e = allocate(t.dtype(), t.shape(), to);
            if (t.numel() != 0) gather(t, e.raw_data());
            return e;
        }
        const std::size_t bytes =
            static_cast<std::size_t>(detail::extent_of(t.shape(), t.strides())) * size_of(t.dtype());
        erased e(t);
        e.storage_ = tarc::storage::allocate(bytes, to);
        e.offset_ = 0;
        detail::copy_bytes(e.storage_.data(), to, t.raw_data(), t.device(), bytes);
        return e;
    }
};

inline void tensor_base::copy_from(const tensor_base& source) const {
    detail_access::require_defined(*this);
    detail_access::require_defined(source);
    if (dtype_ != source.dtype_ ||
        !std::equal(shape().begin(), shape().end(), source.shape().begin(), source.shape().end()))
        detail::raise(errc::invalid_argument, "copy_from() needs a tensor of the same dtype and shape, " +
                                                  detail::shape_text(shape()) + ", not " +
                                                  detail::shape_text(source.shape()));
    if (numel() == 0) return;
    detail_access::erased from(source);
    if (!from.is_contiguous() && !detail::host_accessible(from.device()))
        from = detail_access::copy(from, tarc::device::cpu());
    if (!from.is_contiguous()) from = detail_access::copy(from, from.device());
    if (is_contiguous()) {
        if (tarc::device d = device(); !detail::host_accessible(d)) detail::backend_for(d).settle(d);
        return detail::copy_bytes(raw_data(), device(), from.raw_data(), from.device(), nbytes());
    }
    if (!detail::host_accessible(device()))
        detail::raise(errc::invalid_argument, "copy_from() into a view on " + device().location() +
                                                  " needs a contiguous one, this has strides " +
                                                  detail::shape_text(strides()));
    if (!detail::host_accessible(from.device())) from = detail_access::copy(from, tarc::device::cpu());
    const auto size = static_cast<std::int64_t>(size_of(dtype_));
    auto* const to = static_cast<std::byte*>(raw_data());
    const auto* at = static_cast<const std::byte*>(from.raw_data());
    detail::for_each_run(shape(), strides(), [&](std::int64_t first, std::int64_t n) {
        std::memmove(to + first * size, at, static_cast<std::size_t>(n * size));
        at += n * size;
    });
}

/// A tensor whose element type, and as much of its shape as is given, belongs to its type:
/// `tensor<float>` any rank, `tensor<float, dyn, 3>` rank 2, `tensor<float, 6, 3>` fixed, `tensor<float, scalar>` 0-d.
template <class T, std::int64_t... Extents>
class tensor : public tensor_base {
    static_assert(element<T>,
                  "tarc: no dtype holds this element type -- use an integer, bool, float, double, std::complex of "
                  "them, or tarc's own float16, bfloat16, complex32, float8_*");
    static constexpr std::array<std::int64_t, sizeof...(Extents)> extents{Extents...};
    static constexpr bool is_scalar = sizeof...(Extents) == 1 && ((Extents == scalar) && ...);
    static_assert(is_scalar || ((Extents >= dyn) && ...),
                  "tarc: an extent is a size, tarc::dyn, or a lone tarc::scalar");

public:
    using value_type = T;
    /// Whether the type fixes the number of dimensions, and that number.
    static constexpr bool has_static_rank = sizeof...(Extents) != 0;
    static constexpr std::size_t static_rank = is_scalar ? 0 : sizeof...(Extents);
    /// Whether the type fixes the whole shape.
    static constexpr bool has_static_shape = has_static_rank && (is_scalar || ((Extents != dyn) && ...));

    tensor() : tensor_base(dtype_of<T>) {}

    /// From a tensor of fewer fixed extents, or others. Errors: errc::mismatch when the shape is not what this type
    /// says.
    template <std::int64_t... Other>
        requires(sizeof...(Extents) != 0 && !std::same_as<tensor<T, Other...>, tensor>)
    explicit tensor(const tensor<T, Other...>& t) : tensor_base(t) {
        if (defined()) check_shape(shape());
    }
    template <std::int64_t... Other>
        requires(sizeof...(Extents) == 0 && sizeof...(Other) != 0)
    tensor(const tensor<T, Other...>& t) : tensor_base(t) {}

    /// Uninitialized elements. Errors: errc::mismatch for a shape that is not of this type, errc::out_of_memory.
    [[nodiscard]] static tensor empty(shape_view shape = default_shape(), tarc::device d = tarc::device::cpu()) {
        check_shape(shape.get());
        return tensor(detail_access::allocate(dtype_of<T>, shape.get(), d), trusted{});
    }
    [[nodiscard]] static tensor zeros(shape_view shape = default_shape()) {
        tensor t = empty(shape);
        if (const std::size_t n = t.nbytes(); n != 0) std::memset(t.raw_data(), 0, n);
        return t;
    }
    [[nodiscard]] static tensor full(shape_view shape, T value) {
        tensor t = empty(shape);
        for (T& x : t.span()) x = value;
        return t;
    }
    /// A copy of the elements in row-major order.
    [[nodiscard]] static tensor from(std::span<const T> elements, shape_view shape) {
        if (static_cast<std::uint64_t>(detail::count_elements(shape.get())) != elements.size())
            detail::raise(errc::invalid_argument, std::to_string(elements.size()) + " elements do not fill the shape " +
                                                      detail::shape_text(shape.get()));
        tensor t = empty(shape);
        if (!elements.empty()) std::memcpy(t.raw_data(), elements.data(), elements.size_bytes());
        return t;
    }
    [[nodiscard]] static tensor from(std::initializer_list<T> elements, shape_view shape) {
        return from(std::span<const T>(elements.begin(), elements.size()), shape);
    }
    /// A view of a storage: element offset, row-major strides unless given. Errors: errc::bad_tensor.
    [[nodiscard]] static tensor over(tarc::storage s, shape_view shape, std::int64_t offset = 0) {
        return over(std::move(s), shape, detail::contiguous_strides(shape.get()).get(), offset);
    }
    [[nodiscard]] static tensor over(tarc::storage s, shape_view shape, shape_view strides, std::int64_t offset) {
        check_shape(shape.get());
        return tensor(detail_access::make(dtype_of<T>, std::move(s), shape.get(), strides.get(), offset), trusted{});
    }

    /// The elements in row-major order, for reading and writing. Errors: errc::invalid_argument when they are not
    /// contiguous or not accessible to the host.
    [[nodiscard]] std::span<T> span() const {
        detail_access::require_host(*this);
        if (!is_contiguous())
            detail::raise(errc::invalid_argument, "span() needs a contiguous tensor, this one has shape " +
                                                      detail::shape_text(shape()) + " and strides " +
                                                      detail::shape_text(strides()) + " -- clone() it first");
        return {data(), static_cast<std::size_t>(numel())};
    }
    [[nodiscard]] T* data() const noexcept { return static_cast<T*>(raw_data()); }

    /// One element; host only. Errors: errc::out_of_range for a wrong count of indices or an index outside the shape.
    template <std::integral... I>
    [[nodiscard]] T& operator()(I... index) const {
        detail_access::require_host(*this);
        if (sizeof...(I) != rank())
            detail::raise(errc::out_of_range, std::to_string(sizeof...(I)) + " indices for a tensor of shape " +
                                                  detail::shape_text(shape()));
        std::int64_t at = 0;
        [[maybe_unused]] std::size_t d = 0;
        (
            [&](std::int64_t i) {
                if (i < 0 || i >= shape_[d])
                    detail::raise(errc::out_of_range, "index " + std::to_string(i) + " in dimension " +
                                                          std::to_string(d) + " of shape " +
                                                          detail::shape_text(shape()));
                at += i * strides_[d++];
            }(static_cast<std::int64_t>(index)),
            ...);
        return data()[at];
    }
    /// The one element of a tensor that has one.
    [[nodiscard]] T item() const {
        detail_access::require_host(*this);
        if (numel() != 1)
            detail::raise(errc::invalid_argument, "item() needs one element, shape is " + detail::shape_text(shape()));
        return *data();
    }

    /// Views: they share this tensor's storage. Negative dimensions count from the end. Errors: errc::out_of_range.
    [[nodiscard]] tensor<T> select(std::int64_t dim, std::int64_t index) const {
        return view_of(detail_access::select(*this, dim, index));
    }
    [[nodiscard]] tensor<T> narrow(std::int64_t dim, std::int64_t start, std::int64_t length) const {
        return view_of(detail_access::narrow(*this, dim, start, length));
    }
    [[nodiscard]] tensor<T> transpose(std::int64_t a, std::int64_t b) const {
        return view_of(detail_access::transpose(*this, a, b));
    }
    [[nodiscard]] tensor<T> view(shape_view shape) const { return view_of(detail_access::reshape(*this, shape.get())); }

    /// A copy with a storage of its own, row-major on host memory. Errors: errc::invalid_argument when undefined or
    /// meta.
    [[nodiscard]] tensor clone() const { return tensor(detail_access::copy(*this, device()), trusted{}); }
    /// A copy on `d`, or this tensor when it is there already. Errors: errc::no_device, errc::out_of_memory.
    [[nodiscard]] tensor to(tarc::device d) const {
        detail_access::require_defined(*this);
        return d == device() ? *this : tensor(detail_access::copy(*this, d), trusted{});
    }

private:
    struct trusted {};
    template <class, std::int64_t...>
    friend class tensor;
    friend class any_tensor;

    tensor(const tensor_base& t, trusted) : tensor_base(t) {}
    static tensor<T> view_of(const tensor_base& t) { return tensor<T>(t, typename tensor<T>::trusted{}); }

    static shape_view default_shape() {
        if constexpr (has_static_shape && !is_scalar)
            return extents;
        else
            return {};
    }
    static void check_shape(std::span<const std::int64_t> shape) {
        if constexpr (has_static_rank) {
            bool same = shape.size() == static_rank;
            for (std::size_t i = 0; same && i < static_rank; ++i) same = extents[i] == dyn || extents[i] == shape[i];
            if (!same)
                detail::raise(errc::mismatch, "shape " + detail::shape_text(shape) +
                                                  " given to a tensor whose type says " +
                                                  (is_scalar ? "[]" : detail::shape_text(extents)) + " (-1 is any)");
        }
    }
};

/// A tensor that PyTorch keeps as a module's buffer (running means and the like): saved like any other, but never one
/// of the parameters that an optimizer numbers.
template <class T, std::int64_t... Extents>
class buffer : public tensor<T, Extents...> {
public:
    using tensor<T, Extents...>::tensor;
    buffer() = default;
    buffer(tensor<T, Extents...> t) : tensor<T, Extents...>(std::move(t)) {}
};

}  // namespace tarc
