#include "memory.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cuda_sim {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t alignment = 256;
constexpr std::uint64_t painted = std::uint64_t{64} << 10;     ///< bytes at each end of a block that show its state
constexpr std::uint64_t quarantine = std::uint64_t{64} << 20;  ///< bytes of freed pinned memory that are kept
constexpr int fresh_paint = 0xCD, freed_paint = 0xDD, unpinned_paint = 0xDB;

std::uint64_t round_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

void paint(char* bytes, std::uint64_t count, int color) {
    if (count <= 2 * painted) {
        std::memset(bytes, color, count);
        return;
    }
    std::memset(bytes, color, painted);
    std::memset(bytes + count - painted, color, painted);
}

void* map_or_die(std::uint64_t bytes, int protection, int flags, int file) {
    void* at = ::mmap(nullptr, bytes, protection, flags, file, 0);
    if (at == MAP_FAILED) {
        std::perror("cuda simulation: mmap of a device's memory");
        std::abort();
    }
    return at;
}

std::uintptr_t number(const void* address) { return reinterpret_cast<std::uintptr_t>(address); }

}  // namespace

arena::arena(int device, bool managed, std::uint64_t capacity, bool warm)
    : device_(device),
      warm_(warm),
      file_(::memfd_create("cuda_simulation", MFD_CLOEXEC)),
      // Room to spare, so that holes between blocks never make a device full that is not.
      range_(round_up(capacity, page) * 4 + (std::uint64_t{16} << 20)) {
    if (file_ < 0 || ::ftruncate(file_, static_cast<off_t>(range_)) != 0) {
        std::perror("cuda simulation: memory of a device");
        std::abort();
    }
    void* view = map_or_die(range_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file_);
    shadow_ = static_cast<char*>(view);
    if (!managed) view = map_or_die(range_, PROT_NONE, MAP_SHARED | MAP_NORESERVE, file_);
    begin_ = next_ = number(view);
    if (warm_) std::memset(shadow_, 0, std::min(range_, capacity + capacity / 8));
}

arena::~arena() {
    if (number(shadow_) != begin_) ::munmap(reinterpret_cast<void*>(begin_), range_);
    ::munmap(shadow_, range_);
    ::close(file_);
}

std::uintptr_t arena::place(std::uint64_t bytes, std::map<std::uintptr_t, block_pointer>& blocks) {
    // An odd multiple of 256, and a gap of 256 at least: no more alignment than CUDA promises, and no neighbour.
    const auto aligned = [](std::uintptr_t address) { return round_up(address, 2 * alignment) + alignment; };
    std::uintptr_t at = aligned(warm_ ? begin_ : next_);
    bool wrapped = false;
    for (;;) {
        if (at + bytes + alignment > begin_ + range_) {
            if (std::exchange(wrapped, true)) return 0;
            at = aligned(begin_);
            continue;
        }
        auto first = blocks.upper_bound(at);
        if (first != blocks.begin() && std::prev(first)->second->end() > at) --first;
        auto living = first;
        while (living != blocks.end() && living->first < at + bytes + alignment && living->second->freed) ++living;
        if (living == blocks.end() || living->first >= at + bytes + alignment) {
            blocks.erase(first, living);
            next_ = at + bytes;
            return at;
        }
        at = aligned(living->second->end());
    }
}

void arena::wipe(const block& gone) {
    const std::uint64_t offset = gone.begin - begin_;
    const std::uint64_t from = round_up(offset, page), to = (offset + gone.bytes) / page * page;
    if (!warm_ && from < to && to - from > 2 * painted) {
        ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from),
                    static_cast<off_t>(to - from));
    }
    paint(shadow_ + offset, gone.bytes, freed_paint);
}

memory::memory(int devices, std::uint64_t capacity, bool warm) : capacity_(capacity) {
    for (const bool managed : {false, true}) {
        for (int i = 0; i < devices; ++i)
            arenas_.push_back(std::make_unique<arena>(i, managed, capacity, warm && !managed));
    }
    used_.resize(static_cast<std::size_t>(devices));
}

memory::~memory() {
    for (const auto& [begin, held] : blocks_) {
        if (held->kind == memory_kind::pinned) ::munmap(held->contents, round_up(held->bytes, page) + page);
    }
}

block_pointer memory::allocate(memory_kind kind, int device, std::uint64_t bytes) {
    const auto index = static_cast<std::size_t>(device);
    if (bytes > free_bytes(device)) return nullptr;
    arena& from = *arenas_[index + (kind == memory_kind::managed ? used_.size() : 0)];
    const std::uintptr_t begin = from.place(bytes, blocks_);
    if (begin == 0) return nullptr;
    auto made = std::make_shared<block>();
    made->kind = kind;
    made->begin = begin;
    made->bytes = bytes;
    made->device = device;
    made->contents = from.contents(begin);
    paint(made->contents, bytes, fresh_paint);
    used_[index] += round_up(bytes, alignment);
    return blocks_[begin] = made;
}

block_pointer memory::pin(int device, std::uint64_t bytes) {
    if (bytes >> 46 != 0) return nullptr;  // no machine has it, and the sums below would overflow
    // The page behind it is closed: running past the end is seen at once. And pinned means that the pages are there.
    const std::uint64_t usable = round_up(bytes, page);
    void* at =
        ::mmap(nullptr, usable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) return nullptr;
    ::mprotect(static_cast<char*>(at) + usable, page, PROT_NONE);
    auto made = std::make_shared<block>();
    made->kind = memory_kind::pinned;
    made->begin = number(at);
    made->bytes = bytes;
    made->device = device;
    made->contents = static_cast<char*>(at);
    blocks_[made->begin] = made;
    note_peak();
    return made;
}

block_pointer memory::enlist(void* begin, std::uint64_t bytes, int device) {
    const std::uintptr_t from = number(begin), to = from + bytes;
    if (device_address(begin)) return nullptr;
    for (auto at = blocks_.lower_bound(from); at != blocks_.end() && at->first < to;) {
        if (!at->second->abandoned || at->second->kind != memory_kind::registered) return nullptr;
        at = blocks_.erase(at);
    }
    if (const block_pointer before = find(begin)) {
        if (!before->abandoned || before->kind != memory_kind::registered) return nullptr;
        blocks_.erase(before->begin);
    }
    auto made = std::make_shared<block>();
    made->kind = memory_kind::registered;
    made->begin = from;
    made->bytes = bytes;
    made->device = device;
    made->contents = static_cast<char*>(begin);
    blocks_[from] = made;
    note_peak();
    return made;
}

void memory::release(const block_pointer& gone) {
    if (std::exchange(gone->freed, true)) return;
    gone->released = true;
    home(reinterpret_cast<const void*>(gone->begin))->wipe(*gone);
    used_[static_cast<std::size_t>(gone->device)] -= round_up(gone->bytes, alignment);
}

void memory::unpin(const block_pointer& gone) {
    gone->released = gone->freed = true;
    std::memset(gone->contents, unpinned_paint, gone->bytes);
    quarantined_ += gone->bytes;
    quarantine_.push_back(gone);
    while (quarantined_ > quarantine && !quarantine_.front()->late_work) evict();
}

void memory::delist(const block_pointer& gone) {
    gone->released = gone->freed = true;
    blocks_.erase(gone->begin);
}

block_pointer memory::find(const void* address) const {
    const auto after = blocks_.upper_bound(number(address));
    if (after == blocks_.begin()) return nullptr;
    const block_pointer& last = std::prev(after)->second;
    return number(address) < last->end() ? last : nullptr;
}

std::vector<block_pointer> memory::touched_after_free() {
    for (const block_pointer& gone : quarantine_) inspect(gone);
    return std::exchange(touched_, {});
}

void memory::inspect(const block_pointer& gone) {
    const char* bytes = gone->contents;
    if (bytes[0] == static_cast<char>(unpinned_paint) && std::memcmp(bytes, bytes + 1, gone->bytes - 1) == 0) return;
    touched_.push_back(gone);
    std::memset(gone->contents, unpinned_paint, gone->bytes);
}

void memory::evict() {
    const block_pointer gone = quarantine_.front();
    quarantine_.pop_front();
    quarantined_ -= gone->bytes;
    inspect(gone);
    ::munmap(gone->contents, round_up(gone->bytes, page) + page);
    blocks_.erase(gone->begin);
}

std::uint64_t memory::free_bytes(int device) const {
    const std::uint64_t used = used_[static_cast<std::size_t>(device)];
    return used < capacity_ ? capacity_ - used : 0;
}

std::uint64_t memory::pinned_bytes() const {
    std::uint64_t sum = 0;
    for (const auto& [begin, held] : blocks_) {
        if (!held->on_device() && held->alive()) sum += held->bytes;
    }
    return sum;
}

arena* memory::home(const void* address) const {
    for (const auto& candidate : arenas_) {
        if (candidate->has(number(address))) return candidate.get();
    }
    return nullptr;
}

void memory::note_peak() { peak_pinned = std::max(peak_pinned, pinned_bytes()); }

}  // namespace cuda_sim
