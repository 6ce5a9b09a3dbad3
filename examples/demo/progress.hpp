#pragma once

#include <cstddef>
#include <iostream>
#include <string>
#include <utility>  // std::move

#include <unistd.h>  // isatty

namespace demo {

/// A bar that redraws its line on a terminal; elsewhere (a file, a pipe) one plain line when the work is done.
class progress_bar {
public:
    explicit progress_bar(std::string label) : label_(std::move(label)), terminal_(isatty(STDOUT_FILENO) == 1) {}

    void show(std::size_t done, std::size_t of, const std::string& note) const {
        if (!terminal_) return;
        constexpr std::size_t width = 30;
        const std::size_t full = of == 0 ? width : width * done / of;
        std::cout << "\r  " << label_ << " [" << std::string(full, '#') << std::string(width - full, '.') << "] "
                  << done << "/" << of << "  " << note << erase_rest << std::flush;
    }
    void finish(const std::string& note) const {
        if (terminal_) std::cout << "\r" << erase_rest;
        std::cout << "  " << label_ << "  " << note << std::endl;
    }

private:
    static constexpr const char* erase_rest = "\x1b[K";

    std::string label_;
    bool terminal_;
};

}  // namespace demo
