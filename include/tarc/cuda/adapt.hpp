#pragma once

#include <concepts>
#include <cstddef>

#include <tarc/cuda/memory.hpp>

namespace tarc::cuda {

namespace detail {

// The spellings in use: CCCL 3.1 and rmm 26 have allocate_sync(n, a) and allocate(stream, n, a); CCCL up to 3.0 has
// allocate(n, a) and allocate_async(n, a, stream); rmm before that allocate(n, stream). A stream is whatever type they
// make of a native handle.
template <class R>
concept allocates_sync = requires(R& r, void* p, std::size_t n) {
    { r.allocate_sync(n, n) } -> std::convertible_to<void*>;
    r.deallocate_sync(p, n, n);
};
template <class R>
concept allocates_blocking = requires(R& r, void* p, std::size_t n) {
    { r.allocate(n, n) } -> std::convertible_to<void*>;
    r.deallocate(p, n, n);
};
template <class R, class S>
concept allocates_stream_first = requires(R& r, void* p, std::size_t n, S s) {
    { r.allocate(s, n, n) } -> std::convertible_to<void*>;
    r.deallocate(s, p, n, n);
};
template <class R, class S>
concept allocates_stream_last = requires(R& r, void* p, std::size_t n, S s) {
    { r.allocate_async(n, n, s) } -> std::convertible_to<void*>;
    r.deallocate_async(p, n, n, s);
};

}  // namespace detail

/// Any object that allocates like a resource of cuda::mr or of rmm.
template <class R, class Api>
concept foreign_resource =
    detail::allocates_sync<R> || detail::allocates_blocking<R> ||
    detail::allocates_stream_first<R, typename Api::stream> || detail::allocates_stream_last<R, typename Api::stream>;

/// A resource of cuda::mr or rmm as one of tarc. It refers to `r`, which is used from as many threads as this is; both
/// must outlive the storages. Memory is given back behind all work of blocking streams, as stream_ordered_memory does.
template <class R, class Api>
    requires foreign_resource<R, Api>
class basic_adapted {
    using stream_type = typename Api::stream;
    static constexpr bool first = detail::allocates_stream_first<R, stream_type>,
                          last = detail::allocates_stream_last<R, stream_type>, sync = detail::allocates_sync<R>;

public:
    basic_adapted(R& r, tarc::device d) : resource_(&r), device_(d) {}

    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        if constexpr (sync) {
            return resource_->allocate_sync(bytes, alignment);
        } else if constexpr (detail::allocates_blocking<R>) {
            return resource_->allocate(bytes, alignment);
        } else {
            const device_guard<Api> current(device_);
            void* p = allocate_async(bytes, alignment, nullptr);
            const typename Api::code c = Api::synchronize_stream(nullptr);
            if (c != Api::success) deallocate(p, bytes, alignment);
            check<Api>(c, "waiting for an allocation", device_);
            return p;
        }
    }
    [[nodiscard]] void* allocate_async(std::size_t bytes, std::size_t alignment, void* stream)
        requires(first || last)
    {
        const auto s = static_cast<stream_type>(stream);
        if constexpr (first)
            return resource_->allocate(s, bytes, alignment);
        else
            return resource_->allocate_async(bytes, alignment, s);
    }
    void deallocate(void* p, std::size_t bytes, std::size_t alignment) noexcept {
        if constexpr (first)
            on_device([&] { resource_->deallocate(stream_type{}, p, bytes, alignment); });
        else if constexpr (last)
            on_device([&] { resource_->deallocate_async(p, bytes, alignment, stream_type{}); });
        else if constexpr (sync)
            resource_->deallocate_sync(p, bytes, alignment);
        else
            resource_->deallocate(p, bytes, alignment);
    }
    [[nodiscard]] tarc::device device() const noexcept { return device_; }

private:
    template <class F>
    void on_device(F&& release) noexcept {
        try {
            const device_guard<Api> current(device_);
            release();
        } catch (const error&) {
            release();  // no device can be made current: better in the wrong order than never
        }
    }

    R* resource_;
    tarc::device device_;
};

}  // namespace tarc::cuda
