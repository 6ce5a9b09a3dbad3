// The parts under tarc/cuda/ with another runtime: one that has no more to do with CUDA than the names in its traits.
// This program neither includes CUDA's headers nor is linked with its library.
#include <doctest/doctest.h>

#include <cstring>
#include <map>

#include <tarc/cuda/adapt.hpp>
#include <tarc/cuda/backend.hpp>
#include <tarc/tarc.hpp>

#ifdef CUDART_VERSION
#error "CUDA's headers were included"
#endif

namespace {

/// A runtime whose device memory is on the heap, and whose work is done at once.
struct other_api {
    enum class code { success, not_ready, no_memory, old_driver, no_device, broken };
    struct queue_object {};
    using stream = queue_object*;
    using event = int*;

    static constexpr tarc::device_type type = tarc::device_type::cuda;
    static constexpr const char* name = "Other";
    static constexpr code success = code::success, not_ready = code::not_ready, no_memory = code::no_memory,
                          old_driver = code::old_driver, no_device = code::no_device;

    static bool is_sticky(code c) { return c == code::broken; }
    static const char* error_name(code) { return "otherError"; }
    static const char* error_text(code) { return "it did not work"; }
    static code last_error() { return success; }
    static code device_count(int* n) { return *n = count, success; }
    static code get_device(int* i) { return *i = current, success; }
    static code set_device(int i) { return current = i, success; }
    static code has_pools(int* yes, int) { return *yes = 1, success; }
    static code memory_info(std::size_t* free, std::size_t* total) { return *free = *total = 1000, success; }
    static code synchronize() { return success; }
    static code allocate(void** p, std::size_t n) {
        if (n > 100'000'000) return no_memory;
        *p = std::aligned_alloc(256, (n + 255) / 256 * 256);
        ++alive;
        return success;
    }
    static code release(void* p) { return std::free(p), --alive, success; }
    static code allocate_async(void** p, std::size_t n, stream) { return allocate(p, n); }
    static code release_async(void* p, stream) { return release(p); }
    static code allocate_managed(void** p, std::size_t n) { return allocate(p, n); }
    static code allocate_pinned(void** p, std::size_t n) { return allocate(p, n); }
    static code release_pinned(void* p) { return release(p); }
    static code create_stream(stream* s) { return *s = new queue_object, ++alive, success; }
    static code destroy_stream(stream s) { return delete s, --alive, success; }
    static code synchronize_stream(stream) { return success; }
    static code create_event(event* e) { return *e = new int(0), ++alive, success; }
    static code destroy_event(event e) { return delete e, --alive, success; }
    static code record(event, stream) { return success; }
    static code query(event e) { return ++*e % 2 != 0 ? not_ready : success; }  // the first time asked
    static code copy(void* to, const void* from, std::size_t n, stream) {
        if (broken) return code::broken;
        std::memcpy(to, from, n);
        return success;
    }
    static code copy_peer(void* to, int, const void* from, int, std::size_t n, stream s) {
        return copy(to, from, n, s);
    }

    static inline int current = 0, count = 2, alive = 0;
    static inline bool broken = false;
};

struct state {
    std::vector<tarc::tensor<float>> list;
};

TEST_CASE("a second runtime: loads, saves, copies, errors") {
    tarc::cuda::gpu_backend<other_api> other;
    tarc::register_backend(tarc::device_type::cuda, &other);
    {
        state host;
        for (int i = 0; i < 20; ++i)
            host.list.push_back(tarc::tensor<float>::full({1 + i * 5000}, static_cast<float>(i)));
        std::vector<std::byte> file, again;
        tarc::save(host, file);
        const state s = tarc::load<state>(file, "cuda:1");
        CHECK(s.list[7].device() == tarc::device::cuda(1));
        CHECK(s.list[7].to(tarc::device::cpu())(35000) == 7);
        CHECK(s.list[7].to(tarc::device::cuda(0)).clone().to(tarc::device::cpu())(0) == 7);
        tarc::save(s, again);
        tarc::save(host, file, {.location = "cuda:1"});
        CHECK(again == file);
        tarc::cuda::basic_stream_ordered_memory<other_api> pool(0);
        CHECK(tarc::load<state>(file, pool).list[19].device() == tarc::device::cuda(0));
        CHECK(other_api::current == 0);

        const auto says = [&](tarc::device d, const char* part) {
            try {
                (void)tarc::load<state>(file, d);
            } catch (const tarc::error& e) {
                return std::string_view(e.what()).find(part) != std::string_view::npos;
            }
            return false;
        };
        CHECK(says(tarc::device::cuda(2), "there are only 2 Other devices"));
        other_api::broken = true;
        CHECK(says(tarc::device::cuda(0), "otherError (it did not work)"));
        CHECK(says(tarc::device::cuda(0), "start the process anew"));
        other_api::broken = false;
    }
    tarc::register_backend(tarc::device_type::cuda, nullptr);
    CHECK(other_api::alive == 0);
}

}  // namespace
