// What went wrong, and what is left over.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "world.hpp"

namespace cuda_sim {
namespace {

const char* kind_name(memory_kind kind) {
    switch (kind) {
        case memory_kind::device: return "device memory";
        case memory_kind::managed: return "managed memory";
        case memory_kind::pinned: return "pinned memory";
        case memory_kind::registered: return "registered host memory";
    }
    return "memory";
}

}  // namespace

void world::misused(const std::string& sentence) { misused_by(mine().call, mine().number, sentence); }

void world::misused_by(const char* call, std::uint64_t number, const std::string& sentence) {
    misuse_.push_back(std::string(call) + " (call " + std::to_string(number) + "): " + sentence);
}

std::string world::misuse() {
    for (const block_pointer& gone : store->touched_after_free()) {
        misused_by(gone->call, gone->number, "its pinned memory was written to after it was freed");
    }
    std::string text;
    for (const std::string& line : misuse_) text += line + "\n";
    return text;
}

std::string world::leaks() const {
    std::ostringstream text;
    for (const auto& [begin, held] : store->blocks()) {
        if (!held->alive()) continue;
        text << held->bytes << " bytes of " << kind_name(held->kind);
        if (held->on_device()) text << " on device " << held->device;
        text << (held->kind == memory_kind::registered ? " were never unregistered" : " were never freed");
        text << ": " << held->call << " (call " << held->number << ")\n";
    }
    for (const auto& [handle, each] : stream_handles) {
        if (each->abandoned) continue;
        text << "a stream of device " << each->device << " was never destroyed: " << each->call << " (call "
             << each->number << ")\n";
    }
    for (const auto& [handle, each] : event_handles) {
        if (each->abandoned) continue;
        text << "an event of device " << each->device << " was never destroyed: " << each->call << " (call "
             << each->number << ")\n";
    }
    return text.str();
}

std::uint64_t world::alive(const std::string& what) const {
    std::uint64_t device = 0, device_bytes = 0, pinned = 0, alive_streams = 0, alive_events = 0;
    for (const auto& [begin, held] : store->blocks()) {
        if (!held->alive()) continue;
        (held->on_device() ? device : pinned) += 1;
        if (held->on_device()) device_bytes += held->bytes;
    }
    for (const auto& [handle, each] : stream_handles) alive_streams += each->abandoned ? 0 : 1;
    for (const auto& [handle, each] : event_handles) alive_events += each->abandoned ? 0 : 1;
    if (what == "device") return device;
    if (what == "device bytes") return device_bytes;
    if (what == "pinned") return pinned;
    if (what == "pinned bytes") return store->pinned_bytes();
    if (what == "peak pinned bytes") return store->peak_pinned;
    if (what == "streams") return alive_streams;
    if (what == "events") return alive_events;
    std::fprintf(stderr, "cuda simulation: nothing is known about \"%s\"\n", what.c_str());
    std::abort();
}

namespace {

const pid_t first_process = ::getpid();

void print(const std::string& lines) {
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) std::fprintf(stderr, "cuda simulation: %s\n", line.c_str());
}

void write_log(const std::string& log) {
    const char* to = std::getenv("CUDA_SIM_LOG");
    if (to == nullptr || *to == 0) return;
    if (std::string(to) == "-") {
        std::fputs(log.c_str(), stderr);
    } else {
        std::ofstream(to) << log;
    }
}

// The loader runs this after the destructors of the program that uses the library.
__attribute__((destructor)) void at_exit() {
    if (::getpid() != first_process) return;  // a fork has none of the workers, and its parent reports
    world& all = world::the();
    guard lock(all.mutex);
    all.stop_workers(lock);
    write_log(all.log);
    const char* report = std::getenv("CUDA_SIM_REPORT");
    if (report != nullptr && std::string(report) == "0") return;
    const std::string lines = all.misuse() + all.leaks();
    if (lines.empty()) return;
    print(lines);
    std::fflush(nullptr);
    ::_exit(86);
}

}  // namespace
}  // namespace cuda_sim
