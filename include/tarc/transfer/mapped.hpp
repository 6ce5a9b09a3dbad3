#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <utility>

#include <tarc/format/opened_file.hpp>
#include <tarc/tensor/storage.hpp>

namespace tarc::detail {

/// A private view of a storage in its file, or an undefined storage where it cannot be mapped.
[[nodiscard]] inline storage map_storage(const opened_file& file, const storage_body& from) {
    if (from.nbytes == 0) return {};
    const std::optional<std::uint64_t> at = file.offset_of(from);
    if (!at) return {};
    std::shared_ptr<std::byte> view = file.file().map(*at, from.nbytes);
    if (view == nullptr || reinterpret_cast<std::uintptr_t>(view.get()) % 16 != 0) return {};
    void* data = view.get();
    return storage::borrow(data, from.nbytes, device::cpu(), std::move(view));
}

}  // namespace tarc::detail
