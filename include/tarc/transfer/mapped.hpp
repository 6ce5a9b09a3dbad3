#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <utility>

#include <tarc/format/opened_file.hpp>
#include <tarc/tensor/storage.hpp>

namespace tarc::detail {

/// Private views of storages in their file, which is mapped once for all of them.
class mapped_file {
public:
    explicit mapped_file(const opened_file& file) : file_(file) {}

    /// An undefined storage where it cannot be mapped. Nothing is read in a file of torch's layout.
    [[nodiscard]] storage view(const storage_body& from) {
        if (from.nbytes == 0) return {};
        const std::optional<std::uint64_t> at = file_.offset_of(from, opened_file::headers::expected);
        if (!at || *at % 16 != 0 || unmappable_) return {};
        const std::uint64_t size = file_.file().size();
        if (*at > size || from.nbytes > size - *at) return {};
        if (!bytes_.defined()) {
            std::shared_ptr<std::byte> all = file_.file().map(0, size);
            if (all == nullptr || reinterpret_cast<std::uintptr_t>(all.get()) % 16 != 0) {
                unmappable_ = true;
                return {};
            }
            void* const begin = all.get();
            bytes_ = storage::borrow(begin, size, device::cpu(), std::move(all));
        }
        return storage::part(bytes_, *at, from.nbytes);
    }
    /// Whether any storage is a view.
    [[nodiscard]] bool used() const { return bytes_.defined(); }

private:
    const opened_file& file_;
    storage bytes_;
    bool unmappable_ = false;
};

}  // namespace tarc::detail
