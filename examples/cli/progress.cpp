#include "progress.hpp"

#include <algorithm>

#include "interrupt.hpp"

namespace cli {
namespace {

reading_progress* standing = nullptr;

}  // namespace

reading_progress::reading_progress(std::string_view what, std::uint64_t total) : bar_(what), total_(total) {
    standing = this;
}

reading_progress::~reading_progress() { standing = nullptr; }

void reading_progress::add(std::uint64_t bytes) {
    done_ += std::min(bytes, total_ - done_);
    bar_({done_, total_, {}});
}

void watched_source::read(std::uint64_t offset, std::span<std::byte> out) {
    check_interrupt();
    file_.read(offset, out);
    if (standing != nullptr) standing->add(out.size());
}

}  // namespace cli
