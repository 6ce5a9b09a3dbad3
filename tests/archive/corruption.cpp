// A small archive, cut at every length and with every bit flipped: the same values or an error, and verify() finds all.
#include "archive/support.hpp"

using namespace tarc_test;
using tarc::tensor;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct checkpoint {
    std::int64_t epoch = 3;
    std::string name = "run";
    std::vector<double> losses{0.5, 0.25};
    linear model;
    tensor<bool> mask;
    tensor<tarc::bfloat16> half, none;
    tarc::value more;
};

checkpoint make() {
    checkpoint c;
    c.model = {tensor<float>::from({1, 2, 3, 4, 5, 6}, {2, 3}), tensor<float>::from({7, 8}, {2})};
    c.mask = tensor<bool>::from({true, false, true}, {3});
    c.half = tensor<tarc::bfloat16>::full({4}, tarc::bfloat16(1.5f));
    c.none = tensor<tarc::bfloat16>::empty({0});
    c.more = tarc::value::dict(items{{"tied", c.model.weight}, {"none", nullptr}, {"big", std::uint64_t{1} << 63}});
    return c;
}

/// As another tool might have written it: without the dot records and their checks.
bytes plain_zip(const bytes& file) {
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)));
    tarc::memory_sink out;
    tarc::zip_writer w(out, "run", 16);
    for (const tarc::record& r : zip.records())
        if (!r.name.starts_with(".")) w.add(r.name, zip.read(r));
    w.finish();
    return std::move(out).bytes();
}

struct files {
    std::string name;
    bytes file;
};
std::vector<files> all() {
    const bytes whole = saved(make(), {.metadata = tarc::value::dict(items{{"run", 1}})});
    return {{"with a manifest", whole},
            {"plain", saved(make(), {.manifest = false})},
            {"of another tool", plain_zip(whole)}};
}

/// "good" for the same values, "error", or "wrong".
const char* outcome(const bytes& file, const bytes& want) {
    try {
        return saved(tarc::load<checkpoint>(file)) == want ? "good" : "wrong";
    } catch (const tarc::error&) {
        return "error";
    }
}
bool verifies(const bytes& file) {
    try {
        tarc::open(file).verify();
        return true;
    } catch (const tarc::error&) {
        return false;
    }
}
/// The same without the struct: everything that a listing and a tree touch.
const char* outcome_of_value(const bytes& file, const bytes& want) {
    try {
        const tarc::archive ar = tarc::open(file);
        (void)ar.entries();
        (void)ar.metadata();
        return saved(ar.value(), {.manifest = false}) == want ? "good" : "wrong";
    } catch (const tarc::error&) {
        return "error";
    }
}

TEST_CASE("cut at every length") {
    const bytes want = saved(make());
    for (const auto& [name, file] : all()) {
        CAPTURE(name);
        REQUIRE(outcome(file, want) == std::string("good"));
        REQUIRE(verifies(file));
        for (std::size_t length = 0; length < file.size(); ++length) {
            const bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
            CAPTURE(length);
            REQUIRE(outcome(cut, want) == std::string("error"));
        }
        bytes longer = file;
        longer.push_back({});
        CHECK(outcome(longer, want) == std::string("error"));
    }
}

TEST_CASE("every bit flipped in turn") {
    const bytes want = saved(make());
    for (const auto& [name, file] : all()) {
        CAPTURE(name);
        const bytes want_value = saved(tarc::open(file).value(), {.manifest = false});
        std::size_t errors = 0;
        for (std::size_t at = 0; at < file.size(); ++at) {
            for (int bit = 0; bit < 9; ++bit) {
                bytes bad = file;
                bad[at] ^= bit == 8 ? std::byte{0xff} : std::byte{1} << bit;
                CAPTURE(at);
                CAPTURE(bit);
                CHECK_FALSE(verifies(bad));
                if (bit % 4 != 0) continue;
                const std::string got = outcome(bad, want);
                CHECK(got != "wrong");
                CHECK(outcome_of_value(bad, want_value) != std::string("wrong"));
                errors += got == "error";
            }
        }
        MESSAGE(name << ": " << file.size() << " bytes, a load refused " << errors << " of " << 3 * file.size()
                     << " flips");
    }
}

TEST_CASE("one part of a damaged file: the same or an error") {
    const bytes file = saved(make());
    for (std::size_t at = 0; at < file.size(); ++at) {
        bytes bad = file;
        bad[at] ^= std::byte{0x10};
        CAPTURE(at);
        try {
            const linear l = tarc::load<linear>(bad, {.at = {"model"}});
            CHECK(elements(l.weight) == std::vector<float>{1, 2, 3, 4, 5, 6});
            CHECK(elements(l.bias) == std::vector<float>{7, 8});
        } catch (const tarc::error&) {
        }
        try {
            const tarc::any_tensor bias =
                tarc::open(bad).tensor({"model", "bias"}, tarc::mapped);  // there is no file: a checked copy
            CHECK(elements(bias.as<float>()) == std::vector<float>{7, 8});
        } catch (const tarc::error&) {
        }
    }
}

TEST_CASE("bytes taken out, put in, and doubled") {
    const bytes want = saved(make());
    for (const auto& [name, file] : all()) {
        CAPTURE(name);
        for (std::size_t at = 0; at < file.size(); at += 3) {
            CAPTURE(at);
            bytes less = file, more = file;
            less.erase(less.begin() + static_cast<std::ptrdiff_t>(at));
            more.insert(more.begin() + static_cast<std::ptrdiff_t>(at), file[at]);
            CHECK(outcome(less, want) == std::string("error"));
            CHECK(outcome(more, want) == std::string("error"));
        }
    }
}

}  // namespace
