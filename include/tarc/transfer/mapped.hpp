#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <utility>

#include <tarc/format/opened_file.hpp>
#include <tarc/tensor/storage.hpp>

namespace tarc::detail {

/// All of a file as one private mapping; undefined where it cannot be mapped.
[[nodiscard]] inline storage map_whole(source& file) {
    std::shared_ptr<std::byte> all = file.map(0, file.size());
    if (all == nullptr) return {};
    void* const begin = all.get();
    return storage::borrow(begin, file.size(), device::cpu(), std::move(all));
}

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
            storage all = map_whole(file_.file());
            unmappable_ = !all.defined() || reinterpret_cast<std::uintptr_t>(all.data()) % 16 != 0;
            if (unmappable_) return {};
            bytes_ = std::move(all);
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
