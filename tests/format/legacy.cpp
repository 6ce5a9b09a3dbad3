// The stream of before PyTorch 1.6: what is read, what is refused, and where the error stands.
#include "format/old_files.hpp"

#include <tarc/container/pickle_extent.hpp>

#include <cstdlib>
#include <random>

#include <unistd.h>

#include "container/pickle_samples.hpp"
#include "io/scripted_files.hpp"

using namespace old;
using namespace tarc_test;
using namespace std::string_literals;
using tarc::errc;

namespace {

struct layer {
    tarc::tensor<float> weight, bias;
};
struct checkpoint {
    std::int64_t epoch = 0;
    layer model;
    tarc::tensor<float> tied;
    tarc::tensor<std::int64_t> steps;
};

/// Two storages, of which one is a part of a third; `pad` bytes shift them.
stream sample(std::size_t pad = 0, const std::string& location = "cpu") {
    stream s;
    const auto whole = [&](const std::string& view) { return storage("94", 6, "FloatStorage", view, location); };
    s.machine = pickle(text(std::string(pad, ' ')));
    s.object = dict({{"epoch", integer(3)},
                     {"model", dict({{"weight", tensor(whole("N"), 0, {2, 3}, {3, 1})},
                                     {"bias", tensor(whole(part("95", 4, 2)), 0, {2}, {1})}})},
                     {"tied", tensor(whole(part("95", 4, 2)), 1, {1}, {1})},
                     {"steps", tensor(storage("17", 2, "LongStorage", "N", location), 0, {2}, {1})}});
    s.add("17", 2, longs({7, -8}));
    s.add("94", 6, floats({1, 2, 3, 4, 5, 6}));
    return s;
}

void check(const checkpoint& c) {
    CHECK(c.epoch == 3);
    CHECK(elements(c.model.weight) == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(elements(c.model.bias) == std::vector<float>{5, 6});
    CHECK(elements(c.tied) == std::vector<float>{6});
    CHECK(c.tied.storage() == c.model.bias.storage());
    CHECK(c.tied.storage() != c.model.weight.storage());
    CHECK(elements(c.steps) == std::vector<std::int64_t>{7, -8});
}

TEST_CASE("the end of a pickle is found by its instructions alone") {
    std::vector<std::string> pickles{
        pickle("\x95" + little(3, 8) + "NN0"),
        pickle("F1.5\nI12\nL3L\nS'a.'\nVb.\nP.\ng1\np.\ncos.\n.system\nios\nx\n"),
        pickle(
            "B\2\0\0\0..C\2..\x8e\2\0\0\0\0\0\0\0..\x96\2\0\0\0\0\0\0\0..T\2\0\0\0..U\2..\x8c\2..\x8d\2\0\0\0\0\0\0\0.."
            "X\2\0\0\0..\x8a\2..\x8b\2\0\0\0.."s),
        pickle("K.M..J....G........h.j....q.r....\x82.\x83..\x84....\x97\x98"),
        pickle("(1200NRabd}el]ost)uQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94"),
        pickle(text(std::string(9000, '.')) + "V" + std::string(5000, '.') + "\nN"),
    };
    for (const std::string_view s :
         {samples::torch_checkpoint, samples::python_protocol_0, samples::python_protocol_1, samples::python_protocol_2,
          samples::python_protocol_4, samples::python_protocol_5})
        pickles.push_back(pk::from_hex(s));
    for (const std::string& p : pickles) {
        const bytes b = bytes_of("...." + p + "N.");
        tarc::memory_source source{std::span<const std::byte>(b)};
        tarc::detail::source_window in(source, 1, b.size() - 1, "name");
        in.skip(3);
        CHECK(tarc::detail::skip_pickle(in, {}) == p.size());
        CHECK(in.position() == p.size() + 3);
        CHECK(tarc::detail::skip_pickle(in, {}) == 2);
        CHECK(in.left() == 0);
        for (std::size_t n = 0; n < p.size(); ++n) {
            tarc::detail::source_window cut(source, 4, n, "name");
            const tarc::error e = error_of([&] { (void)tarc::detail::skip_pickle(cut, {}); });
            CHECK(e.code() == errc::truncated);
            CHECK(e.record() == "name");
            CHECK(e.offset() <= n);
        }
    }
    const bytes unknown = bytes_of("NN\xffN.");
    tarc::memory_source source{std::span<const std::byte>(unknown)};
    tarc::detail::source_window in(source, 0, unknown.size());
    const tarc::error e = error_of([&] { (void)tarc::detail::skip_pickle(in, {}); });
    CHECK(e.code() == errc::bad_pickle);
    CHECK(e.offset() == 2u);
}

TEST_CASE("a struct, under every policy") {
    const bytes file = bytes_of(sample().bytes());
    check(tarc::load<checkpoint>(file));
    check(tarc::load<checkpoint>(file, "cpu"));
    check(tarc::load<checkpoint>(file, tarc::mapped));  // bytes in memory: copied
    check(tarc::load<checkpoint>(file, [](const tarc::storage_info& s) -> tarc::placement {
        CHECK((s.nbytes == 24 || s.nbytes == 8 || s.nbytes == 16));
        return tarc::device::cpu();
    }));
    scripted_memory memory;
    {
        const checkpoint c = tarc::load<checkpoint>(file, memory);
        check(c);
        CHECK(memory.live == 3);
    }
    CHECK(memory.live == 0);
    const checkpoint shapes = tarc::load<checkpoint>(file, tarc::meta);
    CHECK(shapes.model.weight.device() == tarc::device::meta());
    CHECK(shapes.model.weight.shape()[1] == 3);

    checkpoint c = tarc::load<checkpoint>(file);
    c.model.weight(0, 0) = 99;
    const tarc::tensor<float> handle = c.model.weight;
    const tarc::load_report r = tarc::load_into(c, file, {.in_place = true});
    CHECK(r.clean());
    CHECK(handle(0, 0) == 1);
    check(c);

    const bytes tagged = bytes_of(sample(0, "cuda:1").bytes());
    CHECK(error_of([&] { (void)tarc::load<checkpoint>(tagged); }).code() == errc::no_device);
    check(tarc::load<checkpoint>(tagged, tarc::remap{{"cuda:*", "cpu"}}));
    CHECK(tarc::open(tagged).entries()[2].location == "cuda:1");

    const tarc::archive ar = tarc::open(file);
    CHECK(ar.format() == tarc::file_format::torch_legacy);
    CHECK(ar.tensor({"model", "bias"}).as<float>()(1) == 6);
    CHECK(elements(ar.load<&checkpoint::steps>()) == std::vector<std::int64_t>{7, -8});
    CHECK(ar.metadata().is_none());
    CHECK(ar.schema().text.empty());
    ar.verify();
    check(tarc::load<checkpoint>(saved(ar.value())));
}

class counted_maps final : public tarc::file_system {
public:
    int made = 0, released = 0;
    void* mmap(std::size_t n, int protection, int flags, int fd, off_t at) override {
        ++made;
        return file_system::mmap(n, protection, flags, fd, at);
    }
    int munmap(void* at, std::size_t n) override {
        ++released;
        return file_system::munmap(at, n);
    }
};

TEST_CASE("mapped where the bytes stand on a multiple of 16, else copied") {
    folder f;
    const std::size_t first = sample().bytes().find(floats({1, 2, 3, 4, 5, 6}));
    for (const std::size_t pad : {(16 - first % 16) % 16, (16 - first % 16) % 16 + 1}) {
        const std::string path = f.path + "/a" + std::to_string(pad) + ".pt", text = sample(pad).bytes();
        const bool aligned = text.find(floats({1, 2, 3, 4, 5, 6})) % 16 == 0;
        REQUIRE(aligned == (pad == (16 - first % 16) % 16));
        write_text(path, text);
        counted_maps calls;
        checkpoint c = tarc::load<checkpoint>(path, tarc::mapped, {.files = &calls});
        CHECK(calls.made == (aligned ? 1 : 0));  // of the whole file; "17" stands 8 bytes after a multiple of 16
        CHECK(calls.released == 0);
        check(c);
        c.model.weight(0, 0) = 8;  // private
        CHECK(c.model.weight(0, 0) == 8);
        CHECK(read_text(path) == text);
    }
}

TEST_CASE("only what is asked for is read") {
    stream s = sample();
    s.object += text("large") + tensor(storage("99", 1 << 20, "ByteStorage"), 0, {1 << 20}, {1}) + "s";
    s.add("99", 1 << 20, std::string(1 << 20, 'x'));
    const auto source = std::make_shared<scripted_source>(bytes_of(s.bytes()));
    const tarc::archive ar = tarc::open(source);
    CHECK(elements(ar.load<&checkpoint::steps>()) == std::vector<std::int64_t>{7, -8});
    std::size_t read = 0;
    for (const auto& r : source->reads) read += r.size;
    CHECK(read < 32768);
}

TEST_CASE("what PyTorch before 0.4 said of a tensor without elements") {
    stream s;
    s.object = global("torch._utils", "_rebuild_tensor") + "(" + storage("1", 0) + integer(0) + "))tR";
    s.add("1", 0, "");
    const bytes file = bytes_of(s.bytes());
    CHECK(tarc::open(file).value().as_tensor().shape()[0] == 0);
}

TEST_CASE("lies, each with its error and its place") {
    const stream good = sample();
    const auto with = [&](auto&& change) {
        stream s = sample();
        change(s);
        return s.bytes();
    };
    check_refused(with([](stream& s) { s.magic[5] ^= 1; }), errc::not_an_archive, "torch.save's magic number");
    check_refused(with([](stream& s) { s.version = pickle("M\xea\3"); }), errc::unsupported, "not 1001");
    check_refused(with([](stream& s) { s.version = pickle("N"); }), errc::unsupported, "not 1001");
    check_refused(with([](stream& s) { s.keys = "N"; }), errc::bad_pickle, "not a list");
    check_refused(with([](stream& s) { s.keys = "](" + text("17") + "Ne"; }), errc::bad_pickle, "not a string");
    check_refused(with([](stream& s) { s.keys = "](" + text("17") + "e"; }), errc::no_record,
                  "storage \"94\", whose bytes are not in the file");
    check_refused(with([](stream& s) { s.storages.emplace_back(s.storages[0]); }), errc::duplicate_name,
                  "storage \"17\" stands in the file twice");
    check_refused(with([](stream& s) { s.add("18", 0, ""); }), errc::bad_archive,
                  "storage \"18\" belongs to no tensor");
    check_refused(with([](stream& s) { s.add("95", 2, floats({1, 2})); }), errc::bad_archive, "belongs to no tensor");
    check_refused(good.bytes() + "x", errc::bad_archive, "1 bytes follow the last storage");
    check_refused(good.bytes() + good.bytes(), errc::bad_archive, "follow the last storage");
    for (const std::uint64_t n : {std::uint64_t{3}, std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 61})
        check_refused(with([&](stream& s) { s.storages[0].second.replace(0, 8, little(n, 8)); }), errc::bad_tensor,
                      "where tensors refer to it");

    const auto of = [](const std::string& object) {
        stream s;
        s.object = object;
        s.add("1", 6, floats({1, 2, 3, 4, 5, 6}));
        return s.bytes();
    };
    const auto two = [&](const std::string& a, const std::string& b) {
        return of(dict({{"a", tensor(a, 0, {2}, {1})}, {"b", tensor(b, 0, {2}, {1})}}));
    };
    const auto view = [](std::int64_t offset, std::int64_t size) {
        return storage("1", 6, "FloatStorage", part("2", offset, size));
    };
    CHECK(outcome(two(view(4, 2), view(4, 2)), {}) == "wrong");  // reads, as something else than nothing
    check_refused(two(view(5, 2), view(5, 2)), errc::bad_tensor, "reaches past its end");
    check_refused(two(view(7, 0), view(7, 0)), errc::bad_tensor, "reaches past its end");
    check_refused(two(view(0, 7), view(0, 7)), errc::bad_tensor, "reaches past its end");
    check_refused(two(view(-1, 2), view(-1, 2)), errc::bad_pickle, "impossible size -1");
    check_refused(two(view(0, INT64_MAX), "N"), errc::bad_pickle, "impossible size");
    check_refused(two(view(4, 2), view(3, 2)), errc::bad_pickle, "as different parts");
    check_refused(two(view(4, 2), view(3, 3)), errc::bad_pickle, "appears twice");
    check_refused(two(view(4, 2), storage("1", 6, "FloatStorage", part("1", 0, 6))), errc::bad_pickle,
                  "as different parts");
    check_refused(two(view(0, 6), storage("2", 6)), errc::bad_pickle, "part of another one");
    check_refused(two(storage("1", 6, "FloatStorage", tuple({text("2"), integer(0)})), "N"), errc::bad_pickle,
                  "not a tuple (key, offset, size)");
    check_refused(two(storage("1", 6, "FloatStorage", "K\1"), "N"), errc::bad_pickle, "not a tuple");
    check_refused(two(storage("1", 6), storage("1", 5)), errc::bad_pickle, "different sizes or classes");
    check_refused(two(storage("1", 6), storage("1", 6, "DoubleStorage")), errc::bad_pickle, "sizes or classes");
    check_refused(two(storage("1", 6), storage("1", 6, "FloatStorage", "N", "cuda:0")), errc::bad_pickle, "locations");
    check_refused(of(tensor(storage("1", 6), 0, {7}, {1})), errc::bad_tensor, "reaches past the 6 elements");
    check_refused(of(tensor(view(4, 2), 0, {3}, {1})), errc::bad_tensor, "reaches past the 2 elements");
    const tarc::error e = refusal(of(tensor(storage("1", INT64_MAX), 0, {2}, {1})));
    CHECK(e.code() == errc::bad_pickle);
    CHECK(e.record().empty());
    CHECK(e.offset() > sample().magic.size() + sample().version.size());  // in the file, not in the pickle

    tarc::open_options small;
    small.limits.pickle_bytes = 100;
    const bytes file = bytes_of(good.bytes());
    CHECK(error_of([&] { (void)tarc::open(file, small); }).code() == errc::limit_exceeded);
}

TEST_CASE("a bool storage names its key in an error of its bytes") {
    stream s;
    s.object = tensor(storage("94", 2, "BoolStorage"), 0, {2}, {1});
    s.add("94", 2, "\1\2");
    const bytes file = bytes_of(s.bytes());
    const tarc::error e = error_of([&] { (void)tarc::load<tarc::tensor<bool>>(file); });
    CHECK(e.code() == errc::bad_tensor);
    CHECK(e.record() == "94");
    CHECK(e.offset() == 1u);
}

TEST_CASE("cut anywhere, or with any byte changed: the same values or an error with its place") {
    const std::string whole = sample(3).bytes();
    const bytes want = saved(tarc::open(bytes_of(whole)).value(), {.manifest = false});
    REQUIRE(outcome(whole, want) == "good");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        CAPTURE(n);
        CHECK(outcome(whole.substr(0, n), want) == "error");
    }
    std::mt19937_64 random(6);
    std::size_t refused = 0;
    for (int i = 0; i < 20000; ++i) {
        std::string changed = whole;
        for (std::uint64_t k = random() % 3 + 1; k-- > 0;) {
            const std::size_t at = random() % changed.size();
            switch (random() % 4) {
                case 0: changed[at] = static_cast<char>(random()); break;
                case 1: changed[at] = static_cast<char>(changed[at] ^ (1 << random() % 8)); break;
                case 2: changed.erase(at, random() % 9); break;
                default: changed.insert(at, changed.substr(random() % changed.size(), random() % 9)); break;
            }
        }
        const std::string got = outcome(changed, want);
        CAPTURE(i);
        CHECK_MESSAGE((got == "error" || got == "good" || got == "wrong"), got);
        refused += got == "error";
    }
    CHECK(refused > 10000);
}

}  // namespace
