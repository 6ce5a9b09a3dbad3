#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/format/torch_zip.hpp>
#include <tarc/tensor/backend.hpp>
#include <tarc/tensor/storage.hpp>

namespace tarc::detail {

/// Errors: errc::bad_tensor when a byte is neither 0 nor 1, which no bool may be. `at` is where the bytes stand in the
/// record.
inline void require_bools(std::span<const std::byte> bytes, std::string_view record, std::uint64_t at) {
    for (std::size_t i = 0; i < bytes.size(); ++i)
        if (bytes[i] > std::byte{1})
            raise_at(
                errc::bad_tensor,
                "a byte of a bool tensor is " + std::to_string(std::to_integer<int>(bytes[i])) + ", neither 0 nor 1",
                record, at + i);
}

/// Brings one storage of a file into memory on any device: straight into memory that the host can write, else block by
/// block through a scratch of 1 MiB. `bools`: every byte must be 0 or 1.
inline void transfer_storage(const torch_zip& file, const storage_body& from, void* to, device on, bool verify,
                             bool bools) {
    const bool direct = host_accessible(on);
    const std::span<std::byte> into =
        direct ? std::span(static_cast<std::byte*>(to), from.nbytes) : std::span<std::byte>{};
    file.read_storage(from, into, verify, [&](std::uint64_t at, std::span<const std::byte> block) {
        if (bools) require_bools(block, file.zip().records()[from.record].name, at);
        if (!direct) copy_bytes(static_cast<std::byte*>(to) + at, on, block.data(), device::cpu(), block.size());
    });
}

/// A private view of a storage in its file, or an undefined storage where it cannot be mapped.
[[nodiscard]] inline storage map_storage(const torch_zip& file, const storage_body& from) {
    if (!file.can_map(from) || from.nbytes == 0) return {};
    const record& r = file.zip().records()[from.record];
    const std::uint64_t at = file.zip().payload_offset(r);
    std::shared_ptr<std::byte> view = file.zip().file().map(at, from.nbytes);
    if (view == nullptr || reinterpret_cast<std::uintptr_t>(view.get()) % 16 != 0) return {};
    void* data = view.get();
    return storage::borrow(data, from.nbytes, device::cpu(), std::move(view));
}

}  // namespace tarc::detail
