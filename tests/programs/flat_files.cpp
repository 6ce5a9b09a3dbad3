// For tests/format: the files of other programs through tarc, and structs.
//
//     flat_files copy IN OUT [KEY=VALUE...]   whatever IN holds, in the format that OUT's extension says, with metadata
//     flat_files write OUT                    a struct
//     flat_files read IN                      the same struct, compared field by field
//     flat_files metadata IN                  KEY=VALUE, a line each

#include <tarc/tarc.hpp>

#include <complex>
#include <cstddef>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct linear {
    tarc::tensor<float> weight, bias;
};
struct net {
    linear first;
    std::vector<linear> layers;
    tarc::buffer<std::int64_t, tarc::scalar> steps;
};
struct half_net {
    net model;
    tarc::tensor<tarc::bfloat16> half;
    tarc::tensor<tarc::float8_e4m3fn> eighth;
};
/// For npz; safetensors has no place for numbers.
struct checkpoint {
    net model;
    std::vector<tarc::tensor<double>> history;
    std::map<std::string, std::vector<linear>> more;
    std::int64_t epoch = 0;
    double loss = 0;
    std::complex<double> z;
    bool done = false;
    std::optional<std::map<std::string, std::int64_t>> counts;
};

linear make_linear(float from) {
    auto w = tarc::tensor<float>::empty({2, 2});
    for (float& x : w.span()) x = from++;
    return {w, tarc::tensor<float>::full({2}, from)};
}

net make_net() {
    net n;
    n.first = make_linear(1);
    n.layers = {make_linear(10), make_linear(20)};
    n.layers[1].weight = n.first.weight.transpose(0, 1);  // a view, tied
    n.steps = tarc::buffer<std::int64_t, tarc::scalar>::full({}, 9);
    return n;
}

half_net make_half() {
    return {make_net(), tarc::tensor<tarc::bfloat16>::full({4}, tarc::bfloat16(0.5f)),
            tarc::tensor<tarc::float8_e4m3fn>::full({3}, tarc::float8_e4m3fn(-1.5f))};
}

checkpoint make_checkpoint() {
    checkpoint c;
    c.model = make_net();
    c.history = {tarc::tensor<double>::full({1, 2}, 0.25), tarc::tensor<double>::zeros({0, 3})};
    c.more = {{"x", {make_linear(30)}}};
    c.epoch = 7;
    c.loss = 0.125;
    c.z = {1, -2};
    c.done = true;
    c.counts.emplace();
    c.counts->emplace("seen", 1'000'000'007);
    return c;
}

/// What a struct is, as the bytes of its archive, in which ties are none.
template <class T>
std::vector<std::byte> bytes_of(const T& object, std::string name) {
    std::vector<std::byte> bytes;
    tarc::save_options o;
    o.format = name.ends_with(".npz") ? tarc::file_format::npz : tarc::file_format::safetensors;
    tarc::save(object, bytes, o);
    return bytes;
}

template <class T>
int run(std::string_view verb, const std::string& path, const T& object) {
    if (verb == "write") {
        tarc::save(object, path);
        return 0;
    }
    if (bytes_of(tarc::load<T>(path), path) == bytes_of(object, path)) return 0;
    std::fputs("flat_files: what was loaded is not what it should be\n", stderr);
    return 1;
}

int copy(const char* from, const char* to, int pairs, char** pair) {
    std::vector<tarc::value::item> metadata;
    for (const std::string_view p : std::span(pair, static_cast<std::size_t>(pairs)))
        metadata.push_back({p.substr(0, p.find('=')), p.substr(p.find('=') + 1)});
    tarc::save_options o;
    if (!metadata.empty()) o.metadata = tarc::value::dict(metadata);
    tarc::save(tarc::load<tarc::value>(from), to, o);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view verb = argc > 2 ? argv[1] : "";
    const std::string path = argc > 2 ? argv[2] : "";
    try {
        if (verb == "copy" && argc > 3) return copy(argv[2], argv[3], argc - 4, argv + 4);
        if (verb == "metadata") {
            for (const auto& [key, val] : tarc::open(path).metadata().items())
                std::printf("%s=%s\n", std::string(key.as_string()).c_str(), std::string(val.as_string()).c_str());
            return 0;
        }
        if (verb == "write" || verb == "read")
            return path.ends_with(".npz") ? run(verb, path, make_checkpoint()) : run(verb, path, make_half());
    } catch (const tarc::error& e) {
        std::fprintf(stderr, "flat_files: %s\n", e.what());
        return 1;
    }
    return 2;
}
