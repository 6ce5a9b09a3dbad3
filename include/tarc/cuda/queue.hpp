#pragma once

#include <cstddef>
#include <cstdint>

#include <tarc/cuda/memory.hpp>
#include <tarc/tensor/copy_queue.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::cuda {

/// A copy_queue on a non-blocking stream of its own, with pinned staging memory and events without timing. The device
/// that is current for the thread stays so.
template <class Api>
class queue final : public copy_queue {
public:
    explicit queue(device d) : device_(d) {
        const device_guard<Api> current(d);
        check<Api>(Api::create_stream(&stream_), "creating a stream", d);
    }
    ~queue() override {
        // Whatever it says: after it nothing uses the memory of this transfer any more, or the device is lost.
        ignore<Api>(Api::synchronize_stream(stream_));
        for (const typename Api::event e : events_)
            if (e != nullptr) ignore<Api>(Api::destroy_event(e));
        ignore<Api>(Api::destroy_stream(stream_));
        if (staged_ != nullptr) pinned_.deallocate(staged_, 0, 0);
    }

    [[nodiscard]] std::byte* stage(std::size_t bytes) override {
        const device_guard<Api> current(device_);  // pinning makes a context where there is none
        staged_ = pinned_.allocate(bytes, allocation_alignment);
        return static_cast<std::byte*>(staged_);
    }
    [[nodiscard]] void* stream() noexcept override { return stream_; }

    void copy_in(void* to, const std::byte* from, std::size_t bytes) override {
        check<Api>(Api::copy(to, from, bytes, stream_), "starting a copy to the device", device_);
    }
    void copy_out(std::byte* to, const void* from, std::size_t bytes) override {
        check<Api>(Api::copy(to, from, bytes, stream_), "starting a copy from the device", device_);
    }
    void copy_within(void* to, const void* from, std::size_t bytes) override {
        check<Api>(Api::copy(to, from, bytes, stream_), "starting a copy", device_);
    }
    void mark(std::size_t number) override {
        if (number >= events_.size()) events_.resize(number + 1);
        if (events_[number] == nullptr) {
            const device_guard<Api> current(device_);
            check<Api>(Api::create_event(&events_[number]), "creating an event", device_);
        }
        check<Api>(Api::record(events_[number], stream_), "recording an event", device_);
    }
    [[nodiscard]] bool reached(std::size_t number) override {
        const typename Api::code c = Api::query(events_[number]);
        if (c == Api::not_ready) {
            ignore<Api>(c);
            return false;
        }
        check<Api>(c, "copying", device_);
        return true;
    }
    void finish() override { check<Api>(Api::synchronize_stream(stream_), "copying", device_); }

private:
    device device_;
    typename Api::stream stream_ = nullptr;
    tarc::detail::vec<typename Api::event> events_;
    basic_pinned_memory<Api> pinned_;
    void* staged_ = nullptr;
};

}  // namespace tarc::cuda
