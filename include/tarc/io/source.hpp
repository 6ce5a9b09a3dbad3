#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/io/file.hpp>

namespace tarc {

/// Where an archive is read from: bytes of a known size, read at any offset. Implementations are thread-safe: any
/// number of threads may call any member at once.
class source {
public:
    source() = default;
    source(const source&) = delete;
    source& operator=(const source&) = delete;
    virtual ~source() = default;

    [[nodiscard]] virtual std::uint64_t size() const = 0;
    /// Fills all of `out` with the bytes from `offset` on. Errors: errc::truncated when there are not as many;
    /// errc::io when the system says no. What `out` holds then is unspecified.
    virtual void read(std::uint64_t offset, std::span<std::byte> out) = 0;
    /// What errors call this source.
    [[nodiscard]] virtual const std::string& name() const = 0;
    /// Throws errc::io when the bytes are known to have changed since the source was made. A load asks before it
    /// commits.
    virtual void check_unchanged() {}
    /// A private, writable view (copy on write) of a range, alive as long as the pointer is; null when this source
    /// cannot be mapped. A file that shrinks under its mapping kills the process that touches it.
    virtual std::shared_ptr<std::byte> map(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) { return nullptr; }

protected:
    /// Shared by implementations: throws errc::truncated unless the range lies inside the source.
    void require_range(std::uint64_t offset, std::uint64_t bytes) const {
        if (offset <= size() && bytes <= size() - offset) return;
        error e(errc::truncated, "bytes " + std::to_string(offset) + " to " + std::to_string(offset) + " + " +
                                     std::to_string(bytes) + " are wanted, but there are only " +
                                     std::to_string(size()));
        throw std::move(e.in_archive(name()));
    }
};

/// Bytes in memory, borrowed (the caller keeps them alive and unchanged) or owned.
class memory_source final : public source {
public:
    explicit memory_source(std::span<const std::byte> borrowed, std::string name = "<memory>")
        : bytes_(borrowed), name_(std::move(name)) {}
    explicit memory_source(std::vector<std::byte> owned, std::string name = "<memory>")
        : owned_(std::move(owned)), bytes_(owned_), name_(std::move(name)) {}

    [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
    void read(std::uint64_t offset, std::span<std::byte> out) override {
        require_range(offset, out.size());
        if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    }
    [[nodiscard]] const std::string& name() const override { return name_; }

private:
    std::vector<std::byte> owned_;
    std::span<const std::byte> bytes_;
    std::string name_;
};

/// A regular file. It is opened once and everything happens on that descriptor, so a file that another one replaces
/// meanwhile is still read as it was.
class file_source final : public source {
public:
    /// Errors: errc::io, also for what is no regular file (a folder, a pipe, a device).
    explicit file_source(const std::string& path, file_system& files = posix_files())
        : files_(files), path_(detail::whole_path(path)), file_(files, open()) {
        struct stat status{};
        if (files_.fstat(file_.get(), &status) != 0) detail::raise_errno(errno, "fstat", path_);
        if (!S_ISREG(status.st_mode)) {
            const bool folder = S_ISDIR(status.st_mode);
            const char* kind = folder ? "a folder" : S_ISFIFO(status.st_mode) ? "a pipe" : "a device or a socket";
            error e(errc::io, std::string("this is ") + kind + ", not a regular file" +
                                  (folder ? "" : " -- copy its bytes into one, or into a tarc::memory_source"));
            throw std::move(e.in_archive(path_));
        }
        size_ = static_cast<std::uint64_t>(status.st_size);
        opened_ = status;
    }

    [[nodiscard]] std::uint64_t size() const override { return size_; }

    void read(std::uint64_t offset, std::span<std::byte> out) override {
        require_range(offset, out.size());
        while (!out.empty()) {
            const ssize_t got = files_.pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
            if (got < 0) {
                if (errno == EINTR) continue;
                detail::raise_errno(errno, "pread", path_);
            }
            if (got == 0) {
                error e(errc::truncated, "the file ends here now, but had " + std::to_string(size_) +
                                             " bytes when it was opened: another program cut it short meanwhile");
                throw std::move(e.in_archive(path_).at_offset(offset));
            }
            offset += static_cast<std::uint64_t>(got);
            out = out.subspan(static_cast<std::size_t>(got));
        }
    }

    [[nodiscard]] const std::string& name() const override { return path_; }

    /// By size and time of modification. Errors: errc::io.
    void check_unchanged() override {
        struct stat status{};
        if (files_.fstat(file_.get(), &status) != 0) detail::raise_errno(errno, "fstat", path_);
        if (status.st_size == opened_.st_size && same_time(status.st_mtim, opened_.st_mtim)) return;
        error e(errc::io, "another program wrote to the file while it was read -- read it again");
        throw std::move(e.in_archive(path_));
    }

    /// Whether the path still leads to this file, as it was when it was opened.
    [[nodiscard]] bool is_at_its_path() const {
        struct stat status{};
        return files_.stat(path_.c_str(), &status) == 0 && status.st_dev == opened_.st_dev &&
               status.st_ino == opened_.st_ino && status.st_size == opened_.st_size &&
               same_time(status.st_mtim, opened_.st_mtim) && same_time(status.st_ctim, opened_.st_ctim);
    }

    std::shared_ptr<std::byte> map(std::uint64_t offset, std::uint64_t bytes) override {
        require_range(offset, bytes);
        if (bytes == 0) return nullptr;
        const std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
        const std::uint64_t start = offset / page * page;
        const std::size_t length = bytes + (offset - start);
        void* at = files_.mmap(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file_.get(),
                               static_cast<off_t>(start));
        if (at == MAP_FAILED) detail::raise_errno(errno, "mmap", path_, "load it without mapping");
        file_system& files = files_;
        return {static_cast<std::byte*>(at) + (offset - start),
                [&files, at, length](std::byte*) { files.munmap(at, length); }};
    }

private:
    static bool same_time(const timespec& a, const timespec& b) {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    }
    int open() {
        // O_NONBLOCK: without it, opening a pipe waits for a writer that may never come. Regular files ignore it.
        constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
        int fd = 0;
        do fd = files_.open(path_.c_str(), flags, 0);
        while (fd < 0 && errno == EINTR);
        if (fd < 0) detail::raise_errno(errno, "open", path_);
        return fd;
    }

    file_system& files_;
    std::string path_;
    detail::descriptor file_;
    std::uint64_t size_ = 0;
    struct stat opened_{};
};

}  // namespace tarc
