#include "support/fuzz.hpp"

#include <tarc/tarc.hpp>

#include <cstdint>
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
    std::map<std::string, tarc::any_tensor> more;
    std::optional<double> loss;
    tarc::rest others;
};

}  // namespace

/// Any bytes are an archive or a tarc::error, for the dynamic tree, the listing, a struct, and a struct that exists.
TARC_FUZZ_BODY(load, input) {
    tarc::load_options options;
    options.limits.total_bytes = std::uint64_t{1} << 26;
    options.limits.nodes = 1u << 16;
    const tarc::archive file = tarc::open(input, {options.limits, nullptr});
    static_cast<void>(file.entries().size());
    options.strict = false;
    checkpoint c;
    static_cast<void>(file.load_into(c, "cpu", options));
    static_cast<void>(file.value(tarc::meta, options));
    static_cast<void>(file.value("cpu", options));
    file.verify();
}
