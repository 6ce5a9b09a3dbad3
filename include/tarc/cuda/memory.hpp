#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <tarc/cuda/call.hpp>
#include <tarc/tensor/memory_resource.hpp>

/// The kinds of memory that the runtime has, as memory resources. Each is thread-safe, holds no memory of its own and
/// must outlive the storages that came from it.
namespace tarc::cuda {

/// What every allocation of the runtime is aligned to (CUDA C++ Programming Guide, "Device Memory Accesses").
inline constexpr std::size_t allocation_alignment = 256;

namespace detail {

/// Runs `allocate` with the device current. Errors: errc::out_of_memory with what was free, errc::invalid_argument.
template <class Api, class F>
void* allocate(device d, std::size_t bytes, std::size_t alignment, const char* call, F&& allocate) {
    if (alignment > allocation_alignment)
        tarc::detail::raise(errc::invalid_argument, d.location() + ": memory is aligned to " +
                                                        std::to_string(allocation_alignment) + " bytes, not to " +
                                                        std::to_string(alignment));
    if (bytes == 0) return nullptr;
    const device_guard<Api> current(d);
    void* p = nullptr;
    const typename Api::code c = allocate(&p);
    if (c == Api::no_memory) {
        static_cast<void>(Api::last_error());
        std::size_t free = 0, total = 0;
        std::string text = d.location() + ": cannot allocate " + std::to_string(bytes) + " bytes";
        if (Api::memory_info(&free, &total) == Api::success)
            text += " (" + std::to_string(free) + " of " + std::to_string(total) + " bytes are free there)";
        else
            static_cast<void>(Api::last_error());
        tarc::detail::raise(errc::out_of_memory, std::move(text));
    }
    check<Api>(c, call, d);
    return p;
}

}  // namespace detail

/// Memory that `Allocate` makes with the device current. Giving it back waits for the device, so that no kernel can
/// still be using it.
template <class Api, auto Allocate>
class basic_owned_memory {
public:
    explicit basic_owned_memory(int index = 0) : device_(tarc::device::cuda(index)) { device_.type = Api::type; }
    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        return detail::allocate<Api>(device_, bytes, alignment, "allocating memory",
                                     [&](void** p) { return Allocate(p, bytes); });
    }
    void deallocate(void* p, std::size_t, std::size_t) noexcept {
        if (p != nullptr) ignore<Api>(Api::release(p));
    }
    [[nodiscard]] tarc::device device() const noexcept { return device_; }

private:
    tarc::device device_;
};

/// Memory of one device.
template <class Api>
using basic_device_memory = basic_owned_memory<Api, &Api::allocate>;

/// Managed memory, which the driver moves between host and device. To tarc it is memory of the device: the host may
/// touch it only while nothing runs there.
template <class Api>
using basic_managed_memory = basic_owned_memory<Api, &Api::allocate_managed>;

/// Memory of one device from its pool, in the order of streams: no call waits for the device. It is given back behind
/// all work of blocking streams; work on non-blocking streams that uses it must be done when its last storage goes. On
/// a device without pools it is the same as basic_device_memory.
template <class Api>
class basic_stream_ordered_memory {
public:
    /// Errors: errc::no_device, errc::device_failed.
    explicit basic_stream_ordered_memory(int index = 0) : device_(tarc::device::cuda(index)) {
        device_.type = Api::type;
        if (const std::string why = why_unavailable<Api>(device_); !why.empty())
            tarc::detail::raise_unavailable(device_, why);
        int yes = 0;
        check<Api>(Api::has_pools(&yes, device_.index), "asking for memory pools", device_);
        has_pool_ = yes != 0;
    }
    [[nodiscard]] bool has_pool() const noexcept { return has_pool_; }

    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        const device_guard<Api> current(device_);
        void* p = allocate_async(bytes, alignment, nullptr);
        if (!has_pool_ || p == nullptr) return p;
        const typename Api::code c = Api::synchronize_stream(nullptr);  // from here on it is anybody's
        if (c != Api::success) deallocate(p, bytes, alignment);
        check<Api>(c, "waiting for an allocation", device_);
        return p;
    }
    [[nodiscard]] void* allocate_async(std::size_t bytes, std::size_t alignment, void* stream) {
        return detail::allocate<Api>(device_, bytes, alignment, "allocating device memory", [&](void** p) {
            return has_pool_ ? Api::allocate_async(p, bytes, static_cast<typename Api::stream>(stream))
                             : Api::allocate(p, bytes);
        });
    }
    void deallocate(void* p, std::size_t, std::size_t) noexcept {
        if (p == nullptr) return;
        if (!has_pool_) return ignore<Api>(Api::release(p));
        try {
            const device_guard<Api> current(device_);  // whose default stream is meant
            ignore<Api>(Api::release_async(p, nullptr));
        } catch (const error&) {
            ignore<Api>(Api::release(p));  // needs no current device
        }
    }
    [[nodiscard]] tarc::device device() const noexcept { return device_; }

private:
    tarc::device device_;
    bool has_pool_ = false;
};

/// Host memory that devices copy from and to without the host's help. Tensors in it are on "cpu".
template <class Api>
class basic_pinned_memory {
public:
    [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
        if (alignment > allocation_alignment)
            tarc::detail::raise(errc::invalid_argument, "pinned memory is aligned to " +
                                                            std::to_string(allocation_alignment) + " bytes, not to " +
                                                            std::to_string(alignment));
        if (bytes == 0) return nullptr;
        void* p = nullptr;
        const typename Api::code c = Api::allocate_pinned(&p, bytes);
        if (c == Api::no_memory) {
            static_cast<void>(Api::last_error());
            tarc::detail::raise(errc::out_of_memory,
                                "pinned host memory: cannot allocate " + std::to_string(bytes) + " bytes");
        }
        check<Api>(c, "allocating pinned host memory", tarc::device{Api::type, 0});
        return p;
    }
    void deallocate(void* p, std::size_t, std::size_t) noexcept {
        if (p != nullptr) ignore<Api>(Api::release_pinned(p));
    }
    [[nodiscard]] static constexpr tarc::device device() noexcept { return tarc::device::cpu(); }
};

}  // namespace tarc::cuda
