// Every system call of a save fails in turn, with every errno that fits it, once and from there on; the process dies
// around every one of them. The target is the old file or the new one, whole, and nothing else is left.

#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <map>
#include <optional>
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

const std::string old_bytes = "the old file";
const std::string new_bytes = std::string(700000, 'n') + "the new file";

void save(const std::string& path, tarc::file_system& files, tarc::durability d = tarc::durability::durable) {
    tarc::file_sink out(path, d, files);
    const std::string_view text = new_bytes;
    for (const std::string_view piece : {text.substr(0, 100), text.substr(100, 600000), text.substr(600100)}) {
        out.write(std::as_bytes(std::span(piece)));
    }
    out.commit();
}

struct outcome {
    std::optional<tarc::error> error;
    std::vector<std::string> files;
    std::string target;
    bool descriptor_left = false;
    std::map<std::string, int> count;
};

outcome try_save(scripted_files& script, bool over_old, tarc::durability d = tarc::durability::durable) {
    const folder here;
    const std::string path = here.path + "/f";
    if (over_old) write_text(path, old_bytes);
    outcome result;
    try {
        save(path, script, d);
    } catch (const tarc::error& e) {
        result.error = e;
    }
    result.files = here.files();
    result.target = read_text(path);
    result.descriptor_left = !script.open_files.empty();
    result.count = script.count;
    return result;
}

std::vector<int> errors_of(const std::string& call) {
    if (call == "open") return {EACCES, EMFILE, ENOSPC, EROFS, EDQUOT, EIO};
    if (call == "write") return {ENOSPC, EDQUOT, EFBIG, EIO, EAGAIN, EPIPE};
    if (call == "fsync") return {EIO, ENOSPC, EDQUOT, EINVAL, EINTR};
    if (call == "close") return {EIO, EINTR, ENOSPC};
    if (call == "rename") return {EACCES, EIO, ENOSPC, EROFS, EXDEV, EISDIR};
    if (call == "fchmod") return {EPERM, EIO};
    return {EACCES, EIO};
}

}  // namespace

TEST_CASE("each call of a save fails in turn") {
    const std::vector<std::string> only_new = {"f"}, nothing;
    int tried = 0;
    for (const bool over_old : {false, true}) {
        for (const auto d : {tarc::durability::durable, tarc::durability::atomic}) {
            scripted_files clean;
            REQUIRE(!try_save(clean, over_old, d).error);
            for (const auto& [call, calls] : clean.count) {
                for (int n = 1; n <= calls; ++n) {
                    for (const int code : errors_of(call)) {
                        for (const bool forever : {false, true}) {
                            scripted_files script;
                            script.fail_call = call;
                            script.fail_at = n;
                            script.fail_with = code;
                            script.fail_forever = forever;
                            const outcome now = try_save(script, over_old, d);
                            CAPTURE(call);
                            CAPTURE(n);
                            CAPTURE(code);
                            CAPTURE(forever);
                            // readlink's EINVAL and ENOENT are answers, not faults; the rest must be reported.
                            REQUIRE(now.error);
                            CHECK(now.error->code() == tarc::errc::io);
                            CHECK(now.error->message().find(call) == 0);
                            CHECK(now.error->archive().ends_with("/f"));
                            CHECK(!now.descriptor_left);
                            if (now.count.contains("rename") && !(call == "rename")) {
                                CHECK(now.error->message().find("the new file is in place") != std::string::npos);
                                CHECK(now.target == new_bytes);
                                CHECK(now.files == only_new);
                            } else {
                                CHECK(now.target == (over_old ? old_bytes : ""));
                                CHECK(now.files == (over_old ? only_new : nothing));
                            }
                            ++tried;
                        }
                    }
                }
            }
        }
    }
    MESSAGE(tried << " faults");
    CHECK(tried > 200);
}

TEST_CASE("a failed fsync is not tried again, also when it would succeed") {
    scripted_files script;
    script.fail_call = "fsync";
    script.fail_at = 1;
    script.fail_with = EIO;
    const outcome now = try_save(script, true);
    REQUIRE(now.error);
    CHECK(now.count.at("fsync") == 1);
    CHECK(now.count.contains("rename") == false);
    CHECK(now.target == old_bytes);
}

TEST_CASE("a fault while another one is cleaned up") {
    for (const std::string first : {"write", "fsync", "rename"}) {
        for (const std::string second : {"unlink", "close"}) {
            struct two_faults : scripted_files {
                std::string also;
                int unlink(const char* path) override {
                    if (also == "unlink") return errno = EIO, -1;
                    return scripted_files::unlink(path);
                }
                int close(int fd) override {
                    const int result = scripted_files::close(fd);
                    if (also == "close") return errno = EIO, -1;
                    return result;
                }
            } script;
            script.also = second;
            script.fail_call = first;
            script.fail_at = 1;
            script.fail_with = ENOSPC;
            const outcome now = try_save(script, true);
            CAPTURE(first);
            CAPTURE(second);
            REQUIRE(now.error);
            if (second == "unlink") {
                CHECK(now.error->message().find(first) == 0);
                CHECK(now.files.size() == 2);  // it could not be removed
            } else {
                CHECK(now.files.size() == 1);
            }
            CHECK(now.target == old_bytes);
            CHECK(!now.descriptor_left);
        }
    }
}

TEST_CASE("a failed sink takes no more, and a second commit does not succeed") {
    const folder here;
    scripted_files script;
    script.fail_call = "write";
    script.fail_at = 1;
    script.fail_with = ENOSPC;
    tarc::file_sink out(here.path + "/f", tarc::durability::durable, script);
    CHECK_THROWS_AS(out.write(std::as_bytes(std::span(new_bytes))), const tarc::error&);
    CHECK(here.files().empty());
    CHECK_THROWS_AS(out.write(std::as_bytes(std::span(new_bytes))), const tarc::error&);
    CHECK_THROWS_AS(out.commit(), const tarc::error&);
    CHECK(here.files().empty());
    CHECK(script.open_files.empty());
}

TEST_CASE("short writes and interrupts are no faults") {
    for (const std::size_t most : {std::size_t{1000}, std::size_t{99999}, std::size_t{262143}}) {
        for (const bool interrupt : {false, true}) {
            scripted_files script;
            script.most = most;
            script.interrupt = interrupt;
            const outcome now = try_save(script, true);
            CHECK(!now.error);
            CHECK(now.target == new_bytes);
        }
    }
    scripted_files stalled;
    stalled.stalled = true;
    const outcome now = try_save(stalled, true);  // neither progress nor an error: not an endless loop
    REQUIRE(now.error);
    CHECK(now.target == old_bytes);
}

TEST_CASE("the process dies before or after any call") {
    for (const bool over_old : {false, true}) {
        for (const bool before : {true, false}) {
            for (int n = 1;; ++n) {
                const folder here;
                const std::string path = here.path + "/f";
                if (over_old) write_text(path, old_bytes);
                const pid_t child = ::fork();
                REQUIRE(child >= 0);
                if (child == 0) {
                    scripted_files script;
                    (before ? script.die_before : script.die_after) = n;
                    save(path, script);
                    ::_exit(42);  // nothing left to die at
                }
                int status = 0;
                REQUIRE(::waitpid(child, &status, 0) == child);
                REQUIRE(WIFEXITED(status));
                const std::string target = read_text(path);
                CHECK((target == new_bytes || target == (over_old ? old_bytes : "")));
                CHECK(here.files().size() <= 2u);
                if (WEXITSTATUS(status) == 42) {
                    CHECK(n > 10);
                    CHECK(target == new_bytes);
                    break;
                }
            }
        }
    }
}
