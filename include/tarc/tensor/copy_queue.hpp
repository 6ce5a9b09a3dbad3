#pragma once

#include <cstddef>

namespace tarc {

/// Copies between one device and the host that are done in order, beside what the host does: a stream with the host
/// memory that it copies through. Made for one transfer and used by one thread. The destructor returns when nothing is
/// under way any more, whatever has failed. Errors of work that was started before may appear in any later call.
class copy_queue {
public:
    copy_queue() = default;
    copy_queue(const copy_queue&) = delete;
    copy_queue& operator=(const copy_queue&) = delete;
    virtual ~copy_queue() = default;

    /// Host memory that copies of this queue may use while the host goes on (pinned), alive as long as the queue. Once
    /// per queue. Errors: errc::out_of_memory.
    [[nodiscard]] virtual std::byte* stage(std::size_t bytes) = 0;
    /// The stream that a stream_ordered_resource is given; null where there is none.
    [[nodiscard]] virtual void* stream() noexcept { return nullptr; }

    /// Start a copy from host memory to the device, or back. With staged memory they return at once, with other they
    /// may wait until it can be used again.
    virtual void copy_in(void* to_device, const std::byte* from_host, std::size_t bytes) = 0;
    virtual void copy_out(std::byte* to_host, const void* from_device, std::size_t bytes) = 0;
    /// The same within the device.
    virtual void copy_within(void* to, const void* from, std::size_t bytes) = 0;
    /// Marks what was started so far by a number from 0 on; a later mark of that number replaces it.
    virtual void mark(std::size_t number) = 0;
    /// Whether all that the mark covers is done. Returns at once.
    [[nodiscard]] virtual bool reached(std::size_t number) = 0;
    /// Returns when all that was started is done.
    virtual void finish() = 0;
};

}  // namespace tarc
