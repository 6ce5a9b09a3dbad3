#pragma once

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <tarc/io/file.hpp>

namespace tarc_test {

/// The real system calls with one fault at a chosen place, and a record of what was called.
class scripted_files : public tarc::file_system {
public:
    std::string fail_call;              ///< which call
    int fail_at = 0;                    ///< the how-manieth of them, from 1; 0: none
    int fail_with = 0;                  ///< errno
    bool fail_forever = false;          ///< that one only, or all from there on
    bool interrupt = false;             ///< every call that may be retried fails with EINTR first
    std::size_t most = 0;               ///< bytes that one read or write moves at most; 0: no limit
    bool stalled = false;               ///< write takes nothing and says 0
    int die_before = 0, die_after = 0;  ///< the process ends around this call, counted over all kinds

    std::map<std::string, int> count;
    std::vector<std::string> log;
    std::set<int> open_files;
    std::vector<mode_t> created_with;

    int open(const char* path, int flags, mode_t mode) override {
        if (fails("open", true)) return -1;
        const int fd = file_system::open(path, flags, mode);
        if (fd >= 0) open_files.insert(fd);
        if (flags & O_CREAT) created_with.push_back(mode);
        return after(fd);
    }
    int close(int fd) override {
        open_files.erase(fd);
        const bool bad = fails("close");
        const int result = file_system::close(fd);  // Linux: gone in any case
        if (bad) errno = fail_with;
        return after(bad ? -1 : result);
    }
    ssize_t pread(int fd, void* to, std::size_t bytes, off_t at) override {
        if (fails("pread", true)) return -1;
        return after(file_system::pread(fd, to, most ? std::min(bytes, most) : bytes, at));
    }
    ssize_t write(int fd, const void* from, std::size_t bytes) override {
        if (fails("write", true)) return -1;
        if (stalled) return 0;
        return after(file_system::write(fd, from, most ? std::min(bytes, most) : bytes));
    }
    int fsync(int fd) override { return fails("fsync") ? -1 : after(file_system::fsync(fd)); }
    int fstat(int fd, struct stat* out) override { return fails("fstat") ? -1 : after(file_system::fstat(fd, out)); }
    int stat(const char* path, struct stat* out) override {
        return fails("stat") ? -1 : after(file_system::stat(path, out));
    }
    int fchmod(int fd, mode_t mode) override { return fails("fchmod") ? -1 : after(file_system::fchmod(fd, mode)); }
    int rename(const char* from, const char* to) override {
        return fails("rename") ? -1 : after(file_system::rename(from, to));
    }
    int unlink(const char* path) override { return fails("unlink") ? -1 : after(file_system::unlink(path)); }
    ssize_t readlink(const char* path, char* to, std::size_t bytes) override {
        return fails("readlink") ? -1 : after(file_system::readlink(path, to, bytes));
    }

private:
    bool fails(const std::string& call, bool retried = false) {
        if (++all_ == die_before) ::_exit(0);
        if (retried && interrupt && !std::exchange(interrupted_, true)) {
            errno = EINTR;
            return true;
        }
        interrupted_ = false;
        log.push_back(call);
        const int n = ++count[call];
        if (call != fail_call || fail_at == 0 || n < fail_at || (n > fail_at && !fail_forever)) return false;
        errno = fail_with;
        return true;
    }
    template <class Result>
    Result after(Result result) const {
        if (all_ == die_after) ::_exit(0);
        return result;
    }

    int all_ = 0;
    bool interrupted_ = false;
};

/// A new empty folder under the working directory, removed with all its files at the end.
/// By its whole path, as errors of saves in the background have it.
class folder {
public:
    folder() : path(tarc::detail::absolute_path("folder-XXXXXX")) {
        if (!::mkdtemp(path.data())) std::abort();
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() {
        for (const std::string& name : files()) ::unlink((path + "/" + name).c_str());
        ::rmdir(path.c_str());
    }

    [[nodiscard]] std::vector<std::string> files() const {
        std::vector<std::string> names;
        DIR* entries = ::opendir(path.c_str());
        while (const dirent* entry = ::readdir(entries)) {
            const std::string name = entry->d_name;
            if (name != "." && name != "..") names.push_back(name);
        }
        ::closedir(entries);
        std::sort(names.begin(), names.end());
        return names;
    }

    /// Its name in the working directory, for links that are relative.
    [[nodiscard]] std::string name() const { return path.substr(path.rfind('/') + 1); }

    std::string path;
};

inline std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_text(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

}  // namespace tarc_test
