// Every system call of a save fails in turn: the path holds the old file or the new one, and nothing else is left.
#include "io/scripted_files.hpp"

#include "archive/support.hpp"

#include <cstring>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct checkpoint {
    int epoch = 0;
    tensor<float> large, small;
};
checkpoint make(int n) {
    return {n, tensor<float>::full({200'000}, static_cast<float>(n)), tensor<float>::full({3}, 1.f)};
}

bool same(const std::string& text, const bytes& b) {
    return text.size() == b.size() && std::memcmp(text.data(), b.data(), b.size()) == 0;
}

void fail_everything(tarc::durability d) {
    folder f;
    const std::string path = f.path + "/run.pt";
    const bytes old_file = saved(make(1)), new_file = saved(make(2));
    int faults = 0, committed = 0;
    for (const char* call : {"open", "close", "write", "fsync", "fstat", "stat", "fchmod", "rename", "readlink"}) {
        for (const int code : {ENOSPC, EIO, EACCES, EINTR}) {
            for (const bool forever : {false, true}) {
                if (code == EINTR && forever) continue;  // waits as long as it is told to
                for (int n = 1;; ++n) {
                    tarc::save(make(1), path, {.durability = tarc::durability::atomic});
                    scripted_files calls;
                    calls.fail_call = call;
                    calls.fail_at = n;
                    calls.fail_with = code;
                    calls.fail_forever = forever;
                    bool failed = false;
                    try {
                        tarc::save(make(2), path, {.durability = d, .files = &calls});
                    } catch (const tarc::error& e) {
                        failed = true;
                        CHECK(e.code() == tarc::errc::io);
                        CHECK(e.archive() == path);
                    }
                    CAPTURE(call);
                    CAPTURE(code);
                    CAPTURE(n);
                    CHECK(calls.open_files.empty());
                    CHECK(f.files() == std::vector<std::string>{"run.pt"});
                    const std::string now = read_text(path);
                    if (failed)
                        REQUIRE((same(now, old_file) || same(now, new_file)));
                    else
                        REQUIRE(same(now, new_file));
                    if (failed && same(now, new_file)) ++committed;
                    if (calls.count[call] < n) break;  // there is no n-th call
                    ++faults;
                }
            }
        }
    }
    CHECK(faults > 50);
    // only what comes after the rename may fail with the new file in place: fsync and close of the folder
    CHECK((d == tarc::durability::durable ? committed > 0 : committed == 0));
}

TEST_CASE("durable") { fail_everything(tarc::durability::durable); }
TEST_CASE("atomic") { fail_everything(tarc::durability::atomic); }

TEST_CASE("a save that fails in the middle of its values leaves the old file") {
    folder f;
    const std::string path = f.path + "/run.pt";
    tarc::save(make(1), path);
    checkpoint bad = make(2);
    bad.small = {};
    CHECK(error_of([&] { tarc::save(bad, path); }).code() == tarc::errc::unsavable);
    CHECK(same(read_text(path), saved(make(1))));
    CHECK(f.files() == std::vector<std::string>{"run.pt"});
}

TEST_CASE("every system call of a load fails in turn") {
    folder f;
    const std::string path = f.path + "/run.pt";
    tarc::save(make(1), path);
    const bytes old_file = saved(make(0));
    for (const char* call : {"open", "fstat", "pread"}) {
        for (int n = 1;; ++n) {
            checkpoint target = make(0);
            scripted_files calls;
            calls.fail_call = call;
            calls.fail_at = n;
            calls.fail_with = EIO;
            try {
                tarc::load_into(target, path, {.files = &calls});
                CHECK(target.epoch == 1);
            } catch (const tarc::error& e) {
                CHECK(e.code() == tarc::errc::io);
                CHECK(e.archive() == path);
                REQUIRE(saved(target) == old_file);
            }
            CHECK(calls.open_files.empty());
            if (calls.count[call] < n) break;
        }
    }
    scripted_files small;  // short and interrupted reads
    small.most = 1000;
    small.interrupt = true;
    CHECK(saved(tarc::load<checkpoint>(path, {.files = &small})) == saved(make(1)));
}

}  // namespace
