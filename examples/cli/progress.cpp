#include "progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>  // std::getenv
#include <string_view>
#include <utility>

#include "interrupt.hpp"
#include "output.hpp"

namespace cli {
namespace {

progress* standing = nullptr;

void write_to_terminal(std::string_view text) { static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size())); }

std::size_t columns() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
}

}  // namespace

progress::progress(std::string what, std::uint64_t total) : total_(total) {
    append_plain(what_, what, 30);
    const char* terminal = std::getenv("TERM");
    terminal_ = ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
    standing = this;
}

progress::~progress() {
    standing = nullptr;
    if (drawn_) write_to_terminal("\r\033[K");
}

void progress::add(std::uint64_t bytes) {
    done_ = std::min(total_, done_ + std::min(bytes, total_ - done_));
    if (!terminal_) return;
    if (const auto now = clock::now(); now >= next_) draw(now);
}

void progress::draw(clock::time_point now) {
    next_ = now + std::chrono::milliseconds(100);
    const double part = total_ == 0 ? 1 : static_cast<double>(done_) / static_cast<double>(total_);
    const double seconds = std::chrono::duration<double>(now - start_).count();
    std::string tail = "] " + std::to_string(static_cast<int>(part * 100)) + "%, " +
                       size_text(static_cast<std::uint64_t>(static_cast<double>(done_) / seconds)) + "/s";
    if (part > 0.02) {
        const auto left = static_cast<std::uint64_t>(seconds / part - seconds + 0.5);
        tail += ", " + (left < 60 ? std::to_string(left) + " s" : std::to_string(left / 60) + " min") + " left";
    }
    const std::size_t room = columns() - 1, taken = what_.size() + 2 + tail.size();
    if (room < taken) return;
    drawn_ = true;
    const std::size_t width = std::min<std::size_t>(room - taken, 40);
    const auto full = static_cast<std::size_t>(static_cast<double>(width) * part);
    write_to_terminal("\r\033[K" + what_ + " [" + std::string(full, '=') + std::string(width - full, ' ') + tail);
}

void watched_source::read(std::uint64_t offset, std::span<std::byte> out) {
    check_interrupt();
    file_.read(offset, out);
    if (standing != nullptr) standing->add(out.size());
}

}  // namespace cli
