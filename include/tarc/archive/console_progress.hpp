#pragma once

#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <cstdlib>  // std::getenv
#include <memory>   // std::shared_ptr
#include <string>
#include <string_view>

#include <tarc/progress.hpp>

namespace tarc {

/// A bar on standard error: `tarc::save(run, "run.pt", {.progress = tarc::console_progress("save")});`. On a terminal
/// only, from the moment that the work has taken half a second, with the rate and the time that is left; it is erased
/// when the work ends, well or not. A handle: copies are the same bar, of one piece of work. Used by one thread at a
/// time.
class console_progress {
public:
    /// `what` stands before the bar; of a long text the first 30 characters.
    explicit console_progress(std::string_view what) : bar_(std::make_shared<bar>(what)) {}

    void operator()(const progress& p) const { bar_->show(p); }

private:
    class bar {
    public:
        explicit bar(std::string_view what) : what_(what.substr(0, 30)) {
            for (char& c : what_)
                if (c < ' ' || c > '~') c = '?';  // nothing that commands the terminal
            const char* terminal = std::getenv("TERM");
            terminal_ = ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
            if (terminal_) start_ = now();
            next_ = start_ + 0.5;
        }
        bar(const bar&) = delete;
        bar& operator=(const bar&) = delete;
        ~bar() { erase(); }

        void show(const progress& p) {
            if (!terminal_) return;
            if (p.done == p.total && p.total != 0) return erase();
            const double time = now();
            if (time < next_) return;
            next_ = time + 0.1;
            draw(p, time - start_);
        }

    private:
        static double now() {
            timespec t{};
            ::clock_gettime(CLOCK_MONOTONIC, &t);
            return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
        }
        static std::size_t columns() {
            winsize size{};
            return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : 80;
        }
        static void put(std::string_view text) { static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size())); }
        /// "1.5 kB", "38.1 MB".
        static std::string size_text(double bytes) {
            const char* const units[] = {"B", "kB", "MB", "GB", "TB"};
            std::size_t unit = 0;
            for (; bytes >= 999.95 && unit < 4; bytes /= 1000) ++unit;
            const auto tenths = static_cast<std::uint64_t>(bytes * 10 + 0.5);
            return std::to_string(tenths / 10) + (unit == 0 ? "" : "." + std::to_string(tenths % 10)) + " " +
                   units[unit];
        }

        void draw(const progress& p, double seconds) {
            const double part = p.total == 0 ? 0 : static_cast<double>(p.done) / static_cast<double>(p.total);
            std::string tail = "] " + std::to_string(static_cast<int>(part * 100)) + "%, " +
                               size_text(static_cast<double>(p.done) / seconds) + "/s";
            if (part > 0.02) {
                const auto left = static_cast<std::uint64_t>(seconds / part - seconds + 0.5);
                tail += ", " + (left < 60 ? std::to_string(left) + " s" : std::to_string(left / 60) + " min") + " left";
            }
            const std::size_t room = columns() - 1, taken = what_.size() + 2 + tail.size();
            if (room < taken) return;
            drawn_ = true;
            const std::size_t width = std::min<std::size_t>(room - taken, 40);
            const auto full = static_cast<std::size_t>(static_cast<double>(width) * part);
            put("\r\033[K" + what_ + " [" + std::string(full, '=') + std::string(width - full, ' ') + tail);
        }
        void erase() {
            if (drawn_) put("\r\033[K");
            drawn_ = false;
        }

        std::string what_;
        double start_ = 0, next_ = 0;  // seconds
        bool terminal_ = false, drawn_ = false;
    };

    std::shared_ptr<bar> bar_;
};

}  // namespace tarc
