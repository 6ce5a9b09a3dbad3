#include "support/fuzz.hpp"

#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/pickle_writer.hpp>

#include <cstdlib>

/// Whatever a pickle reads as, what tarc writes of it must read back, and be written the same.
TARC_FUZZ_BODY(pickle, input) {
    tarc::detail::tree first;
    const auto written =
        tarc::detail::write_pickle(*tarc::detail::read_pickle(input, first, tarc::limits{}), tarc::limits{});
    tarc::detail::tree second;
    try {
        const tarc::detail::node* again = tarc::detail::read_pickle(written.bytes, second, tarc::limits{});
        if (tarc::detail::write_pickle(*again, tarc::limits{}).bytes != written.bytes) std::abort();
    } catch (const tarc::error& e) {
        if (e.code() != tarc::errc::limit_exceeded) std::abort();
    }
}
