#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>  // rename
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <tarc/error.hpp>

namespace tarc {

/// The system calls of the library, each with the meaning, the result and the errno of its POSIX namesake. The base
/// class makes the real calls; tests derive from it to script, fail, delay or record them. An implementation must be
/// as thread-safe as the kernel is, and outlive every source and sink that uses it.
class file_system {
public:
    file_system() = default;
    file_system(const file_system&) = delete;
    file_system& operator=(const file_system&) = delete;
    virtual ~file_system() = default;

    virtual int open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
    virtual int close(int fd) { return ::close(fd); }
    virtual ssize_t pread(int fd, void* to, std::size_t bytes, off_t at) { return ::pread(fd, to, bytes, at); }
    virtual ssize_t write(int fd, const void* from, std::size_t bytes) { return ::write(fd, from, bytes); }
    virtual int fsync(int fd) { return ::fsync(fd); }
    virtual int fstat(int fd, struct stat* out) { return ::fstat(fd, out); }
    virtual int stat(const char* path, struct stat* out) { return ::stat(path, out); }
    virtual int fchmod(int fd, mode_t mode) { return ::fchmod(fd, mode); }
    virtual int rename(const char* from, const char* to) { return ::rename(from, to); }
    virtual int unlink(const char* path) { return ::unlink(path); }
    virtual ssize_t readlink(const char* path, char* to, std::size_t bytes) { return ::readlink(path, to, bytes); }
    virtual void* mmap(std::size_t bytes, int protection, int flags, int fd, off_t at) {
        return ::mmap(nullptr, bytes, protection, flags, fd, at);
    }
    virtual int munmap(void* at, std::size_t bytes) { return ::munmap(at, bytes); }
    /// A number that two calls hardly ever share; names of temporary files come from it.
    virtual std::uint64_t unique() {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return (static_cast<std::uint64_t>(now.tv_sec) << 30 ^ static_cast<std::uint64_t>(now.tv_nsec)) +
               (static_cast<std::uint64_t>(::getpid()) << 44);
    }
};

/// The real system calls. It has no state.
inline file_system& posix_files() noexcept {
    static file_system calls;
    return calls;
}

namespace detail {

static_assert(sizeof(off_t) == 8, "tarc: needs 64-bit file offsets");

/// errc::io with the call, the system's own words for `code`, the path, and what that means for the caller.
[[noreturn]] inline void raise_errno(int code, const char* call, std::string_view path, std::string_view advice = {}) {
    std::string text = std::string(call) + ": " + std::generic_category().message(code);
    if (!advice.empty()) text.append(" -- ").append(advice);
    throw std::move(error(errc::io, std::move(text)).in_archive(path));
}

/// A path, unless it holds a NUL, where the system would stop reading it. Errors: errc::io.
[[nodiscard]] inline std::string whole_path(const std::string& path) {
    for (const char c : path)
        if (c == '\0') throw std::move(error(errc::io, "a path cannot hold a NUL character").in_archive(path.c_str()));
    return path;
}

/// The path from the root on, for later, when the working directory may be another one. As it is where that is unknown.
[[nodiscard]] inline std::string absolute_path(std::string path) {
    if (path.empty() || path.front() == '/') return path;
    for (std::string folder(256, '\0');; folder.resize(2 * folder.size())) {
        if (::getcwd(folder.data(), folder.size()) != nullptr) {
            folder.resize(folder.find('\0'));
            return (folder.back() == '/' ? folder : folder + '/') + path;
        }
        if (errno != ERANGE) return path;
    }
}

/// A descriptor that is closed on every way out. close() is for those who must know whether that worked.
class descriptor {
public:
    descriptor() = default;
    descriptor(file_system& files, int fd) noexcept : files_(&files), fd_(fd) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { close(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    /// The call's own result. After a failed close the descriptor is gone all the same (Linux), so there is no retry.
    int close() noexcept {
        const int fd = std::exchange(fd_, -1);
        return fd < 0 ? 0 : files_->close(fd);
    }

private:
    file_system* files_ = nullptr;
    int fd_ = -1;
};

}  // namespace detail
}  // namespace tarc
