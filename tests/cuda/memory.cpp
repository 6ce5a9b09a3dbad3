// The kinds of memory of the runtime as memory resources, and resources of others.
#include <tarc/cuda.hpp>

#include "simulation/control.hpp"
#include "support/memory_resource_suite.hpp"

namespace {

const cuda_sim::control* simulation() {
    static const cuda_sim::control* const found = cuda_sim::find();
    return found;
}
bool there() {
    if (simulation() != nullptr) simulation()->reset({});
    if (tarc::cuda::backend().count() > 0) return true;
    MESSAGE("skipped: there is no CUDA device here");
    return false;
}
void check_clean() {
    if (simulation() == nullptr) return;
    CHECK_EQ(std::string(simulation()->misuse()), "");
    CHECK_EQ(std::string(simulation()->leaks()), "");
}

TEST_CASE("device memory") {
    if (!there()) return;
    tarc::cuda::device_memory memory(0);
    tarc_test::check_memory_resource(memory, tarc::cuda::allocation_alignment);
    check_clean();
}
TEST_CASE("stream-ordered memory") {
    if (!there()) return;
    tarc::cuda::stream_ordered_memory memory(0);
    tarc_test::check_memory_resource(memory, tarc::cuda::allocation_alignment);
    check_clean();
}
TEST_CASE("managed memory") {
    if (!there()) return;
    tarc::cuda::managed_memory memory(0);
    tarc_test::check_memory_resource(memory, tarc::cuda::allocation_alignment);
    check_clean();
}
TEST_CASE("pinned memory") {
    if (!there()) return;
    tarc::cuda::pinned_memory memory;
    tarc_test::check_memory_resource(memory, tarc::cuda::allocation_alignment);
    check_clean();
}
TEST_CASE("an alignment that the runtime does not give is refused") {
    tarc::cuda::device_memory memory(0);
    CHECK_THROWS_AS((void)memory.allocate(10, 4096), tarc::error);
    tarc::cuda::pinned_memory pinned;
    CHECK_THROWS_AS((void)pinned.allocate(10, 4096), tarc::error);
}

// -- the interfaces of cuda::mr and rmm, without their headers --------------------------------------------------------

struct stream_ref {  // as cuda::stream_ref and rmm::cuda_stream_view: made of a native handle
    stream_ref(cudaStream_t s) : get(s) {}
    cudaStream_t get;
};

struct calls {
    std::string said;
};
void* device_block(std::size_t n) {
    void* p = nullptr;
    return cudaMalloc(&p, n) == cudaSuccess ? p : nullptr;
}

struct cccl_3_1 : calls {  // cuda::mr::resource of CCCL 3.1 on, and of rmm 26
    void* allocate_sync(std::size_t n, std::size_t) { return said += "s", device_block(n); }
    void deallocate_sync(void* p, std::size_t, std::size_t) noexcept { said += "S", cudaFree(p); }
    void* allocate(stream_ref, std::size_t n, std::size_t) { return said += "a", device_block(n); }
    void deallocate(stream_ref, void* p, std::size_t, std::size_t) noexcept { said += "A", cudaFree(p); }
};
struct cccl_3_0 : calls {  // cuda::mr::async_resource up to CCCL 3.0
    void* allocate(std::size_t n, std::size_t) { return said += "s", device_block(n); }
    void deallocate(void* p, std::size_t, std::size_t) noexcept { said += "S", cudaFree(p); }
    void* allocate_async(std::size_t n, std::size_t, stream_ref) { return said += "a", device_block(n); }
    void deallocate_async(void* p, std::size_t, std::size_t, stream_ref) noexcept { said += "A", cudaFree(p); }
};
struct synchronous : calls {  // cuda::mr::synchronous_resource
    void* allocate_sync(std::size_t n, std::size_t) { return said += "s", device_block(n); }
    void deallocate_sync(void* p, std::size_t, std::size_t) noexcept { said += "S", cudaFree(p); }
};
struct stream_only : calls {
    void* allocate(stream_ref, std::size_t n, std::size_t) { return said += "a", device_block(n); }
    void deallocate(stream_ref, void* p, std::size_t, std::size_t) noexcept { said += "A", cudaFree(p); }
};

static_assert(tarc::stream_ordered_resource<tarc::cuda::adapted<cccl_3_1>>);
static_assert(tarc::stream_ordered_resource<tarc::cuda::adapted<cccl_3_0>>);
static_assert(tarc::stream_ordered_resource<tarc::cuda::adapted<stream_only>>);
static_assert(tarc::memory_resource<tarc::cuda::adapted<synchronous>>);
static_assert(!tarc::stream_ordered_resource<tarc::cuda::adapted<synchronous>>);
static_assert(!tarc::cuda::foreign_resource<calls, tarc::cuda::runtime_api>);

template <class R>
std::string used(const char* how) {
    R resource;
    {
        auto memory = tarc::cuda::adapt(resource, tarc::device::cuda(0));
        tarc::storage blocking = tarc::storage::allocate(100, memory);
        CHECK(blocking.device() == tarc::device::cuda(0));
        blocking = {};
        cudaStream_t stream = nullptr;
        CHECK_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
        tarc::storage ordered = tarc::storage::allocate(100, memory, stream);
        ordered = {};
        cudaStreamDestroy(stream);
    }
    CHECK_EQ(resource.said, how);
    return resource.said;
}

TEST_CASE("resources of cuda::mr and rmm, by concept") {
    if (!there()) return;
    used<cccl_3_1>("sAaA");
    used<cccl_3_0>("sAaA");
    used<synchronous>("sSsS");
    used<stream_only>("aAaA");
    check_clean();
}

TEST_CASE("storages on a device: shared, copied, freed once") {
    if (!there()) return;
    {
        const tarc::device d = tarc::device::cuda(0);
        const tarc::storage a = tarc::storage::allocate(1000, d);
        const tarc::storage part = tarc::storage::part(a, 256, 100);
        CHECK(part.allocation() == a.identity());
        CHECK(part.identity() != a.identity());
        CHECK(part.data() == static_cast<std::byte*>(a.data()) + 256);
        std::vector<std::byte> in(100, std::byte{7}), out(100);
        tarc::detail::copy_bytes(part.data(), d, in.data(), tarc::device::cpu(), 100);
        tarc::detail::copy_bytes(out.data(), tarc::device::cpu(), part.data(), d, 100);
        CHECK(in == out);
    }
    check_clean();
}

}  // namespace
