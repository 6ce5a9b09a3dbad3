// Runs each program, wrong and right, in every order of work, in a process of its own:
//   misuse               all of them
//   misuse NAME [right]  one, here
#include <csignal>
#include <cstdio>
#include <string>

#include "../child.hpp"
#include "program.hpp"

using namespace misuse;

namespace {

bool as_it_must(const program& each, const child& seen) {
    switch (each.how) {
        case shown_by::output: return seen.exited(0) && seen.out.find(each.words) != std::string::npos;
        case shown_by::signal:  // or what a sanitizer makes of it
            return seen.killed_by(SIGSEGV) || seen.err.find("SEGV") != std::string::npos;
        case shown_by::report: break;
    }
    if (!seen.exited(86) || seen.err.find(each.words) == std::string::npos) return false;
    // Racing workers race for a sanitizer too.
    if (seen.err.find("WARNING: ThreadSanitizer: data race") != std::string::npos) return true;
    // One line, and the right one: no mistake is reported as two.
    return seen.err.rfind("cuda simulation: ", 0) == 0 && seen.err.find('\n') == seen.err.size() - 1;
}

int run_all(const char* self) {
    int failures = 0, runs = 0;
    const auto check = [&](const program& each, bool wrong, const std::string& order) {
        const child seen = run(self, {each.name, wrong ? "wrong" : "right"}, {{"CUDA_SIM_ORDER", order}});
        const bool good = wrong ? as_it_must(each, seen) : seen.exited(0) && seen.err.empty();
        ++runs;
        if (good) return;
        ++failures;
        std::printf("%s %s, %s: status %x\n%s%s\n", wrong ? "wrong" : "right", each.name.c_str(), order.c_str(),
                    static_cast<unsigned>(seen.status), seen.out.c_str(), seen.err.c_str());
    };
    for (const program& each : programs()) {
        for (const char* order : {"prompt", "random", "late", "reversed"}) {
            if (each.order.empty() || each.order == order) check(each, true, order);
            check(each, false, order);
        }
    }
    std::printf("%zu programs, %d runs, %d failures\n", programs().size(), runs, failures);
    return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
    if (count == 1) return run_all(arguments[0]);
    for (const program& each : programs()) {
        if (each.name != arguments[1]) continue;
        each.run(count < 3 || std::string(arguments[2]) != "right");
        return 0;
    }
    return 2;
}
