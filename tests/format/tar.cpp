// The tar file of before PyTorch 0.1.10: what is read, what is refused, and where the error stands.
#include "format/old_files.hpp"

#include <random>

#include <tarc/container/tar_reader.hpp>

using namespace old;
using namespace tarc_test;
using tarc::errc;

namespace {

struct net {
    tarc::tensor<float> weight, bias, tied;
};
struct checkpoint {
    std::int64_t epoch = 0;
    net model;
    tarc::tensor<std::int64_t> steps;
    tarc::tensor<float> nothing;
};

/// Four tensors over two storages and a view of one; an empty one without a storage.
tar sample(const std::string& location = "cpu") {
    tar t;
    t.add_storage(100, 6, floats({1, 2, 3, 4, 5, 6}), "FloatStorage", location);
    t.add_storage(101, 2, longs({7, -8}), "LongStorage", location);
    t.views = pickle("](" + tuple({integer(102), integer(100), integer(4), integer(2)}) + "e");
    t.add_tensor(1, integer(100), {2, 3}, {3, 1}, 0);
    t.add_tensor(2, integer(102), {2}, {1}, 0);
    t.add_tensor(3, integer(102), {1}, {1}, 1);
    t.add_tensor(4, integer(101), {2}, {1}, 0, "LongTensor");
    t.add_tensor(5, "N", {}, {}, 0);
    t.object = dict({{"epoch", integer(3)},
                     {"model", dict({{"weight", numbered(1)}, {"bias", numbered(2)}, {"tied", numbered(3)}})},
                     {"steps", numbered(4)},
                     {"nothing", numbered(5)}});
    return t;
}

void check(const checkpoint& c) {
    CHECK(c.epoch == 3);
    CHECK(elements(c.model.weight) == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(elements(c.model.bias) == std::vector<float>{5, 6});
    CHECK(elements(c.model.tied) == std::vector<float>{6});
    CHECK(c.model.tied.storage() == c.model.bias.storage());
    CHECK(elements(c.steps) == std::vector<std::int64_t>{7, -8});
    CHECK(c.nothing.numel() == 0);
}

std::string pax(const std::string& content, char type = 'x') { return member("././@PaxHeader", content, type); }

TEST_CASE("a struct, under several policies") {
    const bytes file = bytes_of(sample().bytes());
    check(tarc::load<checkpoint>(file));
    check(tarc::load<checkpoint>(file, "cpu"));
    check(tarc::load<checkpoint>(file, tarc::mapped));
    CHECK(tarc::load<checkpoint>(file, tarc::meta).model.weight.device() == tarc::device::meta());
    const bytes tagged = bytes_of(sample("cuda:1").bytes());
    CHECK(error_of([&] { (void)tarc::load<checkpoint>(tagged); }).code() == errc::no_device);
    check(tarc::load<checkpoint>(tagged, tarc::remap{{"cuda:*", "cpu"}}));
    const tarc::archive ar = tarc::open(file);
    CHECK(ar.format() == tarc::file_format::torch_tar);
    CHECK(ar.entries()[1].storage != ar.entries()[2].storage);
    CHECK(ar.entries()[2].storage == ar.entries()[3].storage);
    CHECK(elements(ar.load<&checkpoint::model>().bias) == std::vector<float>{5, 6});
    ar.verify();
    check(tarc::load<checkpoint>(saved(ar.value())));
}

TEST_CASE("bare storages, classes with their source, and ids of every form") {
    tar t = sample();
    t.object = "](" + numbered(100) + integer(101) + "QP102\n" +
               tuple({global("torch.nn", "Linear"), text("file.py"), text("class Linear: pass")}) + "Qe";
    const bytes file = bytes_of(t.bytes());
    const tarc::archive ar = tarc::open(file);
    REQUIRE(ar.entries().size() == 4);
    CHECK(ar.entries()[0].shape[0] == 6);
    CHECK(ar.entries()[1].dtype == tarc::dtype::int64);
    CHECK(ar.entries()[2].shape[0] == 2);
    CHECK(ar.entries()[3].text == "torch.nn.Linear");
}

TEST_CASE("the members of a tar file") {
    const auto names = [](const std::string& file) {
        const bytes b = bytes_of(file);
        tarc::memory_source source{std::span<const std::byte>(b)};
        const tarc::limits limit;
        const tarc::detail::tar_reader tar(source, limit);
        std::string all;
        for (const tarc::detail::tar_member& m : tar.members())
            all += m.name + "@" + std::to_string(m.offset) + "+" + std::to_string(m.size) + " ";
        return all;
    };
    const std::string end(1024, '\0'), x(512, 'x');
    CHECK(names(end) == "");
    CHECK(names(end + std::string(9216, '\0')) == "");
    CHECK(names(member("a", "xyz") + member("b", "") + member("c", x, '\0') + end) == "a@512+3 b@1536+0 c@2048+512 ");
    CHECK(names(member("folder/", "", '5') + member("folder/a", "1") + end) == "folder/a@1024+1 ");
    // the size and the name that do not fit, and what nobody asked for
    CHECK(names(pax("18 mtime=1.500000\n12 path=abc\n12 size=512\n") + member("x", x, '0', 0) + end) ==
          "abc@1536+512 ");
    std::string prefixed = member("b", "");
    prefixed.replace(345, 1, "p");
    prefixed.replace(148, 8, member("b", "").substr(148, 8));
    CHECK(error_of([&] { (void)names(prefixed + end); }).code() == errc::bad_archive);  // the sum is of the old header

    const auto refused = [&](const std::string& file, errc code, std::string_view words) {
        const tarc::error e = error_of([&] { (void)names(file); });
        INFO(std::string(e.what()));
        CHECK(e.code() == code);
        CHECK(contains(e.message(), words));
        CHECK(e.offset().has_value());
    };
    refused("", errc::truncated, "has no end");
    refused(member("a", ""), errc::truncated, "has no end");
    refused(std::string(512, '\0'), errc::truncated, "cut short");
    refused(std::string(1023, '\0'), errc::truncated, "cut short");
    refused(member("a", x).substr(0, 1000), errc::truncated, "ends early");
    refused(member("a", "") + end + "x", errc::bad_archive, "something follows");
    refused(end + std::string(2 << 20, '\0'), errc::bad_archive, "much follows");
    refused(member("a", "") + member("a", "") + end, errc::duplicate_name, "same name");
    refused(member("a", "", '0', 1 << 20) + end, errc::truncated, "ends early");
    refused(member("a", "", '2') + end, errc::unsupported, "type '2'");
    refused(member("a", "", 'L') + end, errc::unsupported, "type 'L'");
    std::string bad = member("a", "");
    bad[3] ^= 1;
    refused(bad + end, errc::bad_archive, "checksum");
    for (const char* lines : {"x", "9 size=x\n", "8 size=1\n", "99 size=1\n", "3 \n", "5 a b\n", "11 size=1\n",
                              "30 size=99999999999999999999\n", "18446744073709551615 a=b\n", "08size=1\n"})
        refused(pax(lines) + member("a", "") + end, errc::bad_archive, "");
    refused(pax("9 path=x\n") + end, errc::bad_archive, "has no member");
    refused(pax("11 size=99\n") + member("a", "") + std::string(64, '\0'), errc::truncated, "");
    refused(pax(std::string(100000, 'x')) + end, errc::limit_exceeded, "PAX header");
}

TEST_CASE("lies, each with its error and its place") {
    const auto with = [](auto&& change) {
        tar t = sample();
        change(t);
        return t.bytes();
    };
    const auto refused = [&](auto&& change, errc code, std::string_view words, std::string_view record) {
        const std::string file = with(change);
        check_refused(file, code, words);
        CHECK(refusal(file).record() == record);
    };
    refused([](tar& t) { t.storage_count = 5; }, errc::bad_pickle, "a storage's number, location and class",
            "storages");
    refused([](tar& t) { t.storage_count = 1; }, errc::bad_pickle, "not a list", "storages");
    refused([](tar& t) { t.storage_count = UINT64_MAX; }, errc::bad_pickle, "no such number", "storages");
    refused([](tar& t) { t.views += "x"; }, errc::bad_archive, "1 bytes follow", "storages");
    refused([](tar& t) { t.views = ""; }, errc::truncated, "ends early", "storages");
    refused([](tar& t) { t.add_storage(100, 0, ""); }, errc::duplicate_name, "the number 100", "storages");
    refused([](tar& t) { t.add_storage(103, 9, "x"); }, errc::truncated, "36 bytes are announced", "storages");
    refused([](tar& t) { t.add_storage(103, UINT64_MAX, ""); }, errc::bad_tensor, "impossible size", "storages");
    refused([](tar& t) { t.add_storage(103, 0, "", "FloatTensor"); }, errc::bad_pickle, "not a storage class",
            "storages");
    const auto view = [](std::int64_t root, std::int64_t offset, std::int64_t size) {
        return [=](tar& t) {
            t.views = pickle("](" + tuple({integer(102), integer(root), integer(offset), integer(size)}) + "e");
        };
    };
    refused(view(100, 5, 2), errc::bad_tensor, "past the end", "storages");
    refused(view(100, 7, 0), errc::bad_tensor, "past the end", "storages");
    refused(view(100, -1, 1), errc::bad_tensor, "past the end", "storages");
    refused(view(100, 0, INT64_MAX), errc::bad_tensor, "past the end", "storages");
    refused(view(99, 0, 0), errc::no_record, "no storage with the number 99", "storages");
    refused(view(102, 0, 0), errc::no_record, "no storage with the number 102", "storages");

    refused([](tar& t) { t.tensor_count = 4; }, errc::bad_archive, "bytes follow the last item", "tensors");
    refused([](tar& t) { t.tensor_count = 6; }, errc::truncated, "ends early", "tensors");
    refused([](tar& t) { t.add_tensor(4, integer(100), {}, {}, 0); }, errc::duplicate_name, "the number 4", "tensors");
    refused([](tar& t) { t.add_tensor(100, integer(100), {}, {}, 0); }, errc::duplicate_name, "the number 100",
            "tensors");
    refused([](tar& t) { t.add_tensor(6, integer(1), {}, {}, 0); }, errc::no_record, "no storage with the number 1",
            "tensors");
    refused([](tar& t) { t.add_tensor(6, integer(100), {7}, {1}, 0); }, errc::bad_tensor, "past the 6 elements",
            "tensors");
    refused([](tar& t) { t.add_tensor(6, integer(102), {1}, {1}, 2); }, errc::bad_tensor, "past the 2 elements",
            "tensors");
    refused([](tar& t) { t.add_tensor(6, integer(100), {1}, {1}, -1); }, errc::bad_tensor, "negative offset",
            "tensors");
    refused([](tar& t) { t.add_tensor(6, integer(100), {2}, {-1}, 1); }, errc::bad_tensor, "negative", "tensors");
    refused([](tar& t) { t.add_tensor(6, "N", {1}, {1}, 0); }, errc::bad_tensor, "past the 0 elements", "tensors");
    refused([](tar& t) { t.add_tensor(6, "N", {}, {}, 0, "Tensor"); }, errc::bad_pickle, "class of tensors", "tensors");
    refused(
        [](tar& t) {
            t.tensors += pickle(tuple({integer(6), integer(100), "N"})) + little(65, 4) + std::string(2000, '\0');
            ++t.tensor_count;
        },
        errc::limit_exceeded, "65 dimensions", "tensors");

    refused([](tar& t) { t.object = numbered(9); }, errc::no_record, "the number 9", "pickle");
    refused([](tar& t) { t.object = text("1x") + "Q"; }, errc::bad_pickle, "neither a number nor a class", "pickle");
    refused([](tar& t) { t.object = "NQ"; }, errc::bad_pickle, "neither a number nor a class", "pickle");
    refused([](tar& t) { t.object = "N.N"; }, errc::bad_pickle, "2 bytes follow", "pickle");

    const std::string end(1024, '\0');
    for (const char* missing : {"pickle", "tensors", "storages"}) {
        std::string file;
        const tar t = sample();
        if (missing != std::string("pickle")) file += member("pickle", pickle(t.object));
        if (missing != std::string("tensors")) file += member("tensors", t.tensors_member());
        if (missing != std::string("storages")) file += member("storages", t.storages_member());
        const tarc::error e = refusal(file + end);
        CHECK(e.code() == errc::no_record);
        CHECK(e.record() == missing);
    }
}

TEST_CASE("cut anywhere, or with any byte changed: the same values or an error with its place") {
    const std::string whole = sample().bytes();
    const bytes want = saved(tarc::open(bytes_of(whole)).value(), {.manifest = false});
    REQUIRE(outcome(whole, want) == "good");
    for (std::size_t n = 0; n < whole.size(); ++n) {
        CAPTURE(n);
        CHECK(outcome(whole.substr(0, n), want) == "error");
    }
    std::mt19937_64 random(7);
    for (int i = 0; i < 20000; ++i) {
        tar t = sample();
        for (std::uint64_t k = random() % 3 + 1; k-- > 0;) {
            std::string* const parts[] = {&t.storages, &t.tensors, &t.views, &t.object};
            std::string& part = *parts[random() % 4];
            const std::size_t at = random() % part.size();
            switch (random() % 4) {
                case 0: part[at] = static_cast<char>(random()); break;
                case 1: part[at] = static_cast<char>(part[at] ^ (1 << random() % 8)); break;
                case 2: part.erase(at, random() % (part.size() - at) % 9); break;
                default: part.insert(at, part.substr(random() % part.size(), random() % 9)); break;
            }
        }
        const std::string got = outcome(t.bytes(), want);
        CAPTURE(i);
        CHECK_MESSAGE((got == "error" || got == "good" || got == "wrong"), got);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {  // of the headers, each byte
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
        const std::string got = outcome(changed, want);
        CAPTURE(at);
        CHECK_MESSAGE((got == "error" || got == "good" || got == "wrong"), got);
    }
}

}  // namespace
