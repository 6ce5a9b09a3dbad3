#pragma once

#include <concepts>
#include <cstddef>
#include <cstdlib>  // std::aligned_alloc

#include <tarc/tensor/device.hpp>
#include <tarc/util/huge_pages.hpp>

namespace tarc {

/// Storages start at a multiple of this many bytes in memory, as their records do in an archive.
inline constexpr std::size_t storage_alignment = 64;

/// Allocates storage memory. `allocate` throws (tarc::error or std::bad_alloc) on failure and never returns null for a
/// size above zero; `device` tells whose memory it is. Must outlive every storage that came from it. tarc calls it from
/// one thread at a time per load.
template <class R>
concept memory_resource = requires(R& r, void* p, std::size_t n) {
    { r.allocate(n, n) } -> std::same_as<void*>;
    { r.deallocate(p, n, n) };
    { r.device() } -> std::convertible_to<tarc::device>;
};

/// A resource that also allocates in the order of a stream (a cudaStream_t, as void*): the memory may be used by work
/// of that stream at once, and by any other when the stream has been waited for. It is given back with `deallocate`.
template <class R>
concept stream_ordered_resource = memory_resource<R> && requires(R& r, std::size_t n, void* stream) {
    { r.allocate_async(n, n, stream) } -> std::same_as<void*>;
};

/// A non-owning reference to any memory_resource; compares by identity. Copies are free, calls are one indirection.
class resource_ref {
public:
    template <memory_resource R>
        requires(!std::same_as<R, resource_ref>)
    resource_ref(R& r) noexcept : object_(&r), table_(&table_of<R>) {}

    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) const {
        return table_->allocate(object_, bytes, alignment);
    }
    /// In the order of a stream where the resource can do that, else at once.
    [[nodiscard]] void* allocate_async(std::size_t bytes, std::size_t alignment, void* stream) const {
        if (stream == nullptr || table_->allocate_async == nullptr) return allocate(bytes, alignment);
        return table_->allocate_async(object_, bytes, alignment, stream);
    }
    void deallocate(void* p, std::size_t bytes, std::size_t alignment) const noexcept {
        table_->deallocate(object_, p, bytes, alignment);
    }
    [[nodiscard]] tarc::device device() const { return table_->device(object_); }

    friend bool operator==(resource_ref a, resource_ref b) noexcept { return a.object_ == b.object_; }

private:
    struct table {
        void* (*allocate)(void*, std::size_t, std::size_t);
        void (*deallocate)(void*, void*, std::size_t, std::size_t);
        tarc::device (*device)(void*);
        void* (*allocate_async)(void*, std::size_t, std::size_t, void*);
    };
    template <class R>
    static constexpr auto async_of() -> void* (*)(void*, std::size_t, std::size_t, void*) {
        if constexpr (stream_ordered_resource<R>)
            return [](void* r, std::size_t n, std::size_t a, void* stream) {
                return static_cast<R*>(r)->allocate_async(n, a, stream);
            };
        else
            return nullptr;
    }
    template <class R>
    static constexpr table table_of{
        [](void* r, std::size_t n, std::size_t a) { return static_cast<R*>(r)->allocate(n, a); },
        [](void* r, void* p, std::size_t n, std::size_t a) { static_cast<R*>(r)->deallocate(p, n, a); },
        [](void* r) -> tarc::device { return static_cast<R*>(r)->device(); }, async_of<R>()};

    void* object_;
    const table* table_;
};

/// Host memory from the C library's heap; large blocks in huge pages where the system has them. Stateless and
/// thread-safe.
class host_resource {
public:
    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        const bool large = bytes >= detail::huge_page;
        if (large && alignment < detail::huge_page) alignment = detail::huge_page;
        const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
        void* p = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
        if (p == nullptr)
            detail::raise(errc::out_of_memory, "host memory: cannot allocate " + std::to_string(bytes) + " bytes");
        if (large) detail::advise_huge_pages(p, bytes);
        return p;
    }
    void deallocate(void* p, std::size_t, std::size_t) noexcept { std::free(p); }
    [[nodiscard]] static constexpr tarc::device device() noexcept { return tarc::device::cpu(); }
};
static_assert(memory_resource<host_resource>);

[[nodiscard]] inline resource_ref host_memory() noexcept {
    static host_resource heap;
    return heap;
}

}  // namespace tarc
