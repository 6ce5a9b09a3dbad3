#pragma once

#include <concepts>
#include <cstddef>
#include <memory>  // std::shared_ptr
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/io/sink.hpp>
#include <tarc/io/source.hpp>

namespace tarc {

/// Where an archive is read from: a path (std::string or anything that converts to it, std::filesystem::path too), a
/// source, or bytes in memory. Bytes and a source that are passed by reference must outlive the call, and the archive
/// that open() makes of them; a vector that is moved in, or a shared_ptr, is kept.
class input {
public:
    template <class P>
        requires std::convertible_to<const P&, std::string>
    input(const P& path) : path_(path), is_path_(true) {}
    input(source& s) : source_(std::shared_ptr<source>(), &s) {}
    template <std::derived_from<source> S>
    input(std::shared_ptr<S> s) : source_(std::move(s)) {}
    input(std::span<const std::byte> bytes) : source_(std::make_shared<memory_source>(bytes)) {}
    input(std::vector<std::byte>&& bytes) : source_(std::make_shared<memory_source>(std::move(bytes))) {}
    template <class R>
        requires(std::convertible_to<const R&, std::span<const std::byte>> &&
                 !std::convertible_to<const R&, std::string>)
    input(const R& bytes) : input(std::span<const std::byte>(bytes)) {}

    /// Opens a path, through `files` if not null.
    [[nodiscard]] std::shared_ptr<source> open(file_system* files) const {
        return is_path_ ? std::make_shared<file_source>(path_, files != nullptr ? *files : posix_files()) : source_;
    }

private:
    std::string path_;
    std::shared_ptr<source> source_;
    bool is_path_ = false;
};

/// Where an archive is written to: a path, a sink, or a vector that takes the bytes.
class output {
public:
    template <class P>
        requires std::convertible_to<const P&, std::string>
    output(const P& path) : path_(path) {}
    output(sink& s) : sink_(&s) {}
    output(std::vector<std::byte>& bytes) : bytes_(&bytes) {}

    /// Calls `write(sink)`; a path is replaced only when it has succeeded.
    template <class Write>
    void run(durability d, file_system* files, Write&& write) const {
        if (sink_ != nullptr) return static_cast<void>(write(*sink_));
        if (bytes_ != nullptr) {
            memory_sink memory;
            write(static_cast<sink&>(memory));
            *bytes_ = std::move(memory).bytes();
            return;
        }
        file_sink file(path_, d, files != nullptr ? *files : posix_files());
        write(static_cast<sink&>(file));
        file.commit();
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
    sink* sink_ = nullptr;
    std::vector<std::byte>* bytes_ = nullptr;
};

}  // namespace tarc
