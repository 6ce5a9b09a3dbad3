#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <string>
#include <utility>

#include <tarc/tensor/backend.hpp>

namespace tarc {

/// Bytes on one device, shared by handle: copies of a storage are the same bytes, and compare equal. The last handle
/// frees them. Reference counting is thread-safe; the bytes themselves are not guarded.
class storage {
public:
    storage() = default;

    /// Uninitialized memory. Errors: errc::out_of_memory, errc::no_device.
    /// With a stream, the memory is for work of that stream until it has been waited for.
    [[nodiscard]] static storage allocate(std::size_t bytes, resource_ref memory = host_memory(),
                                          void* stream = nullptr) {
        auto b = std::make_shared<owned_block>(memory);
        b->bytes = bytes;
        b->where = memory.device();
        b->data = memory.allocate_async(bytes, storage_alignment, stream);
        return storage(std::move(b));
    }
    [[nodiscard]] static storage allocate(std::size_t bytes, tarc::device d) {
        if (d.type == device_type::meta) return meta(bytes);
        return allocate(bytes, detail::backend_for(d).memory(d));
    }
    /// A size without bytes.
    [[nodiscard]] static storage meta(std::size_t bytes) {
        return of_block(nullptr, bytes, tarc::device::meta(), nullptr);
    }
    /// Memory of somebody else; `keep` is held as long as any handle lives. A null `keep` means that the caller
    /// guarantees it.
    [[nodiscard]] static storage borrow(void* data, std::size_t bytes, tarc::device d = tarc::device::cpu(),
                                        std::shared_ptr<void> keep = nullptr) {
        return of_block(data, bytes, d, std::move(keep));
    }

    /// A range of another storage as one of its own, which keeps all of the other alive. The range lies inside it.
    [[nodiscard]] static storage part(const storage& whole, std::size_t offset, std::size_t bytes) {
        storage s = of_block(static_cast<std::byte*>(whole.data()) + offset, bytes, whole.device(), whole.block_);
        s.block_->whole = whole.block_.get();
        return s;
    }
    /// The same for parts of one storage, which is one allocation, and for that storage itself.
    [[nodiscard]] const void* allocation() const noexcept {
        return block_ && block_->whole != nullptr ? block_->whole : identity();
    }

    [[nodiscard]] bool defined() const noexcept { return block_ != nullptr; }
    [[nodiscard]] std::size_t nbytes() const noexcept { return block_ ? block_->bytes : 0; }
    [[nodiscard]] tarc::device device() const noexcept { return block_ ? block_->where : tarc::device::cpu(); }
    /// The first byte, as an address on device(); null for meta and undefined storages.
    [[nodiscard]] void* data() const noexcept { return block_ ? block_->data : nullptr; }
    [[nodiscard]] long use_count() const noexcept { return block_.use_count(); }
    /// Equal for handles of one storage only; stable while any of them lives.
    [[nodiscard]] const void* identity() const noexcept { return block_.get(); }

    friend bool operator==(const storage& a, const storage& b) noexcept { return a.block_ == b.block_; }

private:
    struct block {
        void* data = nullptr;
        std::size_t bytes = 0;
        tarc::device where;
        std::shared_ptr<void> keep;
        const void* whole = nullptr;
    };
    struct owned_block : block {
        explicit owned_block(resource_ref m) : memory(m) {}
        owned_block(const owned_block&) = delete;
        owned_block& operator=(const owned_block&) = delete;
        ~owned_block() {
            if (data != nullptr) memory.deallocate(data, bytes, storage_alignment);
        }
        resource_ref memory;
    };

    explicit storage(std::shared_ptr<block> b) : block_(std::move(b)) {}
    static storage of_block(void* data, std::size_t bytes, tarc::device d, std::shared_ptr<void> keep) {
        auto b = std::make_shared<block>();
        *b = {data, bytes, d, std::move(keep), nullptr};
        return storage(std::move(b));
    }

    std::shared_ptr<block> block_;
};

}  // namespace tarc
