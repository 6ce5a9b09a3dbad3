#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <utility>

#include <tarc/format/torch_zip.hpp>
#include <tarc/tensor/storage.hpp>

namespace tarc::detail {

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
