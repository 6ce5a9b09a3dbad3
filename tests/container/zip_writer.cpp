#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/io/source.hpp>

#include "container/zip_builder.hpp"

using tarc_test::bytes_of;
using tarc_test::error_of;
using tarc_test::memory;
using tarc_test::text_of;

namespace {

std::string u16(unsigned v) { return {static_cast<char>(v), static_cast<char>(v >> 8)}; }
std::string u32(std::uint64_t v) { return u16(v & 0xFFFF) + u16(static_cast<unsigned>(v >> 16 & 0xFFFF)); }
std::string u64(std::uint64_t v) { return u32(v) + u32(v >> 32); }

}  // namespace

TEST_CASE("the bytes of a small archive, spelled out from the format page") {
    tarc::memory_sink out;
    tarc::zip_writer zip(out, "ab");
    zip.add("x", bytes_of("123456789"));
    zip.add("empty", {});
    zip.finish();
    const std::string flags = "\x08\x08", empty_flags = std::string("\0\x08", 2), crc = u32(0xCBF43926);
    std::string expected = "PK\3\4" + u16(0) + flags + u16(0) + u32(0) + u32(0) + u32(0) + u32(0) + u16(4) +
                           u16(4 + 26) + "ab/x" + "FB" + u16(26) + std::string(26, 'Z');
    CHECK(expected.size() == 64);
    expected += "123456789";
    expected += "PK\7\10" + crc + u32(9) + u32(9);
    const std::size_t second = expected.size();  // 89; 89 + 30 + 8 + 4 = 131, and 61 more make 192
    expected += "PK\3\4" + u16(0) + empty_flags + u16(0) + u32(0) + u32(0) + u32(0) + u32(0) + u16(8) + u16(4 + 61) +
                "ab/empty" + "FB" + u16(61) + std::string(61, 'Z');
    CHECK(expected.size() == 192);
    const std::size_t directory = expected.size();
    expected += "PK\1\2" + u16(0) + u16(0) + flags + u16(0) + u32(0) + crc + u32(9) + u32(9) + u16(4) + u16(0) +
                u16(0) + u16(0) + u16(0) + u32(0) + u32(0) + "ab/x";
    expected += "PK\1\2" + u16(0) + u16(0) + empty_flags + u16(0) + u32(0) + u32(0) + u32(0) + u32(0) + u16(8) +
                u16(0) + u16(0) + u16(0) + u16(0) + u32(0) + u32(second) + "ab/empty";
    const std::size_t end = expected.size();
    expected +=
        "PK\6\6" + u64(44) + u16(0x031E) + u16(45) + u64(0) + u64(2) + u64(2) + u64(end - directory) + u64(directory);
    expected += "PK\6\7" + u32(0) + u64(end) + u32(1);
    expected += "PK\5\6" + u32(0) + u16(2) + u16(2) + u32(end - directory) + u32(directory) + u16(0);
    CHECK(text_of(out.bytes()) == expected);
    CHECK(zip.position() == expected.size());
    REQUIRE(zip.records().size() == 2);
    CHECK(zip.records()[0].name == "x");
    CHECK(zip.records()[0].size == 9);
    CHECK(zip.records()[0].crc32 == 0xCBF43926);
    REQUIRE(zip.hashes(0).size() == 1);
    CHECK(zip.hashes(0)[0] == tarc::xxh3(bytes_of("123456789")));
    CHECK(zip.hashes(1).empty());
}

TEST_CASE("an archive without records") {
    tarc::memory_sink out;
    tarc::zip_writer zip(out);
    zip.finish();
    CHECK(out.bytes().size() == 56 + 20 + 22);
    const tarc::zip_reader in(memory(text_of(out.bytes())));
    CHECK(in.records().empty());
    CHECK(in.root().empty());
    CHECK(in.find("data.pkl") == nullptr);
    in.check_all();
}

TEST_CASE("every payload is aligned, for every alignment and name length") {
    for (std::uint32_t alignment = 1; alignment <= 32768; alignment *= 2) {
        tarc::memory_sink out;
        tarc::zip_writer zip(out, "r", alignment);
        for (std::size_t n = 1; n <= 70; ++n) zip.add(std::string(n, 'n'), bytes_of(std::string(n % 7, 'p')));
        zip.finish();
        const tarc::zip_reader in(memory(text_of(out.bytes())));
        in.check_all();
        for (const tarc::record& r : in.records()) {
            CHECK(in.payload_offset(r) % alignment == 0);
            CHECK(text_of(in.read(r)) == std::string(r.name.size() % 7, 'p'));
        }
    }
}

TEST_CASE("a record in pieces is the record in one piece") {
    const std::string payload(3'000'001, 'q');
    tarc::memory_sink whole, pieces;
    tarc::zip_writer a(whole), b(pieces);
    a.add("data/0", bytes_of(payload));
    b.begin("data/0", payload.size());
    for (std::size_t at = 0; at < payload.size(); at += 77777) {
        b.append(bytes_of(std::string_view(payload).substr(at, 77777)));
    }
    b.append({});
    b.end();
    a.finish();
    b.finish();
    CHECK(whole.bytes() == pieces.bytes());
    CHECK(a.hashes(0).size() == 3);
    CHECK(std::ranges::equal(a.hashes(0), b.hashes(0)));
}

TEST_CASE("wrong calls are refused before anything of them is written") {
    tarc::memory_sink out;
    const auto code_of = [&](auto&& f) {
        tarc::zip_writer zip(out, "r");
        const auto e = error_of([&] { f(zip); });
        REQUIRE(e);
        return e->code();
    };
    using zw = tarc::zip_writer;
    CHECK(code_of([](zw& z) { z.add("x", {}), z.add("x", {}); }) == tarc::errc::duplicate_name);
    CHECK(code_of([](zw& z) { z.begin("x", 2), z.append(bytes_of("abc")); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.begin("x", 2), z.append(bytes_of("a")), z.end(); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.append(bytes_of("a")); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.end(); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.begin("x", 0), z.begin("y", 0); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.begin("x", 0), z.finish(); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.finish(), z.finish(); }) == tarc::errc::invalid_argument);
    CHECK(code_of([](zw& z) { z.finish(), z.add("x", {}); }) == tarc::errc::invalid_argument);
    for (const std::string name : {"", "/x", "x/", "a//b", "..", "a/../b", "./a", "a\\b", "\xff", "a\xed\xa0\x80"}) {
        CAPTURE(name);
        CHECK(code_of([&](zw& z) { z.add(name, {}); }) == tarc::errc::bad_name);
    }
    CHECK(code_of([](zw& z) { z.add(std::string("a\0b", 3), {}); }) == tarc::errc::bad_name);
    CHECK(code_of([](zw& z) { z.add(std::string(65534, 'n'), {}); }) == tarc::errc::bad_name);

    for (const std::string root : {"", "a/b", "..", ".", "C:", "a\\b", "\xff"}) {
        CAPTURE(root);
        const auto e = error_of([&] { tarc::zip_writer(out, root); });
        REQUIRE(e);
        CHECK(e->code() == tarc::errc::bad_name);
    }
    for (const std::uint32_t alignment : {0u, 3u, 65u, 65536u}) {
        const auto e = error_of([&] { tarc::zip_writer(out, "r", alignment); });
        REQUIRE(e);
        CHECK(e->code() == tarc::errc::invalid_argument);
    }
}

TEST_CASE("the longest name there can be") {
    tarc::memory_sink out;
    tarc::zip_writer zip(out, "r", 32768);
    const std::string name(65533, 'n');
    zip.add(name, bytes_of("x"));
    zip.finish();
    tarc::limits bounds;
    bounds.name_bytes = 65535;
    const tarc::zip_reader in(memory(text_of(out.bytes())), bounds);
    CHECK(text_of(in.read(in.get(name))) == "x");
    CHECK(error_of([&] { tarc::zip_reader(memory(text_of(out.bytes()))); })->code() == tarc::errc::limit_exceeded);
}

TEST_CASE("files of torch.save come out as they went in") {
    const char* shared = std::getenv("TARC_SHARED");
    if (!shared) {
        MESSAGE("skipped: TARC_SHARED is not set");
        return;
    }
    int same = 0;
    for (const auto& file : std::filesystem::directory_iterator(std::string(shared) + "/fixtures")) {
        const std::string path = file.path().string();
        if (path.find("legacy") != path.npos || path.find("torchscript") != path.npos ||
            path.find("big_endian") != path.npos || !(path.ends_with(".pt") || path.ends_with(".tar")))
            continue;  // no ZIP; deflated; rezipped by hand
        const auto source = std::make_shared<tarc::file_source>(path);
        const tarc::zip_reader in(source);
        tarc::memory_sink out;
        tarc::zip_writer zip(out, std::string(in.root()));
        for (const tarc::record& r : in.records()) zip.add(r.name, in.read(r));
        zip.finish();
        std::vector<std::byte> original(source->size());
        source->read(0, original);
        CAPTURE(path);
        CHECK(out.bytes() == original);
        ++same;
    }
    CHECK(same >= 34);
}
