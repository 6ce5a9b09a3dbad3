#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tarc/archive/console_progress.hpp>
#include <tarc/io/source.hpp>

namespace cli {

/// The library's bar, moved by what is read: for work that goes through files in no order that is known before.
class reading_progress {
public:
    /// `total`: the bytes that will have been read at the end, about.
    reading_progress(std::string_view what, std::uint64_t total);
    reading_progress(const reading_progress&) = delete;
    reading_progress& operator=(const reading_progress&) = delete;
    ~reading_progress();

    void add(std::uint64_t bytes);

private:
    tarc::console_progress bar_;
    std::uint64_t total_, done_ = 0;
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
