// Archives that lie, each made by hand, with the error that is due. Where the lie is in the directory, opening finds
// it; where it is in a record's own headers, the first touch of that record does, and other records stay readable.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/io/sink.hpp>

#include "container/zip_builder.hpp"

using namespace tarc_test;
using tarc::errc;

namespace {

std::string le(std::uint64_t value, int size) {
    std::string text;
    for (int i = 0; i < size; ++i, value >>= 8) text += static_cast<char>(value & 0xFF);
    return text;
}

void put_at(std::string& file, std::size_t at, std::uint64_t value, int size) {
    REQUIRE(at + static_cast<std::size_t>(size) <= file.size());
    file.replace(at, static_cast<std::size_t>(size), le(value, size));
}

/// Opening alone gives this error, and its message has this part.
void refused(const std::string& file, errc code, const std::string& part) {
    const auto e = error_of([&] { tarc::zip_reader zip(memory(file)); });
    CAPTURE(part);
    REQUIRE(e);
    CAPTURE(e->what());
    CHECK(e->code() == code);
    CHECK(e->message().find(part) != std::string::npos);
    CHECK(e->archive() == "<memory>");
}

/// Opening works; this record is refused when touched and by check_all, the record "ok" is not.
void record_refused(const zip_builder& built, const std::string& name, errc code, const std::string& part) {
    CAPTURE(part);
    zip_builder b = built;
    b.add({.name = "r/ok", .payload = "fine"});
    for (const std::string& file : {b.zip(), b.zip64()}) {
        const tarc::zip_reader zip(memory(file));
        CHECK(text_of(zip.read(zip.get("ok"))) == "fine");
        const tarc::record& r = zip.get(name);
        bytes none;
        for (int how = 0; how < 5; ++how) {
            const auto e = error_of([&] {
                if (how == 0) zip.check(r);
                if (how == 1) static_cast<void>(zip.payload_offset(r));
                if (how == 2) static_cast<void>(zip.read(r, false));
                if (how == 3) zip.content_of(r).read_packed(0, none);
                if (how == 4) zip.check_all();
            });
            CAPTURE(how);
            REQUIRE(e);
            CAPTURE(e->what());
            CHECK(e->code() == code);
            CHECK(e->message().find(part) != std::string::npos);
            CHECK(e->record() == name);
        }
    }
}

zip_builder two() {
    zip_builder b;
    return b.add({.name = "r/data.pkl", .payload = "P"}).add({.name = "r/data/0", .payload = "0123"});
}

}  // namespace

TEST_CASE("what is no archive, or half of one") {
    refused("", errc::truncated, "the file is empty");
    refused("PK", errc::truncated, "cut short");
    refused(two().data, errc::truncated, "cut short");
    refused("hello", errc::not_an_archive, "no ZIP archive");
    refused(std::string(100000, 'x'), errc::not_an_archive, "no ZIP archive");
    refused("PK\7\10" + two().data, errc::unsupported, "split");
    std::string file = two().zip();
    file.pop_back();
    refused(file, errc::truncated, "cut short");
}

TEST_CASE("bytes before, behind and between") {
    const zip_builder b = two();
    refused(b.zip() + "x", errc::bad_archive, "1 bytes of other data follow");
    refused(b.zip() + std::string(70000, 'x'), errc::truncated, "cut short");
    refused("1234567" + b.zip(), errc::bad_archive, "prefixed by 7 bytes");
    refused("1234567" + b.zip64(), errc::bad_archive, "prefixed by 7 bytes");
    zip_builder adjusted;
    adjusted.data = "#!script";
    adjusted.add({.name = "r/x", .payload = "y"});
    refused(adjusted.zip(), errc::bad_archive, "prefixed by 8 bytes");
    zip_builder hole = two();
    hole.data += std::string(65535 + 25, 'h');
    refused(hole.zip(), errc::bad_archive, "belong to no record");
    zip_builder small;
    small.add({.name = "r/x", .payload = "y", .after = "h"});
    record_refused(small, "x", errc::bad_archive, "belong to no record");
    zip_builder unlisted;  // a record that the directory does not list
    unlisted.add({.name = "r/x", .payload = "y"}).add({.name = "r/hidden", .payload = "h", .listed = false});
    record_refused(unlisted, "x", errc::bad_archive, "belong to no record");
    zip_builder behind = two();
    behind.directory += "extra";
    refused(behind.zip(), errc::bad_archive, "more bytes than its entries");
}

TEST_CASE("the end records") {
    const std::string plain = two().zip(), wide = two().zip64();
    const std::size_t end = plain.size() - 22, end64 = wide.size() - 98, locator = wide.size() - 42,
                      last = wide.size() - 22;
    const auto with = [](std::string file, std::size_t at, std::uint64_t value, int size) {
        put_at(file, at, value, size);
        return file;
    };
    refused(with(plain, end + 4, 1, 2), errc::unsupported, "multi-disk");
    refused(with(plain, end + 6, 1, 2), errc::unsupported, "multi-disk");
    refused(with(plain, end + 8, 1, 2), errc::unsupported, "multi-disk");
    refused(with(with(plain, end + 8, 3, 2), end + 10, 3, 2), errc::bad_archive, "cannot hold the 3 entries");
    zip_builder long_names;
    long_names.add({.name = "r/" + std::string(100, 'n')}).entries = 2;
    refused(long_names.zip(), errc::bad_archive, "directory ends within an entry");
    long_names.directory += "PK\1\2" + std::string(42, '\xff');
    refused(long_names.zip(), errc::bad_archive, "directory ends within an entry");
    long_names.directory.replace(148, 4, "PK\1\3");
    refused(long_names.zip(), errc::bad_archive, "no directory entry");
    refused(with(with(plain, end + 8, 9, 2), end + 10, 9, 2), errc::bad_archive, "cannot hold the 9 entries");
    refused(with(with(plain, end + 8, 1, 2), end + 10, 1, 2), errc::bad_archive, "more bytes than its entries");
    refused(with(plain, end + 12, 1, 4), errc::bad_archive, "prefixed");
    refused(with(plain, end + 12, 0xFFFFFFFF, 4), errc::bad_archive, "bytes are missing");
    refused(with(plain, end + 16, 0xFFFFFFFF, 4), errc::bad_archive, "bytes are missing");
    refused(with(plain, end + 16, 0, 4), errc::bad_archive, "prefixed");
    refused(with(plain, end + 20, 1, 2), errc::truncated, "cut short");

    refused(with(wide, end64, 0, 4), errc::bad_archive, "ZIP64 end record does not stand");
    refused(with(wide, end64 + 4, 45, 8), errc::bad_archive, "ZIP64 end record does not stand");
    refused(with(wide, end64 + 14, 99, 2), errc::unsupported, "later version");
    refused(with(wide, end64 + 16, 1, 4), errc::unsupported, "multi-disk");
    refused(with(wide, end64 + 20, 1, 4), errc::unsupported, "multi-disk");
    refused(with(wide, end64 + 24, 1, 8), errc::unsupported, "multi-disk");
    for (const std::uint64_t count :
         {std::uint64_t{1} << 60, std::uint64_t{0x0590B21642C8590C}}) {  // the second wraps with 46
        const auto file = with(with(with(with(wide, end64 + 24, count, 8), end64 + 32, count, 8), last + 8, 0xFFFF, 2),
                               last + 10, 0xFFFF, 2);
        refused(file, errc::bad_archive, "cannot hold");
    }
    refused(with(wide, end64 + 32, 7, 8), errc::unsupported, "multi-disk");
    refused(with(wide, end64 + 40, 1, 8), errc::bad_archive, "disagree");
    for (const std::uint64_t at : {~std::uint64_t{0}, ~std::uint64_t{0} - 45, std::uint64_t{1} << 63}) {
        refused(with(with(wide, end64 + 48, at, 8), last + 16, 0xFFFFFFFF, 4), errc::bad_archive, "bytes are missing");
        refused(with(with(wide, end64 + 40, at, 8), last + 12, 0xFFFFFFFF, 4), errc::bad_archive, "bytes are missing");
    }
    refused(with(wide, locator + 4, 1, 4), errc::unsupported, "multi-disk");
    refused(with(wide, locator + 16, 2, 4), errc::unsupported, "multi-disk");
    refused(with(wide, locator + 8, 0, 8), errc::bad_archive, "prefixed");
    refused(with(wide, locator + 8, ~0ull, 8), errc::bad_archive, "points elsewhere");
    refused(with(wide, last + 8, 1, 2), errc::bad_archive, "disagree");
    refused(with(wide, last + 12, 1, 4), errc::bad_archive, "disagree");
    refused(with(wide, last + 16, 1, 4), errc::bad_archive, "disagree");

    zip_builder outer = two(), inner;
    inner.add({.name = "r/other", .payload = "!"});
    refused(outer.zip(inner.zip()), errc::bad_archive, "two end records");
    refused(outer.zip("a PK\5\6 in the comment"), errc::bad_archive, "comment holds an end record");
    refused("PK\6\7" + std::string(16, '\0') + zip_builder{}.end(), errc::unsupported, "multi-disk");
    refused("PK\6\7" + std::string(12, '\0') + le(1, 4) + zip_builder{}.end(), errc::bad_archive, "no room");
}

TEST_CASE("names") {
    const auto named = [](std::string name) {
        zip_builder b;
        return b.add({.name = std::move(name), .payload = "x"}).zip();
    };
    refused(named(std::string("r/a\0b", 5)), errc::bad_name, "NUL");
    refused(named("r/\xff"), errc::bad_name, "not UTF-8");
    refused(named("r/\xc0\xaf"), errc::bad_name, "not UTF-8");
    refused(named("r/../x"), errc::bad_name, "..");
    refused(named("../x"), errc::bad_name, "..");
    refused(named("r/.."), errc::bad_name, "..");
    refused(named("r/./x"), errc::bad_name, "step");
    refused(named("r//x"), errc::bad_name, "empty step");
    refused(named("/r/x"), errc::bad_name, "absolute");
    refused(named("C:/x"), errc::bad_name, "drive");
    refused(named("r\\x"), errc::bad_name, "backslash");
    refused(named("r/..\\x"), errc::bad_name, "backslash");
    refused(named(""), errc::bad_name, "empty");
    refused(named("r/" + std::string(5000, 'n')), errc::limit_exceeded, "name_bytes");
    refused(named("r/" + std::string(65533, 'n')), errc::limit_exceeded, "name_bytes");
    refused(named("x"), errc::bad_archive, "outside the one top-level folder");
    // A message never carries raw control bytes of the file.
    const auto e = error_of([&] { tarc::zip_reader zip(memory(named("r/\x1b[2J\xff"))); });
    CHECK(e->message().find('\x1b') == std::string::npos);

    zip_builder b;
    refused(b.add({.name = "r/x"}).add({.name = "q/x"}).zip(), errc::bad_archive, "two top-level folders");
    zip_builder d;
    refused(d.add({.name = "r/x", .payload = "1"}).add({.name = "r/y"}).add({.name = "r/x", .payload = "2"}).zip(),
            errc::duplicate_name, "two records \"x\"");
    zip_builder folders;
    refused(folders.add({.name = "r/"}).add({.name = "r/"}).zip(), errc::duplicate_name, "two records");
    zip_builder cases;  // no folding of any kind
    cases.add({.name = "r/x", .payload = "1"})
        .add({.name = "r/X", .payload = "2"})
        .add({.name = "r/x ", .payload = "3"});
    CHECK(contents(cases.zip()) == "x=1\nX=2\nx =3\n");
    zip_builder unicode;
    unicode.add({.name = "r/x", .central_extra = "up" + le(6, 2) + "\1" + le(0, 4) + "y"});
    refused(unicode.zip(), errc::bad_archive, "second, different name");
    zip_builder folder_with_data;
    refused(folder_with_data.add({.name = "r/d/", .payload = "x"}).zip(), errc::bad_archive, "folder, yet holds data");
}

TEST_CASE("kinds of records that nothing here reads") {
    const auto one = [](entry e) {
        e.name = "r/x";
        zip_builder b;
        return b.add(e).zip();
    };
    refused(one({.name = {}, .flags = 0x0001}), errc::unsupported, "encrypted");
    refused(one({.name = {}, .flags = 0x0041}), errc::unsupported, "encrypted");
    refused(one({.name = {}, .flags = 0x2000}), errc::unsupported, "encrypted");
    refused(one({.name = {}, .flags = 0x0020}), errc::unsupported, "patched");
    for (const std::uint16_t method : std::initializer_list<std::uint16_t>{1, 6, 9, 12, 14, 95, 97, 99}) {
        refused(one({.name = {}, .method = method}), errc::unsupported, "ZIP method " + std::to_string(method));
    }
    refused(one({.name = {}, .disk = 1}), errc::unsupported, "another disk");
    zip_builder zstd;
    zstd.add({.name = "r/x", .payload = "whatever", .method = 93});
    const tarc::zip_reader zip(memory(zstd.zip()));
    const auto error = error_of([&] { static_cast<void>(zip.read(zip.get("x"))); });
    REQUIRE(error);
    CHECK(error->code() == errc::unsupported);
    CHECK(error->message().find("include <tarc/codec/zstd.hpp> and link the CMake target tarc::zstd") !=
          std::string::npos);
}

TEST_CASE("sizes and offsets in the directory") {
    const auto one = [](entry e) {
        e.name = "r/x";
        zip_builder b;
        b.add({.name = "r/first", .payload = "first"});
        return b.add(e).zip();
    };
    const auto field = [](std::initializer_list<std::uint64_t> values) {
        std::string content;
        for (const std::uint64_t v : values) content += le(v, 8);
        return le(1, 2) + le(content.size(), 2) + content;
    };
    constexpr std::uint64_t huge = (std::uint64_t{1} << 63) + 1, most = std::numeric_limits<std::uint64_t>::max();
    refused(one({.name = {}, .payload = "abc", .central_size = 4}), errc::bad_archive, "stored, yet takes");
    refused(one({.name = {}, .payload = "abc", .central_stored = 99, .central_size = 99}), errc::bad_archive,
            "reach past");
    refused(one({.name = {}, .payload = "abc", .header = 1}), errc::bad_archive, "overlap");
    refused(one({.name = {}, .payload = "abc", .header = 0xFFFFFFFE}), errc::bad_archive, "reach past");
    for (const std::uint64_t size : {huge, most, most - 40, std::uint64_t{1} << 32}) {
        refused(one({.name = {}, .central_extra = field({size, size}), .central_stored = ~0u, .central_size = ~0u}),
                errc::bad_archive, "reach past");
        refused(one({.name = {}, .central_extra = field({size}), .header = ~0u}), errc::bad_archive, "reach past");
    }
    refused(one({.name = {}, .central_stored = ~0u, .central_size = ~0u}), errc::bad_archive,
            "ZIP64 field that is not there");
    refused(one({.name = {}, .central_extra = field({5}), .central_stored = ~0u, .central_size = ~0u}),
            errc::bad_archive, "ZIP64 field that is not there");
    refused(one({.name = {}, .central_extra = field({5})}), errc::bad_archive, "other values than it needs");
    refused(one({.name = {}, .central_extra = field({5, 5, 5, 5}), .central_stored = ~0u, .central_size = ~0u}),
            errc::bad_archive, "other values than it needs");
    refused(one({.name = {},
                 .payload = "abc",
                 .central_extra = field({3, 3, 77}),
                 .central_stored = ~0u,
                 .central_size = ~0u}),
            errc::bad_archive, "contradicts");
    refused(one({.name = {}, .central_extra = field({}) + field({})}), errc::bad_archive, "twice");
    refused(one({.name = {}, .central_extra = "ab"}), errc::bad_archive, "middle of a header");
    refused(one({.name = {}, .central_extra = "ab\5\0c"}), errc::bad_archive, "middle of a header");
    refused(one({.name = {}, .central_extra = "ab" + le(5, 2) + "c"}), errc::bad_archive, "longer than its block");
}

TEST_CASE("records that share bytes") {
    zip_builder b;  // 200 names for one body: 42 kB that inflate to gigabytes
    const std::string body = deflate(std::string(100000, 'a'));
    b.add({.name = "r/100", .payload = body, .method = 8, .size = 100000});
    for (int i = 101; i < 300; ++i) {
        b.add({.name = "r/" + std::to_string(i),
               .payload = body,
               .method = 8,
               .size = 100000,
               .header = 0,
               .local = false});
    }
    refused(b.zip(), errc::bad_archive, "overlap");
    zip_builder nested;  // the first record's payload is the second record
    nested.add({.name = "r/a", .payload = std::string(100, 'a')}).add({.name = "r/b", .payload = "b", .header = 50});
    refused(nested.zip(), errc::bad_archive, "overlap");
    zip_builder in_directory;
    in_directory.add({.name = "r/a", .payload = "a", .central_stored = 40, .central_size = 40});
    refused(in_directory.zip(), errc::bad_archive, "reach past");
}

TEST_CASE("local headers that disagree with the directory") {
    const auto one = [](entry e) {
        e.name = "r/x";
        if (e.payload.empty()) e.payload = "abc";
        zip_builder b;
        return b.add(e);
    };
    const std::uint32_t crc = tarc::crc32(bytes_of("abc"));
    const std::string good = "PK\7\10" + le(crc, 4) + le(3, 4) + le(3, 4);
    record_refused(one({.name = {}, .local_name = "r/y"}), "x", errc::bad_archive, "another name");
    record_refused(one({.name = {}, .local_name = "r/xx", .after = ""}), "x", errc::bad_archive, "another name");
    record_refused(one({.name = {}, .local_method = 8}), "x", errc::bad_archive, "another compression method");
    record_refused(one({.name = {}, .local_flags = 1}), "x", errc::bad_archive, "other flags");
    record_refused(one({.name = {}, .local_crc = 1}), "x", errc::bad_archive, "another CRC-32");
    record_refused(one({.name = {}, .local_crc = 0}), "x", errc::bad_archive, "another CRC-32");
    record_refused(one({.name = {}, .local_stored = 2}), "x", errc::bad_archive, "other sizes");
    record_refused(one({.name = {}, .local_size = 4}), "x", errc::bad_archive, "other sizes");
    record_refused(one({.name = {}, .local_stored = ~0u, .local_size = ~0u}), "x", errc::bad_archive, "other sizes");
    record_refused(one({.name = {}, .local_extra = "ab"}), "x", errc::bad_archive, "middle of a header");
    record_refused(one({.name = {}, .local_extra = "ab" + le(9, 2)}), "x", errc::bad_archive, "longer than its block");
    record_refused(one({.name = {}, .local_extra = "FB" + le(3, 2) + "ZZz"}), "x", errc::bad_archive, "padding");
    record_refused(one({.name = {}, .local_extra = "FB" + le(2, 2) + "xx"}), "x", errc::bad_archive, "padding");
    record_refused(one({.name = {}, .local_extra = "FB" + le(0, 2) + "FB" + le(0, 2)}), "x", errc::bad_archive,
                   "twice");
    record_refused(one({.name = {}, .local_extra = le(1, 2) + le(16, 2) + le(3, 8) + le(4, 8)}), "x", errc::bad_archive,
                   "other sizes");
    record_refused(one({.name = {}, .local_extra = le(1, 2) + le(8, 2) + le(4, 8)}), "x", errc::bad_archive,
                   "another offset");
    record_refused(one({.name = {}, .local_extra = le(1, 2) + le(3, 2) + "abc"}), "x", errc::bad_archive, "malformed");
    record_refused(one({.name = {}, .local_extra = "up" + le(6, 2) + "\1" + le(0, 4) + "y"}), "x", errc::bad_archive,
                   "different name");

    record_refused(one({.name = {}, .flags = 8}), "x", errc::bad_archive, "descriptor is missing");
    record_refused(one({.name = {}, .flags = 8, .after = good + "h"}), "x", errc::bad_archive, "belong to no record");
    for (const std::size_t at : {4u, 8u, 12u}) {
        std::string bad = good;
        bad[at] ^= 1;
        record_refused(one({.name = {}, .flags = 8, .after = bad}), "x", errc::bad_archive, "descriptor differs");
    }
    record_refused(one({.name = {}, .flags = 8, .after = "PK\7\11" + good.substr(4)}), "x", errc::bad_archive,
                   "no signature");

    zip_builder missing = one({.name = {}});
    missing.data[2] = '9';
    record_refused(missing, "x", errc::bad_archive, "no local header");
    // An extra block that reaches over the payload into the next record.
    zip_builder reaching = one({.name = {}});
    put_at(reaching.data, 28, 60000, 2);
    record_refused(reaching, "x", errc::bad_archive, "reaches into the next record");
}

TEST_CASE("DEFLATE streams that lie") {
    const std::string text(1000, 'a'), packed = deflate(text);
    const std::uint32_t crc = tarc::crc32(bytes_of(text));
    const auto refused_on_read = [&](entry e, errc code, const std::string& part) {
        e.name = "r/x";
        e.method = 8;
        zip_builder b;
        const tarc::zip_reader zip(memory(b.add(e).zip()));
        const auto error = error_of([&] { static_cast<void>(zip.read(zip.get("x"))); });
        CAPTURE(part);
        REQUIRE(error);
        CHECK(error->code() == code);
        CHECK(error->message().find(part) != std::string::npos);
        CHECK(error->record() == "x");
    };
    refused_on_read({.name = {}, .payload = "no deflate", .size = 1000, .crc = crc}, errc::bad_archive, "damaged");
    refused_on_read({.name = {}, .payload = packed, .size = 999, .crc = crc}, errc::bad_archive,
                    "more bytes than it claims");
    refused_on_read({.name = {}, .payload = packed, .size = 0, .crc = crc}, errc::bad_archive,
                    "more bytes than it claims");
    refused_on_read({.name = {}, .payload = packed, .size = 1001, .crc = crc}, errc::bad_archive,
                    "fewer bytes than it claims");
    refused_on_read({.name = {}, .payload = packed.substr(0, packed.size() - 1), .size = 1000, .crc = crc},
                    errc::bad_archive, "damaged");
    refused_on_read({.name = {}, .payload = packed + "h", .size = 1000, .crc = crc}, errc::bad_archive, "hidden");
    refused_on_read({.name = {}, .payload = packed, .size = 1000, .crc = crc + 1}, errc::checksum_mismatch, "CRC-32");
    refused_on_read({.name = {}, .payload = packed, .size = 0xFFFFFFF0, .crc = crc}, errc::bad_archive, "cannot hold");
    refused_on_read({.name = {}, .payload = "", .size = 5, .crc = crc}, errc::bad_archive, "damaged");
}

TEST_CASE("50,000 empty records are read in linear time") {
    zip_builder b;
    for (int i = 0; i < 50000; ++i) b.add({.name = "r/" + std::to_string(i)});
    const tarc::zip_reader zip(memory(b.zip()));
    CHECK(zip.records().size() == 50000);
    zip.check_all();
    CHECK(zip.find("49999"));
}
