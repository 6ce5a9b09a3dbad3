#include "support/fuzz.hpp"

#include <tarc/tarc.hpp>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

struct layer {
    tarc::tensor<float> weight;
    std::optional<tarc::tensor<float>> bias;
};
struct checkpoint {
    std::int64_t epoch = 0;
    std::vector<layer> layers;
    std::map<std::string, std::vector<tarc::any_tensor>> more;
    tarc::rest others;
};

}  // namespace

/// Any bytes are a safetensors or npz file, or a tarc::error; and what such a file holds is written as it was read.
TARC_FUZZ_BODY(flat_formats, input) {
    tarc::load_options options;
    options.limits.total_bytes = std::uint64_t{1} << 26;
    options.limits.nodes = 1u << 16;
    const tarc::archive file = tarc::open(input, {options.limits, nullptr});
    static_cast<void>(file.entries().size());
    file.verify();
    options.strict = false;
    checkpoint c;
    static_cast<void>(file.load_into(c, "cpu", options));
    if (file.format() != tarc::file_format::safetensors && file.format() != tarc::file_format::npz) return;
    const tarc::value all = file.value("cpu", options);
    tarc::save_options as;
    as.format = file.format();
    as.metadata = file.metadata();
    std::vector<std::byte> first, second;
    try {
        tarc::save(all, first, as);
    } catch (const tarc::error& e) {
        if (e.code() == tarc::errc::unsavable) return;  // an opaque object
        std::abort();
    }
    const tarc::archive written = tarc::open(first);
    tarc::save(written.value(), second, as);
    if (first != second || written.entries().size() != file.entries().size()) std::abort();
}
