// map_location: where storages go.
#include "io/scripted_files.hpp"

#include "archive/support.hpp"

using namespace tarc_test;
using tarc::tensor;

namespace {

struct net {
    tensor<float> weight, bias, tied;
};
struct checkpoint {
    int epoch = 0;
    net model;
    tensor<std::int64_t> steps;
    tarc::value more;
};

checkpoint make() {
    checkpoint c;
    c.model.weight = tensor<float>::full({100, 10}, 1.5f);
    c.model.bias = tensor<float>::full({3}, 2.5f);
    c.model.tied = c.model.weight.select(0, 4);
    c.steps = tensor<std::int64_t>::full({2}, 7);
    c.more = tarc::value::dict(items{{"t", tensor<double>::full({5}, 3.0)}, {"w", c.model.weight}});
    return c;
}
/// A file whose storages have tags of their own.
bytes tagged(std::initializer_list<const char*> tags) {
    struct tag_all {
        std::vector<tensor<float>> list;
    };
    auto t = std::make_shared<tarc::detail::tree>();
    auto* list = t->sequence(tarc::value_kind::list);
    float f = 0;
    for (const char* tag : tags) {
        auto* n = tarc::detail::tensor_node(*t, tensor<float>::full({2}, f++));
        n->tensor->storage->location = t->memory.copy(tag);
        t->append(list, n);
    }
    return saved(tarc::value(t, list));
}
using list = std::vector<tensor<float>>;

TEST_CASE("a tag that no backend serves: the error names field, tag and fix; \"cpu\" loads it") {
    const bytes file = saved(make(), {.location = "cuda:0"});
    const tarc::error e = error_of([&] { (void)tarc::load<checkpoint>(file); });
    CHECK(e.code() == tarc::errc::no_device);
    CHECK(e.field() == "model/weight");
    CHECK(contains(e.what(), "\"cuda:0\""));
    CHECK(contains(e.what(), "map_location = \"cpu\""));
    CHECK(tarc::load<checkpoint>(file, "cpu").model.weight(0, 0) == 1.5f);
    CHECK(tarc::load<checkpoint>(file, tarc::device::cpu()).model.bias(0) == 2.5f);
    CHECK(tarc::load<checkpoint>(file, tarc::placement(tarc::device::cpu())).model.bias(0) == 2.5f);
    const tarc::error part = error_of([&] { (void)tarc::load<net>(file, {.at = {"model"}}); });
    CHECK(part.field() == "model/weight");
    const tarc::error one = error_of([&] { (void)tarc::open(file).tensor({"model", "bias"}); });
    CHECK(one.field() == "model/bias");
    CHECK(tarc::open(file).tensor({"model", "bias"}, "cpu").device() == tarc::device::cpu());
    CHECK(error_of([&] { (void)tarc::load<checkpoint>(file, tarc::device::cuda(3)); }).code() == tarc::errc::no_device);
    CHECK(contains(error_of([&] { (void)tarc::load<checkpoint>(saved(make()), "cuda:3"); }).what(), "cuda:3"));
    CHECK(error_of([&] { (void)tarc::load<checkpoint>(file, "gpu"); }).code() == tarc::errc::invalid_argument);
    const tarc::error unknown = error_of([] { (void)tarc::load<list>(tagged({"hpu:0"})); });
    CHECK(unknown.code() == tarc::errc::no_device);
    CHECK(contains(unknown.what(), "hpu:0"));
    CHECK(tarc::load<list>(tagged({"hpu:0"}), "cpu")[0](0) == 0);
}

TEST_CASE("a program without device support says how to get it") {
    const bytes file = saved(make(), {.location = "cuda:1"});
    const tarc::error e = error_of([&] { (void)tarc::load<checkpoint>(file); });
    CHECK(contains(e.what(),
                   "the storage is tagged \"cuda:1\", but this program was built without support for cuda devices"));
    CHECK(contains(e.what(), "include <tarc/cuda.hpp> and link the CMake target tarc::cuda"));
    CHECK(contains(error_of([] { (void)tensor<float>::full({1}, 1.f).to(tarc::device::cuda(0)); }).what(),
                   "include <tarc/cuda.hpp>"));
}

TEST_CASE("fallback and fit where there is no device") {
    const bytes file = saved(make(), {.location = "cuda:1"});
    CHECK(tarc::load<checkpoint>(file, tarc::fallback{"cuda:0", "cpu"}).model.bias(0) == 2.5f);
    CHECK(tarc::load<checkpoint>(file, tarc::fallback{"cuda:0", tarc::meta}).steps.device() == tarc::device::meta());
    const tarc::error e = error_of([&] { (void)tarc::load<checkpoint>(file, tarc::fallback{"cuda:0", "cuda:1"}); });
    CHECK(e.code() == tarc::errc::no_device);
    CHECK(e.field() == "model/weight");
    CHECK(contains(e.what(), "cuda:1: this program was built without support"));
    CHECK(tarc::load<checkpoint>(file, tarc::fit{}).model.bias(0) == 2.5f);
    CHECK(tarc::load<checkpoint>(file, tarc::fit{{"cuda:0", 1000}, "cuda:1"}).model.weight(0, 0) == 1.5f);
    // a budget on the host, the rest on the host all the same; what is asked for once is asked again for each load
    tarc::fit two{{"meta", 4096}};
    for (int i = 0; i < 2; ++i) {
        const checkpoint c = tarc::load<checkpoint>(file, two);
        CHECK(c.model.weight.device() == tarc::device::meta());
        CHECK(c.model.bias.device() == tarc::device::cpu());
    }
}

TEST_CASE("the saved location is the real one, or the one asked for") {
    CHECK(tarc::open(saved(make())).entries()[1].location == "cpu");
    CHECK(tarc::open(saved(make(), {.location = "cuda:1"})).entries()[1].location == "cuda:1");
    // through a load, the location is where the storage is then
    const tarc::value v = tarc::open(saved(make(), {.location = "cuda:1"})).value("cpu");
    CHECK(tarc::open(saved(v)).entries()[1].location == "cpu");
}

TEST_CASE("a table with wildcards, first match first") {
    const bytes file = tagged({"cuda:0", "cuda:1", "cuda", "cpu", "xla:0"});
    const auto where = [&](const tarc::remap& table) {
        std::string s;
        for (const tensor<float>& t : tarc::load<list>(file, table)) s += t.device().location() + " ";
        return s;
    };
    CHECK(where({{"cuda:1", "meta"}, {"cuda:*", "cpu"}, {"xla*", "cpu"}}) == "cpu meta cpu cpu cpu ");
    CHECK(where({{"*", "cpu"}}) == "cpu cpu cpu cpu cpu ");
    CHECK(where({{"cuda:*", "meta"}, {"*", "cpu"}}) == "meta meta meta cpu cpu ");
    const tarc::error e = error_of([&] { where({{"cuda:*", "cpu"}}); });
    CHECK(contains(e.what(), "xla:0"));
    CHECK(error_of([&] { where({{"cuda:1", "nowhere"}}); }).code() == tarc::errc::invalid_argument);
}

TEST_CASE("meta: shapes only, and no byte is read") {
    const bytes file = saved(make());
    const auto source = std::make_shared<scripted_source>(file);
    const tarc::archive ar = tarc::open(source);
    source->reads.clear();
    const checkpoint c = ar.load<checkpoint>(tarc::meta, {.verify = false});
    const payload w = find_payload(file, "data/0");
    CHECK_FALSE(source->touched(w.begin, w.end));
    CHECK(c.model.weight.device() == tarc::device::meta());
    CHECK(c.model.weight.shape()[0] == 100);
    CHECK(c.model.tied.strides()[0] == 1);
    CHECK(c.model.tied.storage() == c.model.weight.storage());
    CHECK(c.more["t"].as_tensor().device() == tarc::device::meta());
    CHECK_THROWS_AS((void)c.model.weight.span(), tarc::error);
    CHECK(tarc::load<checkpoint>(file, "meta").steps.device() == tarc::device::meta());
    // shapes can be saved, from a struct and from a tree
    CHECK(tarc::load<checkpoint>(saved(c)).model.bias.device() == tarc::device::meta());
    CHECK(tarc::open(saved(ar.value(tarc::meta))).value()["steps"].as_tensor().shape()[0] == 2);
}

class counted_maps final : public tarc::file_system {
public:
    int live = 0;
    void* mmap(std::size_t n, int protection, int flags, int fd, off_t at) override {
        ++live;
        return file_system::mmap(n, protection, flags, fd, at);
    }
    int munmap(void* at, std::size_t n) override {
        --live;
        return file_system::munmap(at, n);
    }
};

TEST_CASE("mapped: nothing is copied, and writes stay private") {
    folder f;
    const std::string path = f.path + "/a.pt";
    tarc::save(make(), path);
    const std::string before = read_text(path);
    counted_maps calls;
    {
        checkpoint c = tarc::load<checkpoint>(path, tarc::mapped, {.verify = false, .files = &calls});
        CHECK(calls.live == 1);
        CHECK(c.model.weight(99, 9) == 1.5f);
        CHECK(c.model.tied(0) == 1.5f);
        c.model.weight(4, 0) = 8;
        CHECK(c.model.tied(0) == 8);
        CHECK(c.more["w"].as_tensor().as<float>()(4, 0) == 8);
        CHECK(read_text(path) == before);
        CHECK(tarc::load<checkpoint>(path).model.weight(4, 0) == 1.5f);
        ::unlink(path.c_str());
        CHECK(c.steps(1) == 7);  // the mapping outlives the name
    }
    CHECK(calls.live == 0);
    // where there is no file, a copy
    const bytes file = saved(make());
    CHECK(tarc::load<checkpoint>(file, tarc::mapped).model.weight(0, 0) == 1.5f);
}

TEST_CASE("a memory resource: by reference, as a policy's answer, alive with its storages") {
    scripted_memory memory, other;
    const bytes file = saved(make());
    {
        const checkpoint c = tarc::load<checkpoint>(file, memory);
        CHECK(memory.live == 4);
        const checkpoint d = tarc::load<checkpoint>(file, [&](const tarc::storage_info& s) -> tarc::placement {
            if (s.nbytes >= 1000) return other;
            if (s.dtype == tarc::dtype::int64) return tarc::meta;
            return "cpu";
        });
        CHECK(other.live == 1);
        CHECK(d.steps.device() == tarc::device::meta());
        CHECK(d.model.bias(0) == 2.5f);
    }
    CHECK(memory.live == 0);
    CHECK(other.live == 0);
}

struct seen {
    std::string location;
    std::uint64_t nbytes;
    tarc::dtype dtype;
    std::vector<std::string> fields;
    bool shared;
};

/// Counts its calls itself: a load works on a copy.
struct stateful {
    std::vector<seen>* log;
    scripted_source* source;
    const scripted_memory* memory;
    int calls = 0;
    tarc::placement operator()(const tarc::storage_info& s) {
        CHECK(calls++ == static_cast<int>(log->size()));
        CHECK(memory->allocations == 0);  // before anything is allocated
        log->push_back({std::string(s.location), s.nbytes, s.dtype, {s.fields.begin(), s.fields.end()}, s.shared()});
        return {};
    }
};
static_assert(tarc::map_location_policy<stateful>);

TEST_CASE("a policy is asked once per storage, in file order, before anything is allocated") {
    const bytes file = saved(make());
    std::vector<seen> log;
    scripted_source source(file);
    scripted_memory memory;
    stateful policy{&log, &source, &memory};
    (void)tarc::load<checkpoint>(source, policy);
    CHECK(policy.calls == 0);
    REQUIRE(log.size() == 4);
    CHECK(log[0].nbytes == 4000);
    CHECK(log[0].fields == std::vector<std::string>{"model/weight", "model/tied", "more/w"});
    CHECK(log[0].shared);
    CHECK(log[0].location == "cpu");
    CHECK(log[1].fields == std::vector<std::string>{"model/bias"});
    CHECK_FALSE(log[1].shared);
    CHECK(log[2].dtype == tarc::dtype::int64);
    CHECK(log[2].nbytes == 16);
    CHECK(log[3].dtype == tarc::dtype::float64);
    CHECK(log[3].fields == std::vector<std::string>{"more/t"});
    log.clear();
    (void)tarc::open(file).load<&checkpoint::model>(policy);  // a part: the paths are still the file's
    REQUIRE(log.size() == 2);
    CHECK(log[0].fields == std::vector<std::string>{"model/weight", "model/tied"});
}

TEST_CASE("each load has storages of its own") {
    const tarc::archive ar = tarc::open(saved(make()));
    CHECK_FALSE(ar.value()["steps"].as_tensor().storage() == ar.value()["steps"].as_tensor().storage());
}

}  // namespace
