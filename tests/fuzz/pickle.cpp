#include "support/fuzz.hpp"

#include <tarc/container/pickle_extent.hpp>
#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/pickle_writer.hpp>
#include <tarc/io/source_window.hpp>

#include <cstdlib>

/// Whatever a pickle reads as, its end is found without reading it, and what tarc writes of it must read back, and be
/// written the same.
TARC_FUZZ_BODY(pickle, input) {
    tarc::detail::tree first;
    const tarc::detail::node* root = tarc::detail::read_pickle(input, first, tarc::limits{});
    tarc::memory_source bytes(input);
    tarc::detail::source_window window(bytes, 0, input.size());
    if (tarc::detail::skip_pickle(window, tarc::limits{}) != input.size()) std::abort();
    const auto written = tarc::detail::write_pickle(*root, tarc::limits{});
    tarc::detail::tree second;
    try {
        const tarc::detail::node* again = tarc::detail::read_pickle(written.bytes, second, tarc::limits{});
        if (tarc::detail::write_pickle(*again, tarc::limits{}).bytes != written.bytes) std::abort();
    } catch (const tarc::error& e) {
        if (e.code() != tarc::errc::limit_exceeded) std::abort();
    }
}
