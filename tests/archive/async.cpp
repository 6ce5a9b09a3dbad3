// Saves by another thread: the snapshot is one, the order holds, whatever ends a save leaves nothing behind, and no
// error is lost. Runs under ThreadSanitizer too.
#include "io/scripted_files.hpp"

#include "archive/support.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <thread>

#include <tarc/archive/save_async.hpp>

using namespace tarc_test;
using tarc::tensor;

namespace {

/// Real system calls; the n-th of one kind waits before it is made.
class gated_files final : public scripted_files {
public:
    explicit gated_files(std::string call, int n = 1) : call_(std::move(call)), at_(n) {}

    ssize_t write(int fd, const void* from, std::size_t bytes) override {
        pass("write");
        return scripted_files::write(fd, from, bytes);
    }
    int fsync(int fd) override {
        pass("fsync");
        return scripted_files::fsync(fd);
    }
    int rename(const char* from, const char* to) override {
        pass("rename");
        renamed.emplace_back(to);
        return scripted_files::rename(from, to);
    }
    int open(const char* path, int flags, mode_t mode) override {
        pass("open");
        return scripted_files::open(path, flags, mode);
    }

    void wait_until_there() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return there_; });
    }
    void let_pass() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

    std::vector<std::string> renamed;

private:
    void pass(const std::string& call) {
        if (call != call_ || ++passed_ != at_) return;
        std::unique_lock lock(mutex_);
        there_ = true;
        changed_.notify_all();
        changed_.wait(lock, [&] { return open_; });
    }

    std::string call_;
    int at_, passed_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool there_ = false, open_ = false;
};

struct layer {
    tensor<float> weight, tied, row;
    tensor<std::int64_t, tarc::scalar> steps;
};
struct checkpoint {
    std::int64_t epoch = 0;
    std::string note;
    std::map<std::string, double> losses;
    layer model;
    std::vector<tensor<float>> many;
    tarc::value more;
    std::optional<tensor<double>> none;
};
checkpoint make(float x) {
    checkpoint c;
    c.epoch = static_cast<std::int64_t>(x);
    c.note = "a text that is longer than what a string keeps in itself, " + std::to_string(x);
    c.losses = {{"train", x}, {"test", x + 1}};
    c.model.weight = tensor<float>::full({3, 100'000}, x);
    c.model.tied = c.model.weight;
    c.model.row = tensor<float>::full({100, 1000}, x).select(1, 7);
    c.model.steps = tensor<std::int64_t, tarc::scalar>::full({}, c.epoch);
    for (int i = 0; i < 300; ++i) c.many.push_back(tensor<float>::full({i}, x));
    c.more = tarc::value::dict({{"list", tarc::value::list({1, "two", tensor<double>::full({5}, 3.0)})}});
    return c;
}
struct weights {
    tensor<float> large, turned, part;
};
weights make_weights() {
    const auto base = tensor<float>::full({1000, 1000}, 2.f);
    return {tensor<float>::full({1 << 20}, 1.f), base.transpose(0, 1), base.narrow(0, 5, 3)};
}

/// All of a tensor's storage.
template <class T>
void overwrite(const tensor<T>& t, float x) {
    T* const first = static_cast<T*>(t.storage().data());
    std::fill(first, first + t.storage().nbytes() / sizeof(T), static_cast<T>(x));
}

bool same(const std::string& text, const bytes& b) {
    return text.size() == b.size() && std::memcmp(text.data(), b.data(), b.size()) == 0;
}

tarc::errc code_of(const tarc::pending_save& p) {
    return error_of([&] { p.get(); }).code();
}

TEST_CASE("the file is what save() writes at the moment of the call") {
    folder f;
    tarc::async_saver saver;
    for (const std::size_t size : {1u, 5u, 2u}) {  // the memory of the snapshot grows, and is used again
        checkpoint c = make(static_cast<float>(size));
        for (std::size_t i = 1; i < size; ++i) c.many.push_back(tensor<float>::full({1 << 18}, 4.f));
        tarc::value facts = tarc::value::dict({{"run", 7}, {"tags", tarc::value::list({"a"})}});
        const tarc::save_options o = {.metadata = facts};
        const bytes wanted = saved(c, o);
        gated_files calls("open");
        tarc::save_options through = o;
        through.files = &calls;
        const tarc::pending_save p = saver.save(c, f.path + "/run.pt", through);
        CHECK((p.staged() && !p.done()));
        overwrite(c.model.weight, 9);
        overwrite(c.model.row, 9);
        for (auto& t : c.many) overwrite(t, 9);
        overwrite(c.more["list"][2].as_tensor().as<double>(), 9);
        facts["tags"] = tarc::value::list({"b", "c"});
        c = {};
        calls.let_pass();
        p.get();
        CHECK((p.done() && same(read_text(f.path + "/run.pt"), wanted)));
        if (size == 5) saver.release_memory();
    }
    for (const char* name : {"/w.safetensors", "/w.npz", "/w.pt"}) {
        weights w = make_weights();
        const std::string path = f.path + name;
        tarc::save(w, path);
        const std::string wanted = read_text(path);
        write_text(path, "");
        const tarc::pending_save p = tarc::save_async(w, path);
        overwrite(w.large, 0);
        overwrite(w.turned, 0);
        p.get();
        CHECK(read_text(path) == wanted);
    }
    tarc::save_async(std::int64_t{5}, f.path + "/five.pt").get();  // nothing to copy
    CHECK(tarc::load<std::int64_t>(f.path + "/five.pt") == 5);
    CHECK(f.files().size() == 5);
}

TEST_CASE("saves are written in the order of the calls, and of two to one path the later one stays") {
    folder f;
    gated_files calls("write");
    tarc::async_saver saver({.in_flight = 4});
    std::vector<tarc::pending_save> all;
    std::vector<std::string> paths;
    for (int i = 0; i < 4; ++i) {
        paths.push_back(f.path + (i % 2 == 0 ? "/a.pt" : "/b.pt"));
        all.push_back(saver.save(make(static_cast<float>(i)), paths.back(), {.files = &calls}));
    }
    calls.wait_until_there();
    CHECK((all[3].staged() && !all[0].done()));
    calls.let_pass();
    saver.wait();
    CHECK((all[0].done() && all[3].done()));
    CHECK(calls.renamed == paths);
    CHECK(same(read_text(paths[0]), saved(make(2))));
    CHECK(same(read_text(paths[1]), saved(make(3))));
}

TEST_CASE("one more than may be in flight waits, or is an error") {
    folder f;
    const std::string path = f.path + "/run.pt";
    for (const bool wait : {true, false}) {
        gated_files calls("fsync");
        tarc::async_saver saver({.wait = wait});
        const tarc::pending_save first = saver.save(make(1), path, {.files = &calls});
        calls.wait_until_there();
        // what is wrong with a value is told at once, and takes no turn
        CHECK(error_of([&] { static_cast<void>(saver.save(weights{}, path)); }).code() == tarc::errc::unsavable);
        CHECK(error_of([&] { static_cast<void>(saver.save(make(1), path, {.alignment = 3})); }).code() ==
              tarc::errc::invalid_argument);
        if (wait) {
            std::thread opener([&] { calls.let_pass(); });
            const tarc::pending_save second = saver.save(make(2), path);
            CHECK(first.done());
            second.get();
            opener.join();
        } else {
            const tarc::error e = error_of([&] { static_cast<void>(saver.save(make(2), path)); });
            CHECK((e.code() == tarc::errc::busy && e.archive() == path));
            calls.let_pass();
            first.get();
            saver.save(make(2), path).get();
        }
        CHECK(same(read_text(path), saved(make(2))));
    }
}

TEST_CASE("cancel ends a save up to its rename, and leaves nothing") {
    folder f;
    const std::string path = f.path + "/run.pt";
    struct stage {
        const char* call;
        int n;
        bool in_time;
    };
    for (const stage s : {stage{"open", 1, true},
                          {"write", 1, true},
                          {"write", 2, true},
                          {"fsync", 1, true},
                          {"open", 2, true},
                          {"rename", 1, false},
                          {"fsync", 2, false}}) {
        CAPTURE(s.call);
        CAPTURE(s.n);
        write_text(path, "old");
        gated_files calls(s.call, s.n);
        tarc::async_saver saver({.in_flight = 2});
        const tarc::pending_save p = saver.save(make(1), path, {.files = &calls});
        const tarc::pending_save queued = saver.save(make(2), f.path + "/other.pt", {.files = &calls});
        calls.wait_until_there();
        CHECK(queued.cancel());
        CHECK((queued.done() && code_of(queued) == tarc::errc::cancelled));
        CHECK(p.cancel() == s.in_time);
        CHECK(p.cancel() == s.in_time);
        calls.let_pass();
        if (s.in_time)
            CHECK(code_of(p) == tarc::errc::cancelled);
        else
            p.get();
        CHECK(p.cancel() == s.in_time);
        CHECK(s.in_time == (read_text(path) == "old"));
        CHECK(f.files() == std::vector<std::string>{"run.pt"});
        CHECK(calls.open_files.empty());
        saver.wait();  // what the caller wanted is no error that anybody must hear of
        saver.save(make(3), path).get();
        CHECK(same(read_text(path), saved(make(3))));
    }
}

TEST_CASE("what fails while it is written is the error of get(), and of every get()") {
    folder f;
    const std::string path = f.path + "/run.pt";
    tarc::async_saver saver;
    for (const char* call : {"open", "write", "fsync", "close", "rename"}) {
        write_text(path, "old");
        scripted_files calls;
        calls.fail_call = call;
        calls.fail_at = 1;
        calls.fail_with = ENOSPC;
        const tarc::pending_save p = saver.save(make(1), path, {.files = &calls});
        for (int i = 0; i < 2; ++i) {
            const tarc::error e = error_of([&] { p.get(); });
            CHECK((e.code() == tarc::errc::io && e.archive() == path));
        }
        CHECK(!p.cancel());
        CHECK(read_text(path) == "old");
        CHECK(f.files() == std::vector<std::string>{"run.pt"});
    }
    saver.save(make(1), path).get();
}

TEST_CASE("an error that nobody fetched is that of the saver's next call, or is reported at its end") {
    folder f;
    const std::string path = f.path + "/run.pt";
    scripted_files broken;
    broken.fail_call = "write";
    broken.fail_at = 1;
    broken.fail_with = ENOSPC;
    broken.fail_forever = true;
    const auto fail = [&](tarc::async_saver& s, const char* name) {
        const tarc::pending_save p = s.save(make(1), f.path + name, {.files = &broken});
        p.wait();
        CHECK(p.done());
    };
    std::vector<std::string> reported;
    gated_files gated("open");
    gated.fail_call = "open";
    gated.fail_at = 1;
    gated.fail_with = EACCES;
    {
        tarc::async_saver saver({.in_flight = 2, .lost = [&](std::exception_ptr e) {
                                     reported.push_back(error_of([&] { std::rethrow_exception(e); }).archive());
                                 }});
        fail(saver, "/a.pt");
        const tarc::error e = error_of([&] { static_cast<void>(saver.save(make(1), path)); });
        CHECK((e.code() == tarc::errc::io && e.archive() == f.path + "/a.pt" && f.files().empty()));
        saver.save(make(1), path).get();
        fail(saver, "/b.pt");
        CHECK(error_of([&] { saver.wait(); }).archive() == f.path + "/b.pt");
        saver.wait();
        saver.save(make(1), f.path + "/c.pt", {.files = &gated}).detach();
        saver.save(make(1), f.path + "/d.pt", {.files = &broken}).detach();
        gated.let_pass();
    }
    CHECK(reported == std::vector<std::string>{f.path + "/c.pt", f.path + "/d.pt"});

    const int out = ::dup(STDERR_FILENO), file = ::open((f.path + "/said").c_str(), O_RDWR | O_CREAT, 0600);
    ::dup2(file, STDERR_FILENO);
    {
        tarc::async_saver saver;
        fail(saver, "/e.pt");
    }
    ::dup2(out, STDERR_FILENO);
    ::close(out);
    ::close(file);
    const std::string said = read_text(f.path + "/said");
    CHECK(said.starts_with("tarc: a save failed, and nobody asked for its error: write: "));
    CHECK((said.find(f.path + "/e.pt") != said.npos && said.find('\n') == said.size() - 1));
}

TEST_CASE("the progress of a save comes from the thread that writes, and can end it") {
    folder f;
    const std::string path = f.path + "/run.pt";
    tarc::async_saver saver;
    std::vector<tarc::progress> told;
    std::thread::id writer;
    const auto listen = [&](const tarc::progress& p) {
        writer = std::this_thread::get_id();
        told.push_back({p.done, p.total, {}});
    };
    saver.save(make(1), path, {.progress = listen}).get();
    CHECK(writer != std::this_thread::get_id());
    CHECK((told.size() >= 3 && told[0].done == 0 && told.back().done == told[0].total && told[0].total > 1'200'000));

    const auto end = [](const tarc::progress& p) { return p.done < p.total; };
    CHECK(code_of(saver.save(make(2), path, {.progress = end})) == tarc::errc::cancelled);
    const auto fault = [](const tarc::progress&) { throw std::runtime_error("no more"); };
    CHECK_THROWS_WITH_AS(saver.save(make(2), path, {.progress = fault}).get(), "no more", std::runtime_error);
    CHECK(same(read_text(path), saved(make(1))));
    CHECK(f.files() == std::vector<std::string>{"run.pt"});
}

TEST_CASE("staged in the background, the tensors are the caller's again when staged() says so") {
    folder f;
    gated_files calls("write");
    tarc::async_saver saver({.in_flight = 2, .stage_in_background = true});
    const tarc::pending_save first = saver.save(make(1), f.path + "/a.pt", {.files = &calls});
    calls.wait_until_there();
    CHECK(first.staged());
    checkpoint c = make(2);
    const bytes wanted = saved(c);
    const tarc::pending_save second = saver.save(c, f.path + "/b.pt");
    CHECK(!second.staged());
    calls.let_pass();
    second.wait_staged();
    overwrite(c.model.weight, 9);
    second.get();
    CHECK(same(read_text(f.path + "/b.pt"), wanted));
}

TEST_CASE("a handle waits before it goes; one that is let go does not") {
    folder f;
    gated_files calls("write"), other("write");
    tarc::async_saver saver({.in_flight = 2});
    std::thread opener;
    {
        tarc::pending_save p;
        CHECK((p.done() && p.staged() && !p.cancel()));
        p.get();
        p = saver.save(make(1), f.path + "/a.pt", {.files = &calls});
        tarc::pending_save moved = std::move(p);
        calls.wait_until_there();
        opener = std::thread([&] { calls.let_pass(); });
    }
    CHECK(f.files() == std::vector<std::string>{"a.pt"});
    opener.join();
    saver.save(make(1), f.path + "/b.pt", {.files = &other}).detach();
    other.wait_until_there();
    other.let_pass();
    saver.wait();
    CHECK(f.files() == std::vector<std::string>{"a.pt", "b.pt"});
}

TEST_CASE("a relative path is that of the working directory of the call") {
    const std::filesystem::path before = std::filesystem::current_path();
    folder first, second;
    gated_files files("rename");
    tarc::async_saver saver;
    std::filesystem::current_path(first.path);
    tarc::pending_save s = saver.save(make(1), "relative.pt", {.files = &files});
    files.wait_until_there();
    std::filesystem::current_path(second.path);
    files.let_pass();
    CHECK_NOTHROW(s.get());
    std::filesystem::current_path(before);
    CHECK(first.files() == std::vector<std::string>{"relative.pt"});
    CHECK(second.files().empty());
}

TEST_CASE("what would wait for itself is an error") {
    folder f;
    tarc::async_saver saver;
    std::optional<tarc::error> inner;
    const auto again = [&](const tarc::progress&) {
        if (!inner) inner = error_of([&] { static_cast<void>(saver.save(make(2), f.path + "/inner.pt")); });
    };
    saver.save(make(1), f.path + "/outer.pt", {.progress = again}).get();
    REQUIRE(inner);
    CHECK(inner->code() == tarc::errc::busy);

    const pid_t child = ::fork();  // which has the saver, and not its thread
    if (child == 0) {
        try {
            static_cast<void>(saver.save(make(1), f.path + "/child.pt"));
        } catch (const tarc::error& e) {
            ::_exit(e.code() == tarc::errc::invalid_argument ? 0 : 1);
        }
        ::_exit(2);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

TEST_CASE("many threads save through one saver, and one cancels while another waits") {
    folder f;
    tarc::async_saver saver({.in_flight = 2, .threads = 2});
    std::vector<std::thread> threads;
    std::atomic<int> good = 0, ended = 0;
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([&, id] {
            checkpoint c = make(static_cast<float>(id));
            const std::string path = f.path + "/" + std::to_string(id) + ".pt";
            for (int i = 0; i < 5; ++i) {
                c.epoch = i;
                overwrite(c.model.weight, static_cast<float>(i));
                const tarc::pending_save p = saver.save(c, path, {.durability = tarc::durability::atomic});
                std::thread other([&] { static_cast<void>(i == 3 && p.cancel()); });
                try {
                    p.get();
                    ++good;
                } catch (const tarc::error& e) {
                    ended += e.code() == tarc::errc::cancelled;
                }
                other.join();
            }
            CHECK(tarc::load<checkpoint>(path).model.weight(2, 99'999) == 4);
        });
    for (std::thread& t : threads) t.join();
    CHECK((good + ended == 20 && good >= 16));
}

}  // namespace
