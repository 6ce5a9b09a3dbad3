#include <doctest/doctest.h>

#include <tarc/tensor/storage.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

using tarc::errc;
using tarc::storage;

namespace {

errc code_of(auto&& call) {
    try {
        call();
    } catch (const tarc::error& e) {
        return e.code();
    }
    FAIL("no error");
    return errc::io;
}

/// Memory that the host cannot touch, as CUDA's: every access goes through copy().
class far_backend final : public tarc::backend {
public:
    [[nodiscard]] std::string unavailable(tarc::device d) const override {
        return d.index == 0 ? "" : "there is one device only";
    }
    [[nodiscard]] tarc::resource_ref memory(tarc::device) override { return heap_; }
    void copy(void* to, tarc::device, const void* from, tarc::device, std::size_t bytes) override {
        ++copies;
        std::memcpy(to, from, bytes);
    }
    [[nodiscard]] bool host_accessible(tarc::device) const noexcept override { return false; }
    int copies = 0;

private:
    struct far_resource {
        void* allocate(std::size_t n, std::size_t a) { return tarc::host_memory().allocate(n, a); }
        void deallocate(void* p, std::size_t n, std::size_t a) { tarc::host_memory().deallocate(p, n, a); }
        [[nodiscard]] tarc::device device() const { return tarc::device::cuda(0); }
    } heap_;
};

struct registered {
    explicit registered(tarc::backend& b) { tarc::register_backend(tarc::device_type::cuda, &b); }
    ~registered() { tarc::register_backend(tarc::device_type::cuda, nullptr); }
};

}  // namespace

TEST_CASE("an undefined storage has nothing") {
    const storage s;
    CHECK_FALSE(s.defined());
    CHECK_EQ(s.nbytes(), 0);
    CHECK_EQ(s.data(), nullptr);
    CHECK_EQ(s.identity(), nullptr);
    CHECK(s == storage());
}

TEST_CASE("copies of a storage are the same bytes") {
    const storage a = storage::allocate(256);
    const storage b = a;
    std::memset(a.data(), 7, 256);
    CHECK_EQ(static_cast<unsigned char*>(b.data())[255], 7);
    CHECK(a == b);
    CHECK_EQ(a.identity(), b.identity());
    CHECK_EQ(a.use_count(), 2);
    CHECK_FALSE(a == storage::allocate(256));
    CHECK_EQ(reinterpret_cast<std::uintptr_t>(a.data()) % tarc::storage_alignment, 0);
    CHECK(a.device() == tarc::device::cpu());
}

TEST_CASE("a storage of no bytes is defined and has an identity") {
    const storage a = storage::allocate(0), b = storage::allocate(0);
    CHECK(a.defined());
    CHECK_EQ(a.nbytes(), 0);
    CHECK_FALSE(a == b);
}

TEST_CASE("a meta storage has a size and no bytes") {
    const storage s = storage::meta(std::size_t{1} << 50);
    CHECK(s.defined());
    CHECK_EQ(s.nbytes(), std::size_t{1} << 50);
    CHECK_EQ(s.data(), nullptr);
    CHECK(s.device() == tarc::device::meta());
    CHECK(storage::allocate(10, tarc::device::meta()).data() == nullptr);
}

TEST_CASE("borrowed memory is not freed, and its keeper lives as long as any handle") {
    std::array<float, 4> mine{1, 2, 3, 4};
    CHECK_EQ(storage::borrow(mine.data(), sizeof mine).data(), mine.data());

    auto keeper = std::make_shared<std::array<float, 4>>(mine);
    const std::weak_ptr<void> watch = keeper;
    storage s = storage::borrow(keeper->data(), sizeof mine, tarc::device::cpu(), keeper);
    keeper.reset();
    CHECK_FALSE(watch.expired());
    const storage other = s;
    s = {};
    CHECK_FALSE(watch.expired());
    CHECK_EQ(static_cast<float*>(other.data())[3], 4);
}

TEST_CASE("the keeper goes with the last handle") {
    auto keeper = std::make_shared<int>(3);
    const std::weak_ptr<void> watch = keeper;
    {
        const storage s = storage::borrow(keeper.get(), sizeof(int), tarc::device::cpu(), std::move(keeper));
        CHECK_EQ(watch.use_count(), 1);
    }
    CHECK(watch.expired());
}

TEST_CASE("a device that nothing serves is an error that names it") {
    CHECK_EQ(code_of([] { static_cast<void>(storage::allocate(8, tarc::device::cuda(1))); }), errc::no_device);
    try {
        static_cast<void>(storage::allocate(8, tarc::device::cuda(1)));
    } catch (const tarc::error& e) {
        CHECK(std::string(e.what()).find("\"cuda:1\"") != std::string::npos);
    }
}

TEST_CASE("a registered backend serves its devices") {
    far_backend far;
    const registered r(far);
    const storage s = storage::allocate(16, tarc::device::cuda(0));
    CHECK(s.device() == tarc::device::cuda(0));
    CHECK_FALSE(tarc::detail::host_accessible(s.device()));
    const std::array<int, 4> in{1, 2, 3, 4};
    std::array<int, 4> out{};
    tarc::detail::copy_bytes(s.data(), s.device(), in.data(), tarc::device::cpu(), sizeof in);
    tarc::detail::copy_bytes(out.data(), tarc::device::cpu(), s.data(), s.device(), sizeof out);
    CHECK(in == out);
    CHECK_EQ(far.copies, 2);
    tarc::detail::copy_bytes(out.data(), tarc::device::cpu(), s.data(), s.device(), 0);
    CHECK_EQ(far.copies, 2);
    CHECK_EQ(code_of([] { static_cast<void>(storage::allocate(16, tarc::device::cuda(3))); }), errc::no_device);
}

TEST_CASE("devices parse, print and compare") {
    CHECK(tarc::device::parse("cuda") == tarc::device::cuda(0));
    CHECK(tarc::device::parse("cuda:7") == tarc::device::cuda(7));
    CHECK(tarc::device::parse("cpu:0") == tarc::device::cpu());
    CHECK_EQ(tarc::device::cuda(3).location(), "cuda:3");
    CHECK_EQ(tarc::device::cpu().location(), "cpu");
    CHECK_EQ(tarc::device::meta().location(), "meta");
    CHECK_EQ(tarc::device::try_parse("tpu"), std::nullopt);
    CHECK_EQ(code_of([] { static_cast<void>(tarc::device::parse("cuda:x")); }), errc::invalid_argument);
}
