#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <memory>   // std::unique_ptr
#include <string>
#include <vector>

#include <tarc/tensor/copy_queue.hpp>
#include <tarc/tensor/memory_resource.hpp>

namespace tarc {

/// What serves one type of device: its memory, and copies that touch it. One object per type, registered for the life
/// of the program before any other thread uses tarc; its functions are thread-safe.
class backend {
public:
    virtual ~backend() = default;
    /// How many devices of the type can be used now: those with the indices below that.
    [[nodiscard]] virtual int count() const { return 1; }
    /// Empty when `d` can be used now, else the reason as a sentence ("no CUDA driver is installed").
    [[nodiscard]] virtual std::string unavailable(device d) const = 0;
    /// Bytes that can still be allocated on `d`, as far as that can be known.
    [[nodiscard]] virtual std::uint64_t free_bytes(device /*d*/) const { return UINT64_MAX; }
    /// The memory that a placement on `d` without a resource takes.
    [[nodiscard]] virtual resource_ref memory(device d) = 0;
    /// Copies and returns when both sides may be used again; work on the source that was started before is waited for.
    /// At least one side is of this backend's type, the other is that or host memory. Errors: tarc::error.
    virtual void copy(void* to, device to_device, const void* from, device from_device, std::size_t bytes) = 0;
    /// Whether the host may read and write this memory directly.
    [[nodiscard]] virtual bool host_accessible(device d) const noexcept = 0;
    /// A queue of its own for copies between `d` and the host; by default one that copies at once. Errors: tarc::error.
    [[nodiscard]] virtual std::unique_ptr<copy_queue> queue(device d);
    /// Returns when all work that anybody started on `d` is done, so that the memory there holds what it will hold.
    virtual void settle(device /*d*/) {}
};

namespace detail {

/// For a backend that has no other: nothing is ever under way.
class blocking_queue final : public copy_queue {
public:
    blocking_queue(backend& b, device d) : backend_(b), device_(d) {}
    [[nodiscard]] std::byte* stage(std::size_t bytes) override {
        staged_.resize(bytes);
        return staged_.data();
    }
    void copy_in(void* to, const std::byte* from, std::size_t bytes) override {
        backend_.copy(to, device_, from, device::cpu(), bytes);
    }
    void copy_out(std::byte* to, const void* from, std::size_t bytes) override {
        backend_.copy(to, device::cpu(), from, device_, bytes);
    }
    void copy_within(void* to, const void* from, std::size_t bytes) override {
        backend_.copy(to, device_, from, device_, bytes);
    }
    void mark(std::size_t) override {}
    [[nodiscard]] bool reached(std::size_t) override { return true; }
    void finish() override {}

private:
    backend& backend_;
    device device_;
    std::vector<std::byte> staged_;
};

class host_backend final : public backend {
public:
    [[nodiscard]] std::string unavailable(device) const override { return {}; }
    [[nodiscard]] resource_ref memory(device) override { return host_memory(); }
    void copy(void* to, device, const void* from, device, std::size_t bytes) override {
        if (bytes != 0) std::memcpy(to, from, bytes);
    }
    [[nodiscard]] bool host_accessible(device) const noexcept override { return true; }
};

struct backend_registry {
    host_backend host;
    std::array<backend*, 3> by_type{&host, nullptr, nullptr};
};

[[gnu::visibility("default")]] inline backend_registry& backends() {
    static backend_registry registry;
    return registry;
}

}  // namespace detail

inline std::unique_ptr<copy_queue> backend::queue(device d) {
    return std::make_unique<detail::blocking_queue>(*this, d);
}

/// Makes `b` serve all devices of `type`; null removes it. Call it before other threads use tarc.
inline void register_backend(device_type type, backend* b) {
    detail::backends().by_type[static_cast<std::size_t>(type)] = b;
}

/// The backend of a device type, or null when none was registered.
[[nodiscard]] inline backend* find_backend(device_type type) noexcept {
    return detail::backends().by_type[static_cast<std::size_t>(type)];
}

namespace detail {

/// Empty when memory on `d` can be had, else why not, with the fix.
[[nodiscard]] inline std::string why_unavailable(device d) {
    if (d.type == device_type::meta) return {};
    if (backend* b = find_backend(d.type)) return b->unavailable(d);
    const std::string kind = d.location().substr(0, d.location().find(':'));
    return "this program was built without support for " + kind + " devices (include <tarc/" + kind +
           ".hpp> and link the CMake target tarc::" + kind + " for it)";
}

[[noreturn]] inline void raise_unavailable(device d, const std::string& why) {
    raise(errc::no_device, why + " -- device \"" + d.location() + "\" cannot be used here");
}

[[nodiscard]] inline backend& backend_for(device d) {
    backend* b = find_backend(d.type);
    const std::string why = b == nullptr ? why_unavailable(d) : b->unavailable(d);
    if (b == nullptr || !why.empty()) raise_unavailable(d, why.empty() ? "it has no memory" : why);
    return *b;
}

[[nodiscard]] inline bool host_accessible(device d) noexcept {
    const backend* b = find_backend(d.type);
    return b != nullptr && b->host_accessible(d);
}

/// Copies between any two devices; the backend of the side that is not the host does the work.
inline void copy_bytes(void* to, device to_device, const void* from, device from_device, std::size_t bytes) {
    if (bytes == 0) return;
    const device d = to_device.type != device_type::cpu ? to_device : from_device;
    backend_for(d).copy(to, to_device, from, from_device, bytes);
}

}  // namespace detail
}  // namespace tarc
