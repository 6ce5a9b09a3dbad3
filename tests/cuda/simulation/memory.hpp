#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "clocks.hpp"

namespace cuda_sim {

enum class memory_kind { device, managed, pinned, registered };

/// One allocation or registered range, alive or freed a short time ago.
struct block {
    memory_kind kind = memory_kind::device;
    std::uintptr_t begin = 0;
    std::uint64_t bytes = 0;
    int device = 0;            ///< that has it; of host memory: that was current
    char* contents = nullptr;  ///< where the simulation reaches the first byte
    bool pooled = false;       ///< of cudaMallocAsync
    bool released = false;     ///< a free was asked for
    bool freed = false;        ///< and done
    bool late_work = false;    ///< freed under work that uses it
    bool abandoned = false;    ///< its free failed for a reason that is not the program's
    const char* call = "";     ///< that made it
    std::uint64_t number = 0;
    history uses;

    [[nodiscard]] bool on_device() const { return kind == memory_kind::device || kind == memory_kind::managed; }
    [[nodiscard]] bool alive() const { return !released && !abandoned; }
    [[nodiscard]] std::uintptr_t end() const { return begin + bytes; }
};
using block_pointer = std::shared_ptr<block>;

/// A device's memory: one file mapped twice. The program's view cannot be touched, the simulation's can. Managed memory
/// is one view that both use.
class arena {
public:
    /// Warm: all pages are there from the start and stay, so that copies take no page faults. For tests of speed.
    arena(int device, bool managed, std::uint64_t capacity, bool warm);
    ~arena();
    arena(const arena&) = delete;
    arena& operator=(const arena&) = delete;

    [[nodiscard]] bool has(std::uintptr_t address) const { return address - begin_ < range_; }
    [[nodiscard]] int device() const { return device_; }
    [[nodiscard]] char* contents(std::uintptr_t address) const { return shadow_ + (address - begin_); }

    /// A place that no living block has; 0: none. Addresses of freed blocks come up again as late as possible, or in a
    /// warm arena as soon as possible.
    [[nodiscard]] std::uintptr_t place(std::uint64_t bytes, std::map<std::uintptr_t, block_pointer>& blocks);
    /// Hands the pages of a freed block back and marks its ends.
    void wipe(const block& gone);

private:
    int device_;
    bool warm_;
    int file_;
    std::uint64_t range_;
    std::uintptr_t begin_ = 0, next_ = 0;
    char* shadow_ = nullptr;
};

/// All memory that the runtime knows. Not locked: its user is.
class memory {
public:
    memory(int devices, std::uint64_t capacity, bool warm);
    ~memory();
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;

    /// Null: no room.
    block_pointer allocate(memory_kind kind, int device, std::uint64_t bytes);
    /// Null: the system has none.
    block_pointer pin(int device, std::uint64_t bytes);
    /// Null: part of the range is already pinned or is no host memory.
    block_pointer enlist(void* begin, std::uint64_t bytes, int device);
    void release(const block_pointer& gone);  ///< device and managed memory
    /// The memory stays readable for a while, full of 0xDB.
    void unpin(const block_pointer& gone);
    void delist(const block_pointer& gone);

    /// The block that this address is in, alive or not.
    [[nodiscard]] block_pointer find(const void* address) const;
    /// Whether the address belongs to a device, in a block or not.
    [[nodiscard]] bool device_address(const void* address) const { return home(address) != nullptr; }
    /// Pinned blocks that were written to after they were freed: once each.
    [[nodiscard]] std::vector<block_pointer> touched_after_free();

    [[nodiscard]] std::uint64_t free_bytes(int device) const;
    [[nodiscard]] std::uint64_t capacity() const { return capacity_; }
    [[nodiscard]] const std::map<std::uintptr_t, block_pointer>& blocks() const { return blocks_; }

    std::uint64_t peak_pinned = 0;
    [[nodiscard]] std::uint64_t pinned_bytes() const;

private:
    [[nodiscard]] arena* home(const void* address) const;
    void evict();
    void inspect(const block_pointer& gone);
    void note_peak();

    std::uint64_t capacity_;
    std::vector<std::unique_ptr<arena>> arenas_;  ///< of device memory, then of managed
    std::vector<std::uint64_t> used_;
    std::map<std::uintptr_t, block_pointer> blocks_;
    std::deque<block_pointer> quarantine_;
    std::vector<block_pointer> touched_;
    std::uint64_t quarantined_ = 0;
};

}  // namespace cuda_sim
