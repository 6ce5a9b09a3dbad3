// A load that is done again: nothing is parsed twice while the file is the same, and each load has its own tensors.
#include "archive/support.hpp"
#include "io/scripted_files.hpp"

#include <filesystem>
#include <map>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct layer {
    tensor<float> weight, tied;
};
struct checkpoint {
    std::int64_t epoch = 0;
    layer model;
    std::map<std::string, tensor<std::int32_t>> more;
    tarc::value any;
};

checkpoint make(float first, std::int64_t epoch) {
    checkpoint c;
    c.epoch = epoch;
    c.model.weight = tensor<float>::full({100, 10}, first);
    c.model.tied = c.model.weight.select(1, 0);
    c.more["a"] = tensor<std::int32_t>::full({3}, 7);
    c.any = tarc::value::dict({{"t", tensor<float>::full({2}, first)}, {"n", 5}});
    return c;
}

class counted_reads final : public tarc::file_system {
public:
    int opens = 0, reads = 0, maps = 0, live = 0;
    int open(const char* path, int flags, mode_t mode) override {
        ++opens;
        return file_system::open(path, flags, mode);
    }
    ssize_t pread(int fd, void* to, std::size_t n, off_t at) override {
        ++reads;
        return file_system::pread(fd, to, n, at);
    }
    void* mmap(std::size_t n, int protection, int flags, int fd, off_t at) override {
        ++maps, ++live;
        return file_system::mmap(n, protection, flags, fd, at);
    }
    int munmap(void* at, std::size_t n) override {
        --live;
        return file_system::munmap(at, n);
    }
};

void check(const checkpoint& c, float first, std::int64_t epoch) {
    CHECK(c.epoch == epoch);
    CHECK(c.model.weight.shape()[0] == 100);
    CHECK(c.model.weight(99, 9) == first);
    CHECK(c.model.tied(99) == first);
    CHECK(c.model.tied.storage() == c.model.weight.storage());
    CHECK(c.more.at("a")(2) == 7);
    CHECK(c.any["t"].as_tensor().as<float>()(1) == first);
    CHECK(c.any["n"].as_int() == 5);
}

}  // namespace

TEST_CASE("mapped: one mapping a load, nothing opened or read again, and no load sees another one's writes") {
    folder f;
    const std::string path = f.path + "/a.pt";
    tarc::save(make(1.5f, 3), path);
    counted_reads calls;
    {
        tarc::plan<checkpoint> p(path, tarc::mapped, {.files = &calls});
        CHECK_FALSE(p.is_current());
        checkpoint first = p.load();
        check(first, 1.5f, 3);
        CHECK(p.is_current());
        const int opens = calls.opens, reads = calls.reads, maps = calls.maps;
        first.model.weight(99, 9) = 8;
        first.epoch = 9;
        first.any["n"] = 6;
        checkpoint second = p.load();
        check(second, 1.5f, 3);
        second.model.weight(0, 0) = 4;
        check(p.load(), 1.5f, 3);
        CHECK(first.model.tied(0) == 1.5f);
        CHECK(calls.opens == opens);
        CHECK(calls.reads == reads);
        CHECK(calls.maps == maps + 2);
    }
    CHECK(calls.live == 0);
}

TEST_CASE("another file at the path is seen, one that is gone or does not fit is an error, and then all begins anew") {
    folder f;
    const std::string path = f.path + "/a.pt";
    tarc::save(make(1, 1), path);
    for (const bool map : {true, false}) {
        CAPTURE(map);
        tarc::plan<checkpoint> p =
            map ? tarc::plan<checkpoint>(path, tarc::mapped) : tarc::plan<checkpoint>(path, "cpu");
        const checkpoint before = p.load();
        const std::int64_t epoch = before.epoch;
        tarc::save(make(2, epoch + 1), path);
        CHECK_FALSE(p.is_current());
        const checkpoint after = p.load();
        check(after, 2, epoch + 1);
        check(p.load(), 2, epoch + 1);
        CHECK(before.epoch == epoch);
        CHECK(before.more.at("a")(0) == 7);
        tarc::save(make(1, 1).model, path);
        CHECK(error_of([&] { (void)p.load(); }).code() == tarc::errc::mismatch);
        ::unlink(path.c_str());
        CHECK(error_of([&] { (void)p.load(); }).code() == tarc::errc::io);
        tarc::save(make(3, 1), path);
        check(p.load(), 3, 1);
        p.forget();
        CHECK_FALSE(p.is_current());
        check(p.load(), 3, 1);
    }
}

TEST_CASE("a file that is not parsed again is still read again, and its checksums with it") {
    folder f;
    const std::string path = f.path + "/a.pt";
    tarc::save(make(1.5f, 3), path);
    counted_reads calls;
    tarc::plan<checkpoint> p(path, {.files = &calls});
    checkpoint first = p.load();
    const int opens = calls.opens, reads = calls.reads;
    first.model.weight(0, 0) = 8;
    const checkpoint second = p.load();
    check(second, 1.5f, 3);
    CHECK(calls.opens == opens);
    CHECK(calls.reads < 2 * reads);
    CHECK(calls.maps == 0);
}

TEST_CASE("what cannot be mapped is loaded each time") {
    folder f;
    const std::string path = f.path + "/a.pt";
    struct flags {
        tensor<bool> b;
        tensor<float> f;
    };
    tarc::save(flags{tensor<bool>::full({5}, true), tensor<float>::full({5}, 2)}, path);
    tarc::plan<flags> p(path, tarc::mapped);
    for (int i = 0; i < 3; ++i) {
        flags x = p.load();
        CHECK(x.b(4));
        CHECK(x.f(4) == 2);
        x.b(4) = false;
        x.f(4) = 1;
    }
}

TEST_CASE("a policy that counts begins anew with each load") {
    struct three {
        tensor<float> a, b, c;
    };
    const auto t = [] { return tensor<float>::zeros({1000}); };
    tarc::save(three{t(), t(), t()}, "counted.pt");
    tarc::plan<three> plan("counted.pt", tarc::fit{{"meta", 8200}});
    for (int i = 0; i < 3; ++i) {
        const three loaded = plan.load();
        CHECK(loaded.a.device().type == tarc::device_type::meta);
        CHECK(loaded.b.device().type == tarc::device_type::meta);
        CHECK(loaded.c.device().type == tarc::device_type::cpu);
    }
    std::filesystem::remove("counted.pt");
}
