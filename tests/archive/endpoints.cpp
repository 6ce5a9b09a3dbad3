// What an archive is read from and written to.
#include "io/scripted_files.hpp"

#include "archive/support.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct one {
    int number = 0;
    tensor<float> t;
};
one make() { return {7, tensor<float>::full({3}, 1.5f)}; }
void check(const one& o) {
    CHECK(o.number == 7);
    CHECK(o.t(2) == 1.5f);
}

TEST_CASE("paths") {
    folder f;
    const std::string path = f.path + "/a.pt";
    tarc::save(make(), path);
    check(tarc::load<one>(path));
    check(tarc::load<one>(path.c_str()));
    const std::filesystem::path p = path;
    tarc::save(make(), p);
    check(tarc::load<one>(p, "cpu"));
    check(tarc::open(p).load<one>());
    one target;
    CHECK(tarc::load_into(target, p).clean());
    check(target);
    CHECK(f.files() == std::vector<std::string>{"a.pt"});
    const bytes memory = saved(make());
    const std::string text = read_text(path);
    CHECK(std::equal(memory.begin(), memory.end(), std::as_bytes(std::span(text)).begin(),
                     std::as_bytes(std::span(text)).end()));
    const tarc::error e = error_of([&] { (void)tarc::load<one>(f.path + "/none.pt"); });
    CHECK(e.code() == tarc::errc::io);
    CHECK(e.archive() == f.path + "/none.pt");
    CHECK(error_of([&] { tarc::save(make(), f.path + "/no/where.pt"); }).archive() == f.path + "/no/where.pt");
    struct undefined {
        tensor<float> t;
    };
    CHECK(error_of([&] { tarc::save(undefined{}, path); }).archive() == path);
    check(tarc::load<one>(path));
}

TEST_CASE("bytes in memory") {
    const bytes file = saved(make());
    check(tarc::load<one>(file));
    check(tarc::load<one>(std::span<const std::byte>(file)));
    bytes writable = file;
    check(tarc::load<one>(std::span<std::byte>(writable)));
    check(tarc::load<one>(std::span(file).first(file.size())));
    check(tarc::load<one>(bytes(file)));
    const tarc::archive kept = tarc::open(bytes(file));  // moved in, so it lives as long as the archive
    check(kept.load<one>());
    CHECK(error_of([&] { (void)tarc::load<one>(std::span(file).first(10)); }).archive() == "<memory>");
    CHECK_THROWS_AS((void)tarc::load<one>(bytes{}), tarc::error);
}

TEST_CASE("sources") {
    scripted_source mine(saved(make()));
    check(tarc::load<one>(mine));
    check(tarc::open(mine).load<one>());
    check(tarc::load<one>(std::make_shared<scripted_source>(saved(make()))));
    const std::shared_ptr<tarc::source> shared = std::make_shared<tarc::memory_source>(saved(make()));
    check(tarc::load<one>(shared));
    const tarc::archive a = tarc::open(std::make_shared<tarc::memory_source>(saved(make()), "a name"));
    const tarc::archive copy = a;
    check(copy.load<one>());
    CHECK(error_of([&] { (void)copy.load<std::vector<int>>(); }).archive() == "a name");
}

TEST_CASE("sinks and vectors") {
    tarc::memory_sink sink;
    tarc::save(make(), sink);
    CHECK(sink.bytes() == saved(make()));
    struct undefined {
        tensor<float> t;
    };
    bytes out{std::byte{1}};
    CHECK_THROWS_AS(tarc::save(undefined{}, out), tarc::error);
    CHECK(out == bytes{std::byte{1}});  // untouched by a save that failed
}

TEST_CASE("save options") {
    const auto names = [](const bytes& file) {
        std::vector<std::string> all;
        for (const payload& p : payloads(file)) all.push_back(p.name);
        return all;
    };
    CHECK(names(saved(make())) == std::vector<std::string>{"data.pkl", ".format_version", ".storage_alignment",
                                                           "byteorder", "data/0", "version", ".tarc/manifest.pkl",
                                                           ".data/serialization_id"});
    CHECK(names(saved(make(), {.manifest = false})) ==
          std::vector<std::string>{"data.pkl", ".format_version", ".storage_alignment", "byteorder", "data/0",
                                   "version", ".data/serialization_id"});
    const bytes wide = saved(make(), {.alignment = 4096});
    for (const payload& p : payloads(wide)) CHECK(p.begin % 4096 == 0);
    check(tarc::load<one>(wide));
    for (const std::uint32_t bad : {0u, 16u, 96u, 65536u})
        CHECK(error_of([&] { saved(make(), {.alignment = bad}); }).code() == tarc::errc::invalid_argument);

    const tarc::value user = tarc::value::dict(items{{"run", 7}, {"tags", tarc::value::list({"a", "b"})}});
    const tarc::archive a = tarc::open(saved(make(), {.metadata = user}));
    CHECK(a.metadata()["run"].as_int() == 7);
    CHECK(a.metadata()["tags"][1].as_string() == "b");
    CHECK(a.schema().text == "number: int32\nt: float32[...]\n");
    const std::string text = a.schema().text;
    CHECK(a.schema().digest == tarc::xxh3(std::as_bytes(std::span(text.data(), text.size()))));
    const tarc::archive plain = tarc::open(saved(make(), {.manifest = false}));
    CHECK(plain.metadata().is_none());
    CHECK(plain.schema().text.empty());
    CHECK(error_of([] { saved(make(), {.metadata = 7}); }).code() == tarc::errc::invalid_argument);
    CHECK(error_of([&] { saved(make(), {.metadata = user, .manifest = false}); }).code() ==
          tarc::errc::invalid_argument);
    const tarc::error e =
        error_of([] { saved(make(), {.metadata = tarc::value::dict(items{{"t", tensor<float>::full({1}, 1.f)}})}); });
    CHECK(e.code() == tarc::errc::invalid_argument);
    CHECK(e.field() == "t");
    a.verify();
    plain.verify();
}

TEST_CASE("the bytes depend on the value alone") {
    const one o = make();
    const one same = {7, tensor<float>::from({1.5f, 1.5f, 1.5f}, {3})};
    CHECK(saved(o) == saved(same));
    folder f;
    tarc::save(o, f.path + "/x.pt");
    tarc::save(o, f.path + "/y.bin", {.durability = tarc::durability::atomic});
    CHECK(read_text(f.path + "/x.pt") == read_text(f.path + "/y.bin"));
}

TEST_CASE("any value can be the root") {
    CHECK(round_trip(std::int64_t{-3}) == -3);
    CHECK(round_trip(std::vector<double>{1, 2}) == std::vector<double>{1, 2});
    CHECK(round_trip(tensor<float>::full({2}, 3.f))(1) == 3);
    CHECK(tarc::load<std::map<std::string, tarc::any_tensor>>(
              saved(std::map<std::string, tarc::any_tensor>{{"w", tensor<float>::full({2}, 3.f)}}))
              .size() == 1);
    CHECK_FALSE(round_trip(std::optional<int>{}).has_value());
    struct empty {};
    (void)round_trip(empty{});
}

}  // namespace
