// An npz file through the calls of any archive, and files made to hurt.
#include <complex>
#include <map>
#include <optional>
#include <random>

#include "archive/support.hpp"
#include "support/largest_allocation.hpp"

using namespace tarc_test;
using tarc::tensor;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct net {
    linear fc1;
    std::vector<linear> layers;
};
struct checkpoint {
    std::int64_t epoch = 0;
    double loss = 0;
    bool done = false;
    std::complex<float> z;
    net model;
    std::vector<tensor<std::int32_t>> history;
    std::map<std::string, std::int64_t> counts;
    std::map<std::int64_t, linear> state;
    std::map<int, double> numbers;
    std::optional<std::vector<double>> more;
};

checkpoint make() {
    checkpoint c;
    c.epoch = -3;
    c.loss = 0.125;
    c.done = true;
    c.z = {1, -2};
    c.model.fc1 = {tensor<float>::from({1, 2, 3, 4, 5, 6}, {2, 3}), tensor<float>::from({7, 8}, {2})};
    c.model.layers = {{c.model.fc1.weight.transpose(0, 1), c.model.fc1.bias}};
    c.history = {tensor<std::int32_t>::from({1, 2}, {2}), tensor<std::int32_t>::zeros({0, 4})};
    c.counts = {{"a.b", 1}, {"c", 2}};
    c.state = {{-1, c.model.fc1}, {7, c.model.fc1}};
    c.numbers = {{3, 0.5}};
    return c;
}

const tarc::save_options as_npz{.format = tarc::file_format::npz};

void use(std::span<const std::byte> file) {
    const tarc::archive ar = tarc::open(file);
    static_cast<void>(ar.entries().size());
    static_cast<void>(ar.value());
    checkpoint c = make();
    tarc::load_into(c, file, {.strict = false});
    ar.verify();
}

/// A member with this dict in its header.
bytes npz_of(const std::string& header, std::size_t payload) {
    tarc::memory_sink out;
    tarc::zip_writer zip(out, tarc::zip_root::none);
    std::string text("\x93NUMPY\1\0", 8);
    text += static_cast<char>(header.size() & 255);
    text += static_cast<char>(header.size() >> 8);
    text += header + std::string(payload, '\0');
    zip.add("a.npy", std::as_bytes(std::span(text.data(), text.size())));
    zip.finish();
    return std::move(out).bytes();
}

}  // namespace

TEST_CASE("an npz file is loaded by every call that loads an archive, and a struct finds its parts by their dots") {
    const bytes file = saved(make(), as_npz);
    const tarc::archive ar = tarc::open(file);
    CHECK(ar.format() == tarc::file_format::npz);
    CHECK(ar.metadata().is_none());
    std::string names;
    for (const tarc::entry& e : ar.entries()) names += e.path_text() + " ";
    CHECK(names ==
          "epoch loss done z model.fc1.weight model.fc1.bias model.layers.0.weight model.layers.0.bias history.0 "
          "history.1 counts.a.b counts.c state.-1.weight state.-1.bias state.7.weight state.7.bias numbers.3 ");
    CHECK(saved(ar.load<checkpoint>(), as_npz) == file);
    const auto c = ar.load<checkpoint>();
    CHECK(c.epoch == -3);
    CHECK(c.z == std::complex<float>(1, -2));
    CHECK(c.counts == std::map<std::string, std::int64_t>{{"a.b", 1}, {"c", 2}});
    CHECK_FALSE(c.more.has_value());
    // an array in Fortran's order keeps its strides
    CHECK(c.model.layers[0].weight.strides()[0] == 1);
    CHECK(elements(c.model.layers[0].weight) == std::vector<float>{1, 4, 2, 5, 3, 6});
    CHECK(ar.load<net>({.strict = false, .strip_prefix = "model."}).fc1.bias(1) == 8);
    CHECK(ar.value()["loss"].as_tensor().as<double>()() == 0.125);
    ar.verify();

    checkpoint target = make();
    const tensor<float> handle = target.model.fc1.weight;
    for (float& x : handle.span()) x = 0;
    CHECK(ar.load_into(target, {.in_place = true}).clean());
    CHECK(elements(handle) == std::vector<float>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("parts that a flat file names otherwise are missing, unexpected or different, never dropped") {
    const auto report = [](const tarc::value& v) {
        return report_of([&] { static_cast<void>(tarc::load<checkpoint>(saved(v, as_npz))); });
    };
    const tensor<std::int32_t> t = tensor<std::int32_t>::zeros({1});
    std::vector<tarc::value::item> all;
    for (const auto& [key, value] : tarc::load<tarc::value>(saved(make(), as_npz)).items()) all.push_back({key, value});
    const auto with = [&](std::string_view name, const tarc::value& v) {
        auto changed = all;
        changed.push_back({name, v});
        return tarc::value::dict(changed);
    };
    CHECK_NOTHROW(static_cast<void>(tarc::load<checkpoint>(saved(tarc::value::dict(all), as_npz))));
    CHECK(report(with("history.3", t)).mismatched.size() == 1);  // a gap in a list
    CHECK(report(with("history.x", t)).mismatched.size() == 1);
    CHECK(report(with("history.0.x", t)).mismatched.size() == 1);
    CHECK_FALSE(report(with("numbers.03", 1.0)).mismatched.empty());
    CHECK(report(with("epoch.x", t)).unexpected_keys == std::vector<std::string>{"epoch.x"});
    CHECK(report(with("model.fc1.scale", t)).unexpected_keys == std::vector<std::string>{"model/fc1.scale"});
    CHECK(report(with("modeling", t)).unexpected_keys == std::vector<std::string>{"modeling"});
    CHECK_NOTHROW(static_cast<void>(tarc::load<checkpoint>(saved(with("more.0", 0.5), as_npz))));
    CHECK(report(tarc::value::dict({})).missing_keys.size() == 10);
}

TEST_CASE("what an npz file cannot hold") {
    const auto refused = [](const tarc::value& v, tarc::save_options o = {}) {
        o.format = tarc::file_format::npz;
        return error_of([&] { static_cast<void>(saved(v, o)); });
    };
    CHECK(refused(tarc::value::dict({{"a", tensor<tarc::bfloat16>::zeros({2})}})).field() == "a");
    CHECK(refused(tarc::value::dict({{"a", "text"}})).field() == "a");
    CHECK(refused(tarc::value::dict({{"a", tarc::value::list({nullptr})}})).field() == "a/0");
    CHECK(refused(tarc::value::dict({{"a", tarc::value::set({1})}})).code() == tarc::errc::unsavable);
    CHECK(refused(tarc::value::dict({{"a\\b", 1}})).code() == tarc::errc::unsavable);
    CHECK(refused(tarc::value::dict({{"/a", 1}})).code() == tarc::errc::unsavable);
    CHECK(refused(tarc::value::dict({}), {.metadata = tarc::value::dict({})}).code() == tarc::errc::invalid_argument);
}

TEST_CASE("a file cut anywhere is refused") {
    const bytes file = saved(make(), as_npz);
    use(file);
    for (std::size_t n = 0; n < file.size(); n += 3) {
        CAPTURE(n);
        const bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
        CHECK_THROWS_AS(use(cut), tarc::error);
    }
}

TEST_CASE("random changes give values or errors, and nothing out of proportion is asked for") {
    const bytes file = saved(make(), as_npz);
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)), {},
                               tarc::zip_root::none);
    std::mt19937 random(5);
    const std::string_view digits = "0123456789,:{}[]()'<>";
    std::size_t opened = 0;
    for (int i = 0; i < 20'000; ++i) {
        bytes changed = file;
        const std::uint64_t header = zip.payload_offset(zip.records()[random() % zip.records().size()]);
        for (std::size_t k = 0, n = 1 + random() % 3; k < n; ++k) {
            std::byte& b = changed[random() % 3 != 0 ? header + random() % 128 : random() % changed.size()];
            b = random() % 2 == 0 ? static_cast<std::byte>(digits[random() % digits.size()])
                                  : b ^ static_cast<std::byte>(1u << random() % 8);
        }
        std::size_t most = 0;
        try {
            most = largest_allocation([&] {
                try {
                    const tarc::archive ar = tarc::open(changed);
                    ++opened;
                    use(changed);
                } catch (const tarc::error&) {
                }
            });
        } catch (const std::exception& e) {
            FAIL(e.what());
        }
        REQUIRE(most < (std::size_t{1} << 21));
    }
    CHECK(opened > 1000);
}

TEST_CASE("what headers claim is not allocated") {
    const auto largest = [](const std::string& header, tarc::errc code) {
        const bytes file = npz_of(header, 4);
        return largest_allocation([&] {
            const auto e = error_of([&] { static_cast<void>(tarc::open(file)); });
            CHECK(e.code() == code);
            CHECK(e.record() == "a.npy");
        });
    };
    const auto header = [](const std::string& shape) {
        return "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }\n";
    };
    CHECK(largest(header("1099511627776,"), tarc::errc::bad_tensor) < (1u << 17));
    CHECK(largest(header("4611686018427387904, 4"), tarc::errc::bad_tensor) < (1u << 17));
    CHECK(largest(header("9223372036854775807, 9223372036854775807, 0"), tarc::errc::bad_tensor) < (1u << 17));
    CHECK(largest(header("9223372036854775808,"), tarc::errc::bad_archive) < (1u << 17));
    std::string ones = "1";
    for (int i = 0; i < 100; ++i) ones += ", 1";
    CHECK(largest(header(ones), tarc::errc::limit_exceeded) < (1u << 17));
}

TEST_CASE("the front of a DEFLATE stream is what libdeflate inflates, and a damaged one is no more than refused") {
    std::mt19937 random(11);
    std::vector<std::byte> text(5000);
    for (int kind = 0; kind < 40; ++kind) {
        const unsigned symbols = 1u << kind % 9;
        for (std::size_t i = 0; i < text.size(); ++i)
            text[i] = random() % 4 == 0 || i < 300 ? static_cast<std::byte>(random() % symbols)
                                                   : text[i - 1 - random() % 300];
        for (int level : {0, 1, 6, 12}) {
            auto* const c = libdeflate_alloc_compressor(level);
            std::vector<std::byte> packed(text.size() + 1000);
            packed.resize(libdeflate_deflate_compress(c, text.data(), text.size(), packed.data(), packed.size()));
            libdeflate_free_compressor(c);
            for (std::size_t wanted :
                 {std::size_t{0}, std::size_t{1}, std::size_t{128}, 1 + random() % 4999, text.size()}) {
                const auto front = tarc::detail::front_inflater::run(packed, wanted);
                REQUIRE(front);
                CHECK(*front == bytes(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(wanted)));
            }
            CHECK_FALSE(tarc::detail::front_inflater::run(packed, text.size() + 1));
            CHECK_FALSE(tarc::detail::front_inflater::run(std::span(packed).first(packed.size() / 2), text.size()));
            for (int i = 0; i < 50; ++i) {
                auto damaged = packed;
                damaged[random() % std::min<std::size_t>(damaged.size(), 100)] ^=
                    static_cast<std::byte>(1u << random() % 8);
                const auto front = tarc::detail::front_inflater::run(damaged, 1000);
                CHECK((!front || front->size() == 1000));
            }
        }
    }
}
