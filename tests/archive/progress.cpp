// One callback for saves, loads and verifications: what it is told, that it can end them, and what is left then.
#include "io/scripted_files.hpp"

#include "archive/support.hpp"
#include "format/old_files.hpp"

#include <fcntl.h>
#include <stdlib.h>  // posix_openpt
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <regex>
#include <thread>

#include <tarc/archive/console_progress.hpp>

using namespace tarc_test;
using tarc::tensor;

namespace {

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

struct checkpoint {
    std::int64_t epoch = 0;
    tensor<float> large, tied, row, small;
    tensor<bool> flags;
};
checkpoint make(float x) {
    checkpoint c;
    c.epoch = static_cast<std::int64_t>(x);
    c.large = tensor<float>::full({3, 1 << 20}, x);
    c.tied = c.large;
    c.row = c.large.select(0, 1);
    c.small = tensor<float>::full({100, 100}, x);
    c.flags = tensor<bool>::full({5'000'000}, true);
    return c;
}
struct weights {
    tensor<float> large, turned, small;
};
weights make_weights() {
    return {tensor<float>::full({3, 1 << 20}, 1.f), tensor<float>::full({1000, 1000}, 2.f).transpose(0, 1),
            tensor<float>::full({3}, 3.f)};
}

/// Records the calls, checks that each may come after the one before, and wants an end at the n-th.
struct listener {
    struct call {
        std::uint64_t done, total;
        std::string record;
    };
    std::vector<call> calls;
    std::size_t stop_at = SIZE_MAX, throw_at = SIZE_MAX;
    std::thread::id caller = std::this_thread::get_id();

    struct fault {};

    bool operator()(const tarc::progress& p) {
        CHECK(std::this_thread::get_id() == caller);
        if (calls.empty()) {
            CHECK(p.done == 0);
        } else {
            CHECK(p.total == calls[0].total);
            CHECK((p.done == p.total || p.done - calls.back().done >= mebibyte));
        }
        calls.push_back({p.done, p.total, std::string(p.record)});
        if (calls.size() == throw_at) throw fault{};
        return calls.size() < stop_at;
    }
    [[nodiscard]] tarc::progress_callback callback() {
        return [this](const tarc::progress& p) { return (*this)(p); };
    }
    /// That all was told, in steps of `widest` at most.
    void check(std::uint64_t total, std::uint64_t widest) const {
        REQUIRE(calls.size() >= 2);
        CHECK(calls[0].total == total);
        CHECK(calls.back().done == total);
        CHECK(calls.front().record.empty());
        for (std::size_t i = 1; i < calls.size(); ++i) {
            CHECK(calls[i].done - calls[i - 1].done <= widest);
            CHECK(calls[i].record.empty() == (calls[i].done == total));
        }
    }
};

/// Calls `run` with a listener that ends it at the first, the second, … call, until it goes through.
template <class Run>
int end_at_each_call(Run&& run) {
    for (int n = 1;; ++n) {
        listener l;
        l.stop_at = static_cast<std::size_t>(n);
        bool ended = false;
        try {
            run(l.callback());
        } catch (const tarc::error& e) {
            ended = true;
            CHECK(e.code() == tarc::errc::cancelled);
        }
        CHECK(ended == (l.calls.size() == l.stop_at));
        if (!ended) return n - 1;
    }
}

TEST_CASE("a save tells of the tensors' bytes, in every format, and writes what it writes unheard") {
    constexpr std::uint64_t of_checkpoint = 12 * mebibyte + 40'000 + 5'000'000,
                            of_weights = 12 * mebibyte + 4'000'000 + 12;
    {
        listener l;
        CHECK(saved(make(1), {.progress = l.callback()}) == saved(make(1)));
        l.check(of_checkpoint, 5 * mebibyte);
        CHECK(l.calls[1].record == "data/0");
    }
    for (const auto format : {tarc::file_format::safetensors, tarc::file_format::npz}) {
        listener l;
        CHECK(saved(make_weights(), {.format = format, .progress = l.callback()}) ==
              saved(make_weights(), {.format = format}));
        l.check(of_weights, 5 * mebibyte);
        CHECK(l.calls[1].record == "large");
    }
    listener l;
    static_cast<void>(saved(std::int64_t{7}, {.progress = l.callback()}));
    l.check(0, 0);
}

TEST_CASE("a load tells of the storages that it reads, from the caller's thread, whatever the number of threads") {
    const bytes file = saved(make(1)), plain = saved(make(1), {.manifest = false});
    constexpr std::uint64_t large = 12 * mebibyte, flags = 5'000'000;
    for (const std::size_t threads : {1u, 2u, 8u})
        for (const bytes& f : {file, plain}) {
            listener l;
            static_cast<void>(tarc::load<checkpoint>(f, {.threads = threads, .progress = l.callback()}));
            // other threads may read several pieces while the caller reads one
            l.check(large + 40'000 + flags, threads == 1 ? 5 * mebibyte : large + 40'000 + flags);
        }
    const auto told = [&](checkpoint& c, const auto& policy, tarc::load_options o) {
        listener l;
        o.progress = l.callback();
        tarc::load_into(c, file, policy, o);
        CHECK(l.calls.back().done == l.calls.back().total);
        return l.calls.back().total;
    };
    checkpoint c = make(2);
    CHECK(told(c, "cpu", {.in_place = true}) == large + 40'000 + flags);  // row is a part of large
    c.row = {};
    CHECK(told(c, "cpu", {.in_place = true}) == large + 40'000 + flags);
    CHECK(told(c, "cpu", {.select = {"flags"}}) == flags);
    CHECK(told(c, tarc::meta, {}) == 0);
    c.flags = tensor<bool>::full({5'000'000}, false);
    CHECK(told(c, tarc::meta, {.in_place = true}) == flags);

    folder f;
    tarc::save(make_weights(), f.path + "/run.pt");
    listener of_plan;
    of_plan.stop_at = 6;
    tarc::plan<weights> again(f.path + "/run.pt", tarc::mapped, {.progress = of_plan.callback()});
    for (int i = 0; i < 2; ++i) static_cast<void>(again.load());  // views: nothing is read
    of_plan.check(0, 0);
    CHECK(of_plan.calls.size() == 4);
    CHECK(error_of([&] { static_cast<void>(again.load()); }).code() == tarc::errc::cancelled);

    const bytes flat = saved(make_weights(), {.format = tarc::file_format::safetensors});
    listener l;
    static_cast<void>(tarc::load<weights>(flat, {.threads = 1, .progress = l.callback()}));
    l.check(large + 4'000'000 + 12, 5 * mebibyte);
    CHECK(l.calls[1].record == "large");

    old::stream s;
    s.object = old::dict({{"w", old::tensor(old::storage("a", 3 << 20), 0, {3 << 20}, {1})}});
    s.add("a", 3 << 20, std::string(12 * mebibyte, '\0'));
    struct single {
        tensor<float> w;
    };
    listener of_legacy;
    static_cast<void>(tarc::load<single>(old::bytes_of(s.bytes()), {.threads = 1, .progress = of_legacy.callback()}));
    of_legacy.check(12 * mebibyte, 5 * mebibyte);
}

TEST_CASE("verify tells of the bytes that it reads, each once") {
    for (const bool manifest : {true, false}) {
        const bytes file = saved(make(1), {.manifest = manifest});
        std::uint64_t records = 0;
        for (const payload& p : payloads(file)) records += p.end - p.begin;
        listener l;
        tarc::open(file).verify({.progress = l.callback()});
        l.check(records, 2 * mebibyte);
        CHECK(end_at_each_call([&](auto callback) { tarc::open(file).verify({callback}); }) > 5);
    }
    listener l;
    tarc::open(saved(make_weights(), {.format = tarc::file_format::safetensors})).verify({.progress = l.callback()});
    l.check(0, 0);
}

TEST_CASE("a save that is ended leaves the old file and nothing else") {
    folder f;
    for (const char* name : {"/run.pt", "/run.safetensors", "/run.npz"}) {
        const std::string path = f.path + name;
        write_text(path, "old");
        scripted_files calls;
        CHECK(end_at_each_call([&](auto callback) {
                  CHECK(read_text(path) == "old");
                  tarc::save(make_weights(), path, {.progress = callback, .files = &calls});
              }) >= 4);
        CHECK(f.files() == std::vector<std::string>{name + 1});
        CHECK(calls.open_files.empty());
        CHECK(read_text(path) != "old");
        ::unlink(path.c_str());
    }
}

TEST_CASE("a load that is ended leaves its target") {
    const bytes file = saved(make(1));
    for (const std::size_t threads : {1u, 4u}) {
        checkpoint c = make(2);
        const tensor<float> before = c.large;
        const int ends = end_at_each_call([&](auto callback) {
            CHECK((c.epoch == 2 && c.large.storage() == before.storage() && c.large(2, 5) == 2 && c.small(3, 3) == 2));
            tarc::load_into(c, file, {.threads = threads, .progress = callback});
        });
        CHECK(ends >= 2);
        CHECK((c.epoch == 1 && c.large(2, 5) == 1));
    }
    checkpoint c = make(2);
    listener l;
    l.stop_at = 3;
    const tarc::error e =
        error_of([&] { tarc::load_into(c, file, {.in_place = true, .threads = 1, .progress = l.callback()}); });
    CHECK((e.code() == tarc::errc::cancelled && e.torn() && c.epoch == 2));
}

TEST_CASE("what the callback throws comes out as it is") {
    folder f;
    const bytes file = saved(make(1));
    checkpoint c = make(2);
    const auto with = [&](auto&& run) {
        listener l;
        l.throw_at = 3;
        CHECK_THROWS_AS(run(l.callback()), listener::fault);
    };
    with([&](auto callback) { tarc::save(make(1), f.path + "/run.pt", {.progress = callback}); });
    with([&](auto callback) { return tarc::load<checkpoint>(file, {.threads = 1, .progress = callback}); });
    with([&](auto callback) { tarc::load_into(c, file, {.in_place = true, .threads = 1, .progress = callback}); });
    with([&](auto callback) { tarc::open(file).verify({callback}); });
    CHECK(f.files().empty());

    int calls = 0;  // one that returns nothing; copies of the options call the same
    const tarc::save_options o = {.progress = [&](const tarc::progress&) { ++calls; }}, copy = o;
    static_cast<void>(saved(1.5, copy));
    CHECK(calls == 2);
}

/// What `run` writes to standard error, where that is a terminal of so many columns.
template <class Run>
std::string on_terminal(unsigned short columns, const char* kind, Run&& run) {
    const int main = ::posix_openpt(O_RDWR | O_NOCTTY);
    REQUIRE((main >= 0 && ::grantpt(main) == 0 && ::unlockpt(main) == 0));
    const int side = ::open(::ptsname(main), O_RDWR | O_NOCTTY), before = ::dup(STDERR_FILENO);
    const winsize size{24, columns, 0, 0};
    REQUIRE(::ioctl(side, TIOCSWINSZ, &size) == 0);
    const char* const term = std::getenv("TERM");
    const std::string was = term == nullptr ? "" : term;
    ::setenv("TERM", kind, 1);
    ::dup2(side, STDERR_FILENO);
    run();
    ::dup2(before, STDERR_FILENO);
    ::setenv("TERM", was.c_str(), 1);
    ::close(side);
    std::string text;
    std::array<char, 4096> part;
    for (ssize_t n = 0; (n = ::read(main, part.data(), part.size())) > 0;)  // EIO where all of it has been read
        text.append(part.data(), static_cast<std::size_t>(n));
    ::close(main);
    ::close(before);
    return text;
}

TEST_CASE("the bar on a terminal: late, one line, gone at the end") {
    const auto sleep = [](int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); };
    const auto work = [&](bool to_the_end) {
        return [&, to_the_end] {
            const tarc::progress_callback bar =
                tarc::console_progress("a\x1b[31mlong text of more than thirty letters");
            bar({0, 40'000'000, {}});
            bar({1, 40'000'000, "data/0"});
            sleep(520);
            bar({10'000'000, 40'000'000, "data/1"});
            for (int i = 0; i < 10'000; ++i) bar({10'500'000, 40'000'000, "data/1"});  // too often
            sleep(110);
            bar({20'000'000, 40'000'000, "data/2"});
            if (to_the_end) bar({40'000'000, 40'000'000, {}});
        };
    };
    for (const bool to_the_end : {true, false}) {  // erased at its end, and by whatever ends the work earlier
        const std::string text = on_terminal(80, "xterm", work(to_the_end));
        const std::string clear = "\r\x1b[K";
        CHECK(text.starts_with(clear + "a?[31mlong text of more than t [==="));
        for (const char* part : {"25", "50"})
            CHECK(std::regex_search(text,
                                    std::regex("\\] " + std::string(part) + "%, [0-9.]+ [kM]B/s, [0-9]+ s left\r")));
        CHECK((text.size() < 2000 && text.ends_with(" left" + clear)));
        for (std::size_t at = 0, next = 0; at != text.npos; at = next) {
            next = text.find(clear, at + 1);
            CHECK((next == text.npos ? text.size() : next) - at - clear.size() < 80);
        }
    }
    CHECK(on_terminal(80, "dumb", work(true)).empty());
    CHECK(on_terminal(20, "xterm", work(true)).empty());
    CHECK(on_terminal(80, "xterm", [] {
              const std::vector quick{tensor<float>::full({3}, 1.f)};
              static_cast<void>(saved(quick, {.progress = tarc::console_progress("save")}));
          }).empty());
}

}  // namespace
