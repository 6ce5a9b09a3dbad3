// Runs each program, wrong and right, in every order of work, in a process of its own:
//   misuse               all of them
//   misuse NAME [right]  one, here
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "program.hpp"

using namespace misuse;

extern char** environ;

namespace {

struct outcome {
    int status = 0;
    std::string out, err;
};

std::string take(FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
    std::fclose(file);
    return text;
}

outcome run(const char* self, const std::string& name, bool wrong, const std::string& order) {
    ::setenv("CUDA_SIM_ORDER", order.c_str(), 1);
    FILE* const out = std::tmpfile();
    FILE* const err = std::tmpfile();
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, ::fileno(out), 1);
    ::posix_spawn_file_actions_adddup2(&files, ::fileno(err), 2);
    std::string words[] = {self, name, wrong ? "wrong" : "right"};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t child = 0;
    outcome seen;
    if (::posix_spawn(&child, self, &files, nullptr, arguments, environ) == 0) ::waitpid(child, &seen.status, 0);
    ::posix_spawn_file_actions_destroy(&files);
    seen.out = take(out);
    seen.err = take(err);
    return seen;
}

bool exited(const outcome& seen, int code) { return WIFEXITED(seen.status) && WEXITSTATUS(seen.status) == code; }

bool as_it_must(const program& each, const outcome& seen) {
    switch (each.how) {
        case shown_by::output: return exited(seen, 0) && seen.out.find(each.words) != std::string::npos;
        case shown_by::signal:  // or what a sanitizer makes of it
            return (WIFSIGNALED(seen.status) && WTERMSIG(seen.status) == SIGSEGV) ||
                   seen.err.find("SEGV") != std::string::npos;
        case shown_by::report: break;
    }
    if (!exited(seen, 86)) return false;
    // One line, and the right one: no mistake is reported as two.
    return seen.err.rfind("cuda simulation: ", 0) == 0 && seen.err.find(each.words) != std::string::npos &&
           seen.err.find('\n') == seen.err.size() - 1;
}

int run_all(const char* self) {
    int failures = 0, runs = 0;
    const auto check = [&](const program& each, bool wrong, const std::string& order) {
        const outcome seen = run(self, each.name, wrong, order);
        const bool good = wrong ? as_it_must(each, seen) : exited(seen, 0) && seen.err.empty();
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
