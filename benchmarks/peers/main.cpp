#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "peer.hpp"

/// peers PEER WORKLOAD: reads lines "[fresh BYTES] [sum] OPERATION ARGUMENT" and answers each with a line of JSON: the
/// seconds that it took, how many bytes the resident memory grew at most, and the sum of what was read. run.py asks;
/// python_peer.py answers in the same way, where the sum is dear and only made when it is asked for.
namespace {

using namespace bench;

/// KiB of a line of /proc/self/status.
std::int64_t memory(const std::string& key) {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1));
    return -1;
}

/// From here on VmHWM is the peak.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::string run(const operation& o, const std::string& path, std::size_t fresh) {
    o.prepare(path);
    if (fresh != 0) touch(fresh);
    reset_peak();
    const std::int64_t before = memory("VmRSS");
    const auto start = std::chrono::steady_clock::now();
    o.run(path);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const std::int64_t grown = memory("VmHWM") - before;
    std::ostringstream answer;
    answer.precision(9);
    answer << "{\"seconds\": " << seconds.count() << ", \"grown\": " << grown * 1024 << ", \"sum\": " << o.finish()
           << "}";
    return answer.str();
}

std::string answer(peer& p, std::string line) {
    std::size_t fresh = 0;
    if (line.starts_with("fresh ")) {
        std::size_t digits = 0;
        fresh = std::stoull(line.substr(6), &digits);
        line.erase(0, 6 + digits + 1);
    }
    if (line.starts_with("sum ")) line.erase(0, 4);
    const std::size_t space = line.find(' ');
    const std::string name = line.substr(0, space), argument = space == line.npos ? "" : line.substr(space + 1);
    if (name == "hold") {
        p.hold(argument);
        return "{}";
    }
    if (name == "operations") {
        std::string all;
        for (const auto& [each, o] : p.operations) all += (all.empty() ? "\"" : ", \"") + each + '"';
        return "{\"operations\": [" + all + "]}";
    }
    const auto o = p.operations.find(name);
    if (o == p.operations.end()) return "{\"error\": \"there is no operation " + name + "\"}";
    return run(o->second, argument, fresh);
}

peer make(const std::string& name, const std::string& workload) {
    if (name == "tarc") return tarc_peer(workload);
    if (name == "raw") return raw_peer();
#ifdef BENCH_HDF5
    if (name == "hdf5") return hdf5_peer();
#endif
#ifdef BENCH_CEREAL
    if (name == "cereal") return cereal_peer();
#endif
    throw std::runtime_error("this program was built without " + name);
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c == '\n' ? ' ' : c);
    return out + '"';
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: peers PEER WORKLOAD\n", stderr);
        return 2;
    }
    try {
        peer p = make(argv[1], argv[2]);
        std::puts("{}");
        std::fflush(stdout);
        for (std::string line; std::getline(std::cin, line);) {
            std::string text;
            try {
                text = answer(p, line);
            } catch (const std::exception& e) {
                text = "{\"error\": " + quoted(e.what()) + "}";
            }
            std::puts(text.c_str());
            std::fflush(stdout);
        }
    } catch (const std::exception& e) {
        std::puts(("{\"error\": " + quoted(e.what()) + "}").c_str());
        return 1;
    }
}
