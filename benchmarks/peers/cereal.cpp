#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <cereal/archives/binary.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>

#include "peer.hpp"

namespace bench {
namespace {

/// A tensor as a program without a library of tensors has it.
struct record {
    std::string name;
    std::int32_t type = 0;
    std::vector<std::int64_t> shape;
    std::vector<std::uint8_t> data;

    template <class Archive>
    void serialize(Archive& a) {
        a(name, type, shape, data);
    }
};

}  // namespace

peer cereal_peer() {
    struct state {
        std::vector<record> held = {}, loaded = {};
    };
    const auto s = std::make_shared<state>();
    peer p;
    p.hold = [s](const std::string& path) {
        for (const named_tensor& t : tensors_of(path)) {
            const auto* bytes = static_cast<const std::uint8_t*>(t.tensor.raw_data());
            const auto shape = t.tensor.shape();
            s->held.push_back({t.name,
                               static_cast<std::int32_t>(t.tensor.dtype()),
                               {shape.begin(), shape.end()},
                               {bytes, bytes + t.tensor.nbytes()}});
        }
    };
    p.operations["save"].run = [s](const std::string& path) {
        std::ofstream file(path, std::ios::binary);
        cereal::BinaryOutputArchive archive(file);
        archive(s->held);
    };
    operation& load = p.operations["load"];
    load.run = [s](const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        cereal::BinaryInputArchive archive(file);
        archive(s->loaded);
    };
    load.finish = [s] {
        std::uint64_t total = 0;
        for (const record& r : s->loaded) total += sum(r.data.data(), r.data.size());
        s->loaded = {};
        return total;
    };
    return p;
}

}  // namespace bench
