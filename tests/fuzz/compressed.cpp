#include "support/fuzz.hpp"

#include <tarc/codec/zstd.hpp>
#include <tarc/tarc.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace {

struct checkpoint {
    std::int64_t epoch = 0;
    std::map<std::string, tarc::any_tensor> tensors;
};

}  // namespace

/// Any bytes are an archive or a tarc::error where records are compressed too, whatever their tables of frames say;
/// without checksums, so that a changed byte reaches the decoder.
TARC_FUZZ_BODY(compressed, input) {
    tarc::load_options options;
    options.limits.total_bytes = std::uint64_t{1} << 26;
    options.limits.nodes = 1u << 16;
    options.strict = false;
    options.verify = false;
    const tarc::archive file = tarc::open(input, {options.limits, nullptr});
    checkpoint c;
    try {
        static_cast<void>(file.load_into(c, "cpu", options));
    } catch (const tarc::error&) {  // what follows reads in other ways
    }
    options.threads = 1;
    static_cast<void>(file.value("cpu", options));
    file.verify();
}
