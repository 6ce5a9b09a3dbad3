#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <tarc/io/source.hpp>

namespace cli {

/// A bar on standard error while much is being read: on a terminal only, from the moment that the work has taken half a
/// second, gone when it ends.
class progress {
public:
    /// `total`: the bytes that will have been read at the end, about.
    progress(std::string what, std::uint64_t total);
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;
    ~progress();

    void add(std::uint64_t bytes);

private:
    using clock = std::chrono::steady_clock;
    void draw(clock::time_point now);

    std::string what_;
    std::uint64_t total_, done_ = 0;
    clock::time_point start_ = clock::now(), next_ = start_ + std::chrono::milliseconds(500);
    bool terminal_, drawn_ = false;
};

/// A file whose reads move the bar that stands, and end with `interrupted` where somebody wants that.
class watched_source final : public tarc::source {
public:
    explicit watched_source(const std::string& path) : file_(path) {}

    [[nodiscard]] std::uint64_t size() const override { return file_.size(); }
    void read(std::uint64_t offset, std::span<std::byte> out) override;
    [[nodiscard]] const std::string& name() const override { return file_.name(); }
    void check_unchanged() override { file_.check_unchanged(); }

private:
    tarc::file_source file_;
};

}  // namespace cli
