#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/error.hpp>
#include <tarc/io/file.hpp>
#include <tarc/util/function_ref.hpp>

namespace tarc {

/// Where an archive is written to: bytes in order, never sought. Used by one thread at a time.
class sink {
public:
    sink() = default;
    sink(const sink&) = delete;
    sink& operator=(const sink&) = delete;
    virtual ~sink() = default;

    /// Takes all of `bytes` or throws; after an exception the sink is of no further use.
    virtual void write(std::span<const std::byte> bytes) = 0;
};

/// Collects what is written.
class memory_sink final : public sink {
public:
    void write(std::span<const std::byte> bytes) override {
        bytes_.insert(bytes_.end(), bytes.data(), bytes.data() + bytes.size());
    }

    [[nodiscard]] const std::vector<std::byte>& bytes() const& noexcept { return bytes_; }
    [[nodiscard]] std::vector<std::byte> bytes() && noexcept { return std::move(bytes_); }

private:
    std::vector<std::byte> bytes_;
};

/// What commit() promises for the moment at which it returns.
enum class durability : std::uint8_t {
    durable,  ///< the new file survives a loss of power
    atomic,   ///< the path holds the old file or the new one, whole; a loss of power may still bring the old one back
};

/// A file that appears at its path in one step, or not at all. Until commit() the bytes go to a temporary file
/// `.tarc-*` beside the target; any failure, and a destruction without commit(), removes it and leaves the target as it
/// was. A symbolic link is followed: the file that it names is the target.
///
/// An error of commit() means that the target is the old file, with one exception, which the message names: when the
/// folder cannot be synced after the rename, the new file is in place but may not survive a loss of power.
class file_sink final : public sink {
public:
    /// Errors: errc::io, also when there is something at `path` that is no regular file.
    explicit file_sink(const std::string& path, durability d = durability::durable, file_system& files = posix_files())
        : files_(files),
          path_(detail::whole_path(path)),
          durability_(d),
          target_(resolve()),
          folder_(folder_of(target_)) {
        if (target_.empty() || target_.ends_with('/')) {
            throw std::move(error(errc::io, "this names no file").in_archive(path_));
        }
        old_mode_ = mode_of_target();
        // Permissions come last, so that nobody can read meanwhile what the old file kept from them. A new file gets
        // what the kernel makes of 0666 under the caller's umask.
        const mode_t mode = old_mode_ ? 0600 : 0666;
        std::uint64_t number = files_.unique();
        for (int tries = 0;; ++number, ++tries) {
            temporary_ = folder_ + "/.tarc-" + hex(number);
            int fd = 0;
            do fd = files_.open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
            while (fd < 0 && errno == EINTR);
            if (fd >= 0) {
                file_.emplace(files_, fd);
                break;
            }
            if (errno != EEXIST || tries == 100) {
                detail::raise_errno(errno, "open", path_, "a temporary file beside the target cannot be created");
            }
        }
        try {
            buffer_.reserve(buffer_bytes);
        } catch (...) {
            discard();
            throw;
        }
    }

    ~file_sink() override { discard(); }

    void write(std::span<const std::byte> bytes) override {
        require_open();
        guarded([&] {
            if (bytes.size() < buffer_bytes - buffer_.size()) {
                buffer_.insert(buffer_.end(), bytes.data(), bytes.data() + bytes.size());
                return;
            }
            flush();
            if (bytes.size() < buffer_bytes) {
                buffer_.assign(bytes.data(), bytes.data() + bytes.size());
            } else {
                write_through(bytes);
            }
        });
    }

    /// Puts the file in its place. Once only. Returns after the last call that the durability asks for has succeeded.
    void commit() {
        commit([] {});
    }
    /// The same; `before_rename` is called when nothing but the rename is left to do, and may still throw.
    void commit(detail::function_ref<void()> before_rename) {
        require_open();
        guarded([&] {
            flush();
            // A failed fsync is final: the kernel has marked the pages clean, and a second call would say that all is
            // well without having written them (Rebello et al., USENIX ATC 2020).
            if (durability_ == durability::durable && files_.fsync(file_->get()) != 0) fail("fsync");
            if (const auto mode = mode_of_target()) old_mode_ = mode;
            if (old_mode_ && files_.fchmod(file_->get(), *old_mode_) != 0) fail("fchmod");
            if (file_->close() != 0) fail("close");  // network file systems report failed writes here
            if (durability_ == durability::atomic) {
                before_rename();
                rename();
            } else {
                rename_and_sync(before_rename);
            }
        });
        file_.reset();
    }

private:
    static constexpr std::size_t buffer_bytes = std::size_t{1} << 18;
    static constexpr const char* untouched = "nothing was saved, the target is as it was";

    [[noreturn]] void fail(const char* call, std::string_view advice = untouched) const {
        detail::raise_errno(errno, call, path_, advice);
    }

    void require_open() const {
        if (file_ && !failed_) return;
        error e(errc::invalid_argument, failed_ ? "this save has failed already" : "this save is committed already");
        throw std::move(e.in_archive(path_));
    }

    template <class F>
    void guarded(F&& step) {
        try {
            step();
        } catch (...) {
            failed_ = true;
            discard();
            throw;
        }
    }

    void flush() {
        write_through(buffer_);
        buffer_.clear();
    }

    void write_through(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t taken = files_.write(file_->get(), bytes.data(), bytes.size());
            if (taken < 0 && errno == EINTR) continue;
            if (taken == 0) errno = EIO;  // no progress and no reason: an endless loop otherwise
            if (taken <= 0) fail("write");
            bytes = bytes.subspan(static_cast<std::size_t>(taken));
        }
    }

    void rename() {
        if (files_.rename(temporary_.c_str(), target_.c_str()) != 0) fail("rename");
        temporary_.clear();
    }

    void rename_and_sync(detail::function_ref<void()> before_rename) {
        // Opened before the rename: a folder that cannot be opened cannot be synced, and that is better known now.
        int fd = 0;
        do fd = files_.open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        while (fd < 0 && errno == EINTR);
        if (fd < 0) {
            fail("open", "the folder cannot be synced, so nothing was saved; durability::atomic does without");
        }
        detail::descriptor folder(files_, fd);
        before_rename();
        rename();
        constexpr const char* replaced =
            "the new file is in place, but its folder was not synced: a loss of power may bring the old one back";
        if (files_.fsync(fd) != 0) fail("fsync", replaced);
        if (folder.close() != 0) fail("close", replaced);
    }

    /// Never throws and never reports: it runs while something worse is already being reported.
    void discard() noexcept {
        if (file_) file_->close();
        if (!temporary_.empty()) files_.unlink(temporary_.c_str());
        temporary_.clear();
    }

    [[nodiscard]] std::optional<mode_t> mode_of_target() const {
        struct stat status{};
        if (files_.stat(target_.c_str(), &status) != 0) {
            if (errno == ENOENT) return std::nullopt;
            fail("stat");
        }
        if (!S_ISREG(status.st_mode)) {
            error e(errc::io, "the target is no regular file and is not replaced -- write to it through a tarc::sink");
            throw std::move(e.in_archive(path_));
        }
        return static_cast<mode_t>(status.st_mode & 07777);
    }

    /// The path with the symbolic links of its last step followed; the kernel follows those of the folders.
    [[nodiscard]] std::string resolve() const {
        std::string path = path_;
        std::array<char, 4096> link;
        for (int links = 0; links < 40; ++links) {
            const ssize_t length = files_.readlink(path.c_str(), link.data(), link.size());
            if (length < 0 && errno != EINVAL && errno != ENOENT) detail::raise_errno(errno, "readlink", path_);
            if (length < 0) return path;
            if (static_cast<std::size_t>(length) == link.size()) {
                detail::raise_errno(ENAMETOOLONG, "readlink", path_);
            }
            const std::string_view to(link.data(), static_cast<std::size_t>(length));
            path = to.starts_with('/') ? std::string(to) : folder_of(path) + "/" + std::string(to);
        }
        detail::raise_errno(ELOOP, "readlink", path_);
    }

    [[nodiscard]] static std::string folder_of(const std::string& path) {
        const std::size_t slash = path.rfind('/');
        if (slash == std::string::npos) return ".";
        return slash == 0 ? "/" : path.substr(0, slash);
    }

    [[nodiscard]] static std::string hex(std::uint64_t number) {
        std::string text(16, '0');
        for (std::size_t i = 16; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
        return text;
    }

    file_system& files_;
    std::string path_;
    durability durability_;
    std::string target_, folder_, temporary_;
    std::optional<mode_t> old_mode_;
    std::optional<detail::descriptor> file_;
    std::vector<std::byte> buffer_;
    bool failed_ = false;
};

}  // namespace tarc
