#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/io/sink.hpp>

#include "io/scripted_files.hpp"

using tarc_test::folder;
using tarc_test::read_text;
using tarc_test::scripted_files;
using tarc_test::write_text;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void save(const std::string& path, std::string_view text, tarc::durability d = tarc::durability::durable,
          tarc::file_system& files = tarc::posix_files()) {
    tarc::file_sink out(path, d, files);
    out.write(bytes_of(text));
    out.commit();
}

mode_t mode_of(const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

std::string message_of(const std::string& path) {
    try {
        tarc::file_sink out(path);
    } catch (const tarc::error& e) {
        CHECK(e.code() == tarc::errc::io);
        return e.what();
    }
    return {};
}

}  // namespace

TEST_CASE("memory_sink collects") {
    tarc::memory_sink out;
    out.write(bytes_of("ab"));
    out.write({});
    out.write(bytes_of("c"));
    CHECK(out.bytes().size() == 3);
    CHECK(std::move(out).bytes().at(2) == std::byte{'c'});
}

TEST_CASE("file_sink: nothing is at the path before commit, the file and nothing else after it") {
    const folder here;
    const std::string path = here.path + "/f";
    {
        tarc::file_sink out(path);
        out.write(bytes_of("new"));
        REQUIRE(here.files().size() == 1);
        CHECK(here.files()[0].starts_with(".tarc-"));
        out.commit();
        CHECK(here.files() == std::vector<std::string>{"f"});
    }
    CHECK(read_text(path) == "new");
    save(path, "newer");
    CHECK(read_text(path) == "newer");
    CHECK(here.files() == std::vector<std::string>{"f"});
}

TEST_CASE("file_sink: without commit the target is as it was and no file is left") {
    const folder here;
    const std::string path = here.path + "/f";
    write_text(path, "old");
    {
        tarc::file_sink(path).write(bytes_of(std::string(3 << 20, 'x')));
    }
    CHECK(read_text(path) == "old");
    CHECK(here.files() == std::vector<std::string>{"f"});
}

TEST_CASE("file_sink: the bytes arrive in order, whatever the sizes of the pieces") {
    const folder here;
    const std::string path = here.path + "/f";
    std::string expected;
    {
        tarc::file_sink out(path, tarc::durability::atomic);
        for (const std::size_t size :
             {1u, 0u, 262143u, 1u, 1u, 262144u, 5u, 262139u, 1000000u, 3u, 300000u, 262142u, 7u}) {
            const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
            expected += piece;
            out.write(bytes_of(piece));
        }
        out.commit();
    }
    CHECK(read_text(path) == expected);
}

TEST_CASE("file_sink: small pieces are written together, large ones go straight through") {
    const folder here;
    scripted_files files;
    tarc::file_sink out(here.path + "/f", tarc::durability::durable, files);
    for (int i = 0; i < 1000; ++i) out.write(bytes_of("0123456789"));
    CHECK(files.count["write"] == 0);
    out.write(bytes_of(std::string(1 << 20, 'x')));
    CHECK(files.count["write"] == 2);
    out.commit();
    CHECK(files.count["write"] == 2);
}

TEST_CASE("file_sink: the order of the calls, and what durability::atomic leaves out") {
    const folder here;
    const std::string path = here.path + "/f";
    scripted_files durable, atomic;
    save(path, "x", tarc::durability::durable, durable);
    CHECK(durable.log == std::vector<std::string>{"readlink", "stat", "open", "write", "fsync", "stat", "close", "open",
                                                  "rename", "fsync", "close"});
    save(path, "x", tarc::durability::atomic, atomic);
    CHECK(atomic.log ==
          std::vector<std::string>{"readlink", "stat", "open", "write", "stat", "fchmod", "close", "rename"});
    CHECK(durable.open_files.empty());
    CHECK(atomic.open_files.empty());
}

TEST_CASE("file_sink: a new file gets the mode of the umask, a replaced one keeps its own") {
    const folder here;
    const std::string path = here.path + "/f";
    const mode_t old_umask = ::umask(027);
    save(path, "a");
    CHECK(mode_of(path) == 0640);
    for (const mode_t mode : {0600u, 0644u, 0666u, 0444u, 0755u}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        scripted_files files;
        save(path, "b", tarc::durability::durable, files);
        CHECK(mode_of(path) == mode);
        CHECK(files.created_with == std::vector<mode_t>{0600});  // never readable to more than the old one was
    }
    ::umask(old_umask);
}

TEST_CASE("file_sink: a symbolic link is followed, also a dangling one and one to another folder") {
    const folder here, there;
    const std::string link = here.path + "/link", target = there.path + "/target";
    REQUIRE(::symlink(("../" + there.name() + "/target").c_str(), link.c_str()) == 0);
    save(link, "first");
    CHECK(read_text(target) == "first");
    save(link, "second");
    CHECK(read_text(target) == "second");
    CHECK(here.files() == std::vector<std::string>{"link"});
    CHECK(there.files() == std::vector<std::string>{"target"});
    struct stat status{};
    REQUIRE(::lstat(link.c_str(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode));

    const std::string chain = there.path + "/chain";
    REQUIRE(::symlink(("../" + here.name() + "/link").c_str(), chain.c_str()) == 0);
    save(chain, "third");
    CHECK(read_text(target) == "third");

    const std::string loop = here.path + "/loop";
    REQUIRE(::symlink("loop", loop.c_str()) == 0);
    CHECK(message_of(loop).find("Too many levels of symbolic links") != std::string::npos);
}

TEST_CASE("file_sink: what is no regular file is not replaced") {
    const folder here;
    CHECK(message_of(here.path).find("no regular file") != std::string::npos);
    CHECK(message_of("/dev/null").find("no regular file") != std::string::npos);
    const std::string pipe = here.path + "/pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(message_of(pipe).find("no regular file") != std::string::npos);
    CHECK(here.files() == std::vector<std::string>{"pipe"});
    CHECK(message_of(here.path + "/no/such/folder/f").find("No such file or directory") != std::string::npos);
    CHECK(message_of("").find("names no file") != std::string::npos);
    CHECK(message_of(here.path + "/new/").find("names no file") != std::string::npos);
}

TEST_CASE("file_sink: a relative name without a folder") {
    save("file-without-folder", "x");
    CHECK(read_text("file-without-folder") == "x");
    ::unlink("file-without-folder");
}

TEST_CASE("file_sink: other files, also other temporary ones, are left alone") {
    const folder here;
    write_text(here.path + "/.tarc-0123456789abcdef", "of another save");
    save(here.path + "/f", "x");
    CHECK(read_text(here.path + "/.tarc-0123456789abcdef") == "of another save");
    CHECK(here.files().size() == 2);
}

TEST_CASE("file_sink: a name that is taken leads to the next one") {
    struct same_number : scripted_files {
        std::uint64_t unique() override { return 7; }
    } files;
    const folder here;
    write_text(here.path + "/.tarc-0000000000000007", "taken");
    save(here.path + "/f", "x", tarc::durability::durable, files);
    CHECK(read_text(here.path + "/f") == "x");
    CHECK(read_text(here.path + "/.tarc-0000000000000007") == "taken");
    CHECK(files.count["open"] == 3);
}

TEST_CASE("file_sink: after commit it takes nothing") {
    const folder here;
    tarc::file_sink out(here.path + "/f");
    out.write(bytes_of("x"));
    out.commit();
    CHECK_THROWS_AS(out.write(bytes_of("y")), const tarc::error&);
    CHECK_THROWS_AS(out.commit(), const tarc::error&);
    CHECK(read_text(here.path + "/f") == "x");
}
