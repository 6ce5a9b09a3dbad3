#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::unique_ptr
#include <mutex>
#include <string>

#include <tarc/cuda/memory.hpp>
#include <tarc/cuda/queue.hpp>
#include <tarc/tensor/backend.hpp>

namespace tarc::cuda {

/// The devices of one GPU runtime. Thread-safe; holds nothing of the runtime, so it may live as long as the program.
template <class Api>
class gpu_backend final : public tarc::backend {
public:
    [[nodiscard]] int count() const override {
        int n = 0;
        return ask_count<Api>(&n) == Api::success ? n : 0;
    }

    [[nodiscard]] std::string unavailable(device d) const override { return why_unavailable<Api>(d); }

    [[nodiscard]] std::uint64_t free_bytes(device d) const override {
        const device_guard<Api> current(d);
        std::size_t free = 0, total = 0;
        check<Api>(Api::memory_info(&free, &total), "asking for free memory", d);
        return free;
    }

    [[nodiscard]] resource_ref memory(device d) override {
        const std::lock_guard lock(mutex_);
        const auto i = static_cast<std::size_t>(d.index);
        while (memory_.size() <= i)
            memory_.push_back(std::make_unique<basic_device_memory<Api>>(static_cast<int>(memory_.size())));
        return *memory_[i];
    }

    void copy(void* to, device to_device, const void* from, device from_device, std::size_t bytes) override {
        const bool leaves = from_device.type == Api::type, arrives = to_device.type == Api::type;
        if (leaves) settle(from_device);
        const device d = arrives ? to_device : from_device;
        const device_guard<Api> current(d);
        own_stream stream(d);
        check<Api>(leaves && arrives && from_device != to_device
                       ? Api::copy_peer(to, to_device.index, from, from_device.index, bytes, stream.get)
                       : Api::copy(to, from, bytes, stream.get),
                   "starting a copy", d);
        check<Api>(Api::synchronize_stream(stream.get), "copying", d);
    }

    [[nodiscard]] bool host_accessible(device) const noexcept override { return false; }
    [[nodiscard]] std::unique_ptr<copy_queue> queue(device d) override { return std::make_unique<cuda::queue<Api>>(d); }

    void settle(device d) override {
        const device_guard<Api> current(d);
        check<Api>(Api::synchronize(), "waiting for the device", d);
    }

private:
    struct own_stream {
        explicit own_stream(device d) { check<Api>(Api::create_stream(&get), "creating a stream", d); }
        own_stream(const own_stream&) = delete;
        own_stream& operator=(const own_stream&) = delete;
        ~own_stream() {
            ignore<Api>(Api::synchronize_stream(get));
            ignore<Api>(Api::destroy_stream(get));
        }
        typename Api::stream get = nullptr;
    };

    std::mutex mutex_;
    tarc::detail::vec<std::unique_ptr<basic_device_memory<Api>>> memory_;
};

}  // namespace tarc::cuda
