#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

extern char** environ;

/// A process that has ended.
struct child {
    int status = 0;
    std::string out, err;

    [[nodiscard]] bool exited(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
    [[nodiscard]] bool killed_by(int signal) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }
};

using settings = std::vector<std::pair<std::string, std::string>>;

/// Runs a program with more in its environment.
inline child run(std::string program, std::vector<std::string> words, const settings& more) {
    const auto take = [](std::FILE* file) {
        std::string text;
        std::rewind(file);
        for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
        std::fclose(file);
        return text;
    };
    std::vector<std::string> variables;
    for (char** each = environ; *each != nullptr; ++each) variables.emplace_back(*each);
    for (const auto& [name, value] : more) {
        std::erase_if(variables, [&](const std::string& old) { return old.rfind(name + "=", 0) == 0; });
        variables.push_back(name + "=" + value);
    }
    std::vector<char*> arguments{program.data()}, environment;
    for (std::string& word : words) arguments.push_back(word.data());
    for (std::string& variable : variables) environment.push_back(variable.data());
    arguments.push_back(nullptr);
    environment.push_back(nullptr);

    std::FILE* const out = std::tmpfile();
    std::FILE* const err = std::tmpfile();
    if (out == nullptr || err == nullptr) std::abort();
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_adddup2(&files, ::fileno(out), 1);
    ::posix_spawn_file_actions_adddup2(&files, ::fileno(err), 2);
    child seen;
    pid_t id = 0;
    if (::posix_spawn(&id, program.c_str(), &files, nullptr, arguments.data(), environment.data()) != 0) std::abort();
    ::waitpid(id, &seen.status, 0);
    ::posix_spawn_file_actions_destroy(&files);
    seen.out = take(out);
    seen.err = take(err);
    return seen;
}
