#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cli {

/// Standard output, buffered, with an end: values that a file holds once can be printed a million times.
class output {
public:
    /// `most`: bytes after which to give up with errc::limit_exceeded.
    explicit output(std::uint64_t most = UINT64_MAX) : room_(most) {}
    output(const output&) = delete;
    output& operator=(const output&) = delete;

    /// Where text is put; call step() now and then.
    std::string text;

    void step() {
        if (text.size() >= std::size_t{1} << 16) flush();
    }
    /// Errors: errc::io.
    void flush();

private:
    std::uint64_t room_;
};

/// Whether standard output is one.
[[nodiscard]] bool is_terminal();

/// Whether standard output may have colours: a terminal, and no wish to the contrary (https://no-color.org).
[[nodiscard]] bool wants_color();

/// Appends text so that it stays in one line and cannot command a terminal: \n, \xNN, \u… for all that is not
/// printable, cut after `most` characters.
void append_plain(std::string& out, std::string_view text, std::size_t most = SIZE_MAX);

/// "812 B", "1.5 kB", "38.1 MB".
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// "1 tensor", "2 tensors".
[[nodiscard]] std::string count_text(std::uint64_t n, std::string_view noun);

}  // namespace cli
