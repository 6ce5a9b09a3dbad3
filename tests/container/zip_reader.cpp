// What honest tools write, and what the reader says of it. zip_hostile.cpp has the others.

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/io/sink.hpp>

#include "container/zip_builder.hpp"

using namespace tarc_test;

namespace {

std::string torch_like(const std::vector<std::pair<std::string, std::string>>& records, std::string root = "archive") {
    tarc::memory_sink out;
    tarc::zip_writer zip(out, std::move(root));
    for (const auto& [name, payload] : records) zip.add(name, bytes_of(payload));
    zip.finish();
    return text_of(out.bytes());
}

std::string le(std::uint64_t value, int size) {
    std::string text;
    for (int i = 0; i < size; ++i, value >>= 8) text += static_cast<char>(value & 0xFF);
    return text;
}

class counting_source final : public tarc::source {
public:
    explicit counting_source(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    void read(std::uint64_t offset, std::span<std::byte> out) override {
        require_range(offset, out.size());
        std::copy_n(bytes_of(text_).begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        ++reads;
        bytes += out.size();
    }
    const std::string& name() const override { return name_; }
    std::uint64_t reads = 0, bytes = 0;

private:
    std::string text_, name_ = "<counting>";
};

}  // namespace

TEST_CASE("what was written is read") {
    const std::string file =
        torch_like({{"data.pkl", "P"}, {"data/0", "0123456789"}, {"data/1", ""}, {"version", "3\n"}}, "rün");
    const tarc::zip_reader zip(memory(file));
    CHECK(zip.root() == "rün");
    REQUIRE(zip.records().size() == 4);
    CHECK(zip.records()[1].name == "data/0");
    CHECK(zip.find("data/1")->size == 0);
    CHECK(zip.find("data/2") == nullptr);
    CHECK(zip.find("rün/data/0") == nullptr);
    CHECK(zip.find("") == nullptr);
    CHECK(zip.crc_computed());
    CHECK(!zip.payload_reserved());
    const tarc::record& r = zip.get("data/0");
    CHECK(text_of(zip.read(r)) == "0123456789");
    CHECK(file.substr(zip.payload_offset(r), 10) == "0123456789");
    bytes part(3);
    zip.read_into(r, 7, part);
    CHECK(text_of(part) == "789");
    CHECK(error_of([&] { zip.read_into(r, 8, part); })->code() == tarc::errc::out_of_range);
    CHECK(error_of([&] { zip.read_into(r, ~0ull, part); })->code() == tarc::errc::out_of_range);
    const auto missing = error_of([&] { static_cast<void>(zip.get("data/7")); });
    CHECK(missing->code() == tarc::errc::no_record);
    CHECK(missing->message().find("data/7") != std::string::npos);
    zip.verify(r);
    zip.check_all();
}

TEST_CASE("records outlive a move of the reader, and a copy of a record serves") {
    tarc::zip_reader a(memory(torch_like({{"x", "payload"}}, "r")));
    const tarc::record& r = a.records()[0];
    const tarc::record copy = r;
    const tarc::zip_reader b = std::move(a);
    CHECK(r.name == "x");
    CHECK(text_of(b.read(r)) == "payload");
    CHECK(text_of(b.read(copy)) == "payload");
    const tarc::zip_reader other(memory(torch_like({{"y", "payload"}})));
    CHECK(error_of([&] { static_cast<void>(other.read(copy)); })->code() == tarc::errc::invalid_argument);
}

TEST_CASE("opening reads the directory and no record") {
    const auto file =
        std::make_shared<counting_source>(torch_like({{"data/0", std::string(1 << 20, 'x')}, {"data/1", "y"}}));
    const tarc::zip_reader zip(file);
    CHECK(file->bytes < 70'000);  // an end record may stand anywhere in the last 64 KiB
    file->reads = file->bytes = 0;
    static_cast<void>(zip.payload_offset(zip.get("data/1")));
    CHECK(file->reads == 1);
    static_cast<void>(zip.payload_offset(zip.get("data/1")));
    CHECK(file->reads == 1);
    CHECK(file->bytes <= 1024);
}

TEST_CASE("checking all of many small records reads the file once, in large pieces") {
    std::vector<std::pair<std::string, std::string>> records;
    for (int i = 0; i < 5000; ++i) records.emplace_back("data/" + std::to_string(i), "0123456789");
    const std::string text = torch_like(records);
    const auto file = std::make_shared<counting_source>(text);
    const tarc::zip_reader zip(file);
    file->reads = file->bytes = 0;
    zip.check_all();
    CHECK(file->reads < 100);
    CHECK(file->bytes < text.size() * 5 / 4);
}

TEST_CASE("files of other tools: order, flags, times, extra fields, folders, no alignment, a comment") {
    zip_builder b;
    b.add({.name = "run/", .needed = 10});
    b.add({.name = "run/data/", .needed = 10});
    // Info-ZIP: the local extra block is longer than the central one.
    const std::string times = "UT" + le(9, 2) + std::string(9, '\1'), ids = "ux" + le(11, 2) + std::string(11, '\2');
    b.add({.name = "run/version", .payload = "3\n", .needed = 10, .local_extra = times + ids, .central_extra = ids});
    b.add({.name = "run/data/0", .payload = "abc", .comment = "a comment of the entry"});
    b.add({.name = "run/data.pkl", .payload = "P"});
    CHECK(contents(b.zip("a comment of the archive")) == "version=3\n\ndata/0=abc\ndata.pkl=P\n");
    const tarc::zip_reader zip(memory(b.zip()));
    CHECK(zip.find("data/") == nullptr);
    CHECK(zip.root() == "run");
    // The directory may stand in another order than the records.
    zip_builder c = b;
    const std::size_t first = c.directory.find("PK\1\2", 4);
    c.directory = c.directory.substr(first) + c.directory.substr(0, first);
    CHECK(contents(c.zip()) == contents(b.zip()));
}

TEST_CASE("DEFLATE, stored and empty, and a record that does not shrink") {
    const std::string text(100000, 'a');
    zip_builder b;
    b.add({.name = "r/a",
           .payload = deflate(text),
           .method = 8,
           .size = text.size(),
           .crc = tarc::crc32(bytes_of(text))});
    b.add({.name = "r/none", .payload = deflate(""), .method = 8, .size = 0, .crc = 0});
    b.add(
        {.name = "r/noise", .payload = deflate("q8#Z"), .method = 8, .size = 4, .crc = tarc::crc32(bytes_of("q8#Z"))});
    b.add({.name = "r/b", .payload = "B"});
    CHECK(contents(b.zip()) == "a=" + text + "\nnone=\nnoise=q8#Z\nb=B\n");
    const tarc::zip_reader zip(memory(b.zip()));
    zip.verify(zip.get("a"));
    bytes part(1);
    CHECK(error_of([&] { zip.read_into(zip.get("a"), 0, part); })->code() == tarc::errc::invalid_argument);
    zip.content_of(zip.get("a")).read_packed(0, part);
    CHECK(part[0] == bytes_of(deflate(text))[0]);
}

TEST_CASE("descriptors: with and without signature, 32 and 64 bits, local fields 0 or filled") {
    const std::uint32_t crc = tarc::crc32(bytes_of("abc"));
    const std::string narrow = le(crc, 4) + le(3, 4) + le(3, 4), wide = le(crc, 4) + le(3, 8) + le(3, 8);
    for (const std::string& descriptor : {narrow, "PK\7\10" + narrow, wide, "PK\7\10" + wide}) {
        for (const std::uint32_t filled : {0u, 1u}) {
            zip_builder b;
            b.add({.name = "r/x",
                   .payload = "abc",
                   .flags = 8,
                   .local_crc = crc * filled,
                   .local_stored = 3 * filled,
                   .local_size = 3 * filled,
                   .after = descriptor});
            b.add({.name = "r/y", .payload = "y"});
            CHECK(contents(b.zip()) == "x=abc\ny=y\n");
        }
    }
    // Info-ZIP into a pipe: local sizes full, a ZIP64 field of zeros, a wide descriptor; the directory is narrow.
    zip_builder b;
    b.add({.name = "r/x",
           .payload = "abc",
           .flags = 8,
           .local_extra = le(1, 2) + le(16, 2) + le(0, 16),
           .local_crc = 0,
           .local_stored = ~0u,
           .local_size = ~0u,
           .after = "PK\7\10" + wide});
    CHECK(contents(b.zip()) == "x=abc\n");
}

TEST_CASE("ZIP64 fields where they are not needed") {
    const std::string both = le(1, 2) + le(16, 2) + le(3, 8) + le(3, 8),
                      all = le(1, 2) + le(24, 2) + le(3, 8) + le(3, 8) + le(0, 8);
    zip_builder python, go;  // zipfile's force_zip64; archive/zip
    python.add({.name = "r/x", .payload = "abc", .local_extra = both, .local_stored = ~0u, .local_size = ~0u});
    CHECK(contents(python.zip()) == "x=abc\n");
    go.add({.name = "r/x", .payload = "abc", .central_extra = all, .central_stored = ~0u, .central_size = ~0u});
    CHECK(contents(go.zip64()) == "x=abc\n");
    zip_builder exact;
    exact.add({.name = "r/x", .payload = "abc", .central_extra = both, .central_stored = ~0u, .central_size = ~0u});
    CHECK(contents(exact.zip64()) == "x=abc\n");
}

TEST_CASE("other programs with torch's ZIP library, and entries that another tool added to torch's archive") {
    zip_builder b;  // version 0 needed, but with times and attributes
    b.add({.name = "r/x", .payload = "abc", .needed = 0}).add({.name = "r/y", .payload = "y", .needed = 0});
    CHECK(contents(b.zip()) == "x=abc\ny=y\n");
    CHECK(contents(b.zip64()) == "x=abc\ny=y\n");

    const std::string torch = torch_like({{"data.pkl", "P"}, {"data/0", "abc"}});
    zip_builder added;
    const std::size_t directory = torch.find("PK\1\2"), end = torch.find("PK\6\6");
    added.data = torch.substr(0, directory);
    added.directory = torch.substr(directory, end - directory);
    added.entries = 2;
    added.add({.name = "archive/note", .payload = "hello"});
    CHECK(contents(added.zip()) == "data.pkl=P\ndata/0=abc\nnote=hello\n");
    CHECK(contents(added.zip64()) == "data.pkl=P\ndata/0=abc\nnote=hello\n");
}

TEST_CASE("CRCs that were not computed") {
    zip_builder none;
    none.add({.name = "r/data.pkl", .payload = "P", .crc = 0}).add({.name = "r/data/0", .payload = "abc", .crc = 0});
    const tarc::zip_reader a(memory(none.zip()));
    CHECK(!a.crc_computed());
    CHECK(!a.payload_reserved());
    CHECK(text_of(a.read(a.get("data/0"))) == "abc");
    a.verify(a.get("data/0"));

    zip_builder reserved;
    reserved.add({.name = "r/data.pkl", .payload = "P"}).add({.name = "r/data/0", .payload = "abc", .crc = 0});
    reserved.add({.name = "r/data/1"});
    const tarc::zip_reader b(memory(reserved.zip()));
    CHECK(b.crc_computed());
    CHECK(b.payload_reserved());
    const auto e = error_of([&] { static_cast<void>(b.read(b.get("data/0"))); });
    REQUIRE(e);
    CHECK(e->code() == tarc::errc::checksum_mismatch);
    CHECK(e->message().find("reserved, not written") != std::string::npos);
    CHECK(e->record() == "data/0");
    CHECK(text_of(b.read(b.get("data/0"), false)) == "abc");

    zip_builder partly = reserved;
    partly.add({.name = "r/data/2", .payload = "x"});
    const tarc::zip_reader c(memory(partly.zip()));
    CHECK(!c.payload_reserved());
    CHECK(error_of([&] { c.verify(c.get("data/0")); })->code() == tarc::errc::checksum_mismatch);
}

TEST_CASE("names without a root, for npz") {
    zip_builder b;
    b.add({.name = "arr_0.npy", .payload = "A"}).add({.name = "sub/x.npy", .payload = "B"});
    CHECK(contents(b.zip(), tarc::zip_root::none) == "arr_0.npy=A\nsub/x.npy=B\n");
    const tarc::zip_reader zip(memory(b.zip()), {}, tarc::zip_root::none);
    CHECK(zip.root().empty());
    CHECK(zip.find("sub/x.npy"));
}

TEST_CASE("a flipped bit in a payload is found by its CRC, and not when nobody asks") {
    std::string file = torch_like({{"data/0", std::string(5000, 'x')}});
    const tarc::zip_reader good(memory(file));
    file[good.payload_offset(good.records()[0]) + 4321] ^= 1;
    const tarc::zip_reader zip(memory(file));
    zip.check_all();
    CHECK(text_of(zip.read(zip.records()[0], false)) != std::string(5000, 'x'));
    for (const bool whole : {true, false}) {
        const auto e =
            error_of([&] { whole ? static_cast<void>(zip.read(zip.records()[0])) : zip.verify(zip.records()[0]); });
        REQUIRE(e);
        CHECK(e->code() == tarc::errc::checksum_mismatch);
        CHECK(e->record() == "data/0");
        CHECK(e->archive() == "<memory>");
    }
}

TEST_CASE("limits") {
    const std::string file = torch_like({{"data/0", "abc"}, {"data/1", "abc"}});
    const auto code_of = [&](auto&& set, auto&& use) {
        tarc::limits bounds;
        set(bounds);
        const auto e = error_of([&] { use(tarc::zip_reader(memory(file), bounds)); });
        return e ? e->code() : tarc::errc::io;
    };
    const auto nothing = [](const tarc::zip_reader&) {};
    const auto read = [](const tarc::zip_reader& z) { static_cast<void>(z.read(z.records()[0])); };
    CHECK(code_of([](tarc::limits& l) { l.records = 1; }, nothing) == tarc::errc::limit_exceeded);
    CHECK(code_of([](tarc::limits& l) { l.records = 2; }, read) == tarc::errc::io);
    CHECK(code_of([](tarc::limits& l) { l.name_bytes = 13; }, nothing) == tarc::errc::limit_exceeded);
    CHECK(code_of([](tarc::limits& l) { l.name_bytes = 14; }, read) == tarc::errc::io);
    CHECK(code_of([](tarc::limits& l) { l.total_bytes = 2; }, read) == tarc::errc::limit_exceeded);
    CHECK(code_of([](tarc::limits& l) { l.total_bytes = 3; }, read) == tarc::errc::io);

    const std::string text(100000, 'a');
    zip_builder b;
    b.add({.name = "r/a",
           .payload = deflate(text),
           .method = 8,
           .size = text.size(),
           .crc = tarc::crc32(bytes_of(text))});
    tarc::limits bounds;
    bounds.ratio = 100;
    const tarc::zip_reader zip(memory(b.zip()), bounds);
    CHECK(error_of([&] { static_cast<void>(zip.read(zip.records()[0])); })->code() == tarc::errc::limit_exceeded);
}

TEST_CASE("threads use one reader") {
    std::vector<std::pair<std::string, std::string>> records;
    for (int i = 0; i < 200; ++i)
        records.emplace_back("data/" + std::to_string(i), std::string(100, static_cast<char>('a' + i % 26)));
    const tarc::zip_reader zip(memory(torch_like(records)));
    std::vector<int> bad(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < bad.size(); ++t) {
        threads.emplace_back([&, t] {
            for (const auto& [name, payload] : records) bad[t] += text_of(zip.read(zip.get(name))) != payload;
            zip.check_all();
        });
    }
    for (std::thread& t : threads) t.join();
    CHECK(bad == std::vector<int>(4, 0));
}
