#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <tarc/io/source.hpp>

#include "io/scripted_files.hpp"
#include "support/errors.hpp"

using tarc_test::error_of;
using tarc_test::folder;
using tarc_test::scripted_files;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read(tarc::source& from, std::uint64_t offset, std::size_t bytes) {
    std::vector<std::byte> out(bytes);
    from.read(offset, out);
    return text_of(out);
}

bool has(const tarc::error& e, const std::string& part) {
    return std::string(e.what()).find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("memory_source: borrowed and owned bytes, bounds checked without overflow") {
    const std::string text = "0123456789";
    tarc::memory_source borrowed(std::as_bytes(std::span(text)));
    CHECK(borrowed.size() == 10);
    CHECK(borrowed.name() == "<memory>");
    CHECK(read(borrowed, 3, 4) == "3456");
    CHECK(read(borrowed, 10, 0).empty());
    CHECK(borrowed.map(0, 4) == nullptr);
    for (const auto& [offset, bytes] : {std::pair<std::uint64_t, std::size_t>{7, 4}, {11, 0}, {~0ull, 1}, {~0ull, 0}}) {
        CHECK(error_of([&] { read(borrowed, offset, bytes); }).code() == tarc::errc::truncated);
    }
    tarc::memory_source owned(std::vector<std::byte>{std::byte{'a'}, std::byte{'b'}}, "here");
    CHECK(read(owned, 0, 2) == "ab");
    CHECK(has(error_of([&] { read(owned, 1, 2); }), "here"));
}

TEST_CASE("file_source: reads at any offset, in pieces and through interrupts") {
    const folder here;
    const std::string path = here.path + "/f";
    tarc_test::write_text(path, "0123456789");
    scripted_files files;
    files.most = 3;
    files.interrupt = true;
    {
        tarc::file_source file(path, files);
        CHECK(file.size() == 10);
        CHECK(file.name() == path);
        CHECK(read(file, 0, 10) == "0123456789");
        CHECK(files.count["pread"] == 4);
        CHECK(read(file, 9, 1) == "9");
        CHECK(error_of([&] { read(file, 9, 2); }).code() == tarc::errc::truncated);
        CHECK(files.open_files.size() == 1);
    }
    CHECK(files.open_files.empty());
}

TEST_CASE("file_source: an error has the call, the system's words and the path") {
    const auto missing = error_of([] { tarc::file_source("no/such/file"); });
    CHECK(missing.code() == tarc::errc::io);
    CHECK(missing.archive() == "no/such/file");
    CHECK(has(missing, "open: No such file or directory"));
    CHECK(has(missing, "no/such/file"));

    const folder here;
    const std::string path = here.path + "/f";
    tarc_test::write_text(path, "0123456789");
    scripted_files files;
    files.fail_call = "pread";
    files.fail_at = 2;
    files.fail_with = EIO;
    tarc::file_source file(path, files);
    CHECK(read(file, 0, 1) == "0");
    const auto failed = error_of([&] { read(file, 0, 1); });
    CHECK(failed.code() == tarc::errc::io);
    CHECK(has(failed, "pread: Input/output error"));
}

TEST_CASE("file_source: no descriptor is left when construction fails") {
    const folder here;
    const std::string path = here.path + "/f";
    tarc_test::write_text(path, "x");
    scripted_files files;
    files.fail_call = "fstat";
    files.fail_at = 1;
    files.fail_with = EIO;
    CHECK(has(error_of([&] { tarc::file_source(path, files); }), "fstat"));
    CHECK(files.count["open"] == 1);
    CHECK(files.open_files.empty());
}

TEST_CASE("file_source: only regular files, and a pipe does not hang") {
    const folder here;
    const std::string pipe = here.path + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(has(error_of([&] { tarc::file_source file(pipe); }), "this is a pipe, not a regular file"));
    CHECK(has(error_of([&] { tarc::file_source file(here.path); }), "this is a folder"));
    CHECK(has(error_of([&] { tarc::file_source file("/dev/null"); }), "this is a device"));
}

TEST_CASE("file_source: a file that is replaced is read as it was, one that is cut short is an error") {
    const folder here;
    const std::string path = here.path + "/f", other = here.path + "/g";
    tarc_test::write_text(path, "0123456789");
    tarc::file_source file(path);
    tarc_test::write_text(other, "abc");
    REQUIRE(::rename(other.c_str(), path.c_str()) == 0);
    CHECK(read(file, 0, 10) == "0123456789");

    tarc::file_source cut(path);
    REQUIRE(::truncate(path.c_str(), 1) == 0);
    const auto e = error_of([&] { read(cut, 0, 3); });
    CHECK(e.code() == tarc::errc::truncated);
    CHECK(e.offset() == 1);
    CHECK(error_of([&] { cut.check_unchanged(); }).code() == tarc::errc::io);
}

TEST_CASE("file_source: a change in place is seen") {
    const folder here;
    const std::string path = here.path + "/f";
    tarc_test::write_text(path, "0123456789");
    tarc::file_source file(path);
    file.check_unchanged();
    const timespec times[2] = {{1, 0}, {1, 0}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    CHECK(error_of([&] { file.check_unchanged(); }).code() == tarc::errc::io);
}

TEST_CASE("file_source: a mapping is private, writable, and outlives the source") {
    const folder here;
    const std::string path = here.path + "/f";
    const std::string text = std::string(5000, 'x') + "tail";
    tarc_test::write_text(path, text);
    std::shared_ptr<std::byte> at;
    {
        tarc::file_source file(path);
        at = file.map(5000, 4);
        CHECK(file.map(0, 0) == nullptr);
        CHECK(error_of([&] { file.map(5000, 5); }).code() == tarc::errc::truncated);
    }
    CHECK(text_of({at.get(), 4}) == "tail");
    *at = std::byte{'T'};
    CHECK(text_of({at.get(), 4}) == "Tail");
    CHECK(tarc_test::read_text(path) == text);
}

TEST_CASE("file_source: threads read at once") {
    const folder here;
    const std::string path = here.path + "/f";
    std::string text;
    for (int i = 0; i < 20000; ++i) text += std::to_string(i) + ",";
    tarc_test::write_text(path, text);
    tarc::file_source file(path);
    std::vector<int> bad(4, 0);
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < bad.size(); ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = 0; i < 500; ++i) {
                const std::size_t offset = (i * 7919 + t * 104729) % (text.size() - 100);
                bad[t] += read(file, offset, 100) != text.substr(offset, 100);
            }
        });
    }
    for (std::thread& t : threads) t.join();
    CHECK(bad == std::vector<int>(4, 0));
}
