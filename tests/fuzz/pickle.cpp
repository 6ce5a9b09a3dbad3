#include "support/fuzz.hpp"

#include <tarc/container/pickle_extent.hpp>
#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/pickle_writer.hpp>
#include <tarc/io/source_window.hpp>

#include <algorithm>  // std::ranges::equal
#include <cstdlib>
#include <string>

namespace {

/// What tarc writes of a pickle, or the error with its place.
std::string outcome(std::span<const std::byte> input, bool phrases) {
    try {
        tarc::detail::tree values;
        tarc::detail::pickle_site site;
        site.phrases = phrases;
        const auto made = write_pickle(*read_pickle(input, values, tarc::limits{}, site), tarc::limits{});
        return {reinterpret_cast<const char*>(made.bytes.data()), made.bytes.size()};
    } catch (const tarc::error& e) {
        return std::string(e.what()) + std::to_string(e.offset().value_or(0));
    }
}

}  // namespace

/// Tensors that are read at once are those that the machine makes, step by step. Whatever a pickle reads as, its end is
/// found without reading it, and what tarc writes of it must read back, and be written the same.
TARC_FUZZ_BODY(pickle, input) {
    if (outcome(input, true) != outcome(input, false)) std::abort();
    tarc::detail::tree first;
    const tarc::detail::node* root = tarc::detail::read_pickle(input, first, tarc::limits{});
    tarc::memory_source whole(input);
    tarc::detail::source_window window(whole, 0, input.size());
    if (tarc::detail::skip_pickle(window, tarc::limits{}) != input.size()) std::abort();
    const auto written = tarc::detail::write_pickle(*root, tarc::limits{});
    const std::span<const std::byte> bytes(written.bytes.data(), written.bytes.size());
    tarc::detail::tree second;
    try {
        const tarc::detail::node* again = tarc::detail::read_pickle(bytes, second, tarc::limits{});
        const auto same = tarc::detail::write_pickle(*again, tarc::limits{});
        if (!std::ranges::equal(std::span(same.bytes.data(), same.bytes.size()), bytes)) std::abort();
    } catch (const tarc::error& e) {
        if (e.code() != tarc::errc::limit_exceeded) std::abort();
    }
}
