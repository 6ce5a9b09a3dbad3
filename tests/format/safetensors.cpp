// A safetensors file through the calls of any archive, and files made to hurt.
#include <cstdio>
#include <filesystem>
#include <random>

#include <tarc/format/file_slices.hpp>

#include "archive/support.hpp"
#include "support/largest_allocation.hpp"

using namespace tarc_test;
using tarc::tensor;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct net {
    linear fc1, fc2;
    tensor<bool> mask;
    tarc::buffer<std::int64_t, tarc::scalar> steps;
};

net make() {
    net n;
    n.fc1 = {tensor<float>::from({1, 2, 3, 4, 5, 6}, {2, 3}), tensor<float>::from({7, 8}, {2})};
    n.fc2 = {n.fc1.weight.transpose(0, 1), n.fc1.bias};  // a view, and a tie
    n.mask = tensor<bool>::from({true, false, true}, {3});
    n.steps = tarc::buffer<std::int64_t, tarc::scalar>::full({}, 9);
    return n;
}

const tarc::save_options as_safetensors{.format = tarc::file_format::safetensors};

/// A file with this header.
bytes file_of(std::string header, std::size_t payload) {
    const std::uint64_t n = header.size();
    bytes file(8 + header.size() + payload);
    std::memcpy(file.data(), &n, 8);
    std::memcpy(file.data() + 8, header.data(), header.size());
    return file;
}

/// Everything that can be asked of a file, whatever it is.
void use(std::span<const std::byte> file) {
    const tarc::archive ar = tarc::open(file);
    static_cast<void>(ar.entries().size());
    static_cast<void>(ar.value());
    net n = make();
    tarc::load_into(n, file, {.strict = false});
    ar.verify();
}

tarc::errc code_of(std::span<const std::byte> file) {
    return error_of([&] { static_cast<void>(tarc::open(file)); }).code();
}

}  // namespace

TEST_CASE("a safetensors file is loaded by every call that loads an archive") {
    const bytes file = saved(make(), as_safetensors);
    const tarc::archive ar = tarc::open(file);
    CHECK(ar.format() == tarc::file_format::safetensors);
    CHECK(ar.metadata().is_none());
    CHECK(ar.schema().text.empty());
    REQUIRE(ar.entries().size() == 6);
    CHECK(ar.entries()[0].path_text() == "steps");  // the widest dtype first
    CHECK(ar.entries()[5].path_text() == "mask");

    const net n = ar.load<net>();
    CHECK(elements(n.fc2.weight) == std::vector<float>{1, 4, 2, 5, 3, 6});
    CHECK(n.fc2.weight.is_contiguous());
    CHECK(elements(n.steps) == std::vector<std::int64_t>{9});
    CHECK(elements(ar.load<&net::fc2>().bias) == std::vector<float>{7, 8});
    CHECK(ar.tensor({"fc1.weight"}).as<float>()(1, 2) == 6);
    CHECK(ar.value()["fc1.bias"].as_tensor().as<float>()(1) == 8);
    CHECK(ar.load<net>(tarc::meta).fc1.weight.device().type == tarc::device_type::meta);
    ar.verify();

    net target = make();
    const tensor<float> handle = target.fc1.bias;
    for (float& x : handle.span()) x = 0;
    CHECK(ar.load_into(target, {.in_place = true}).clean());
    CHECK(elements(handle) == std::vector<float>{7, 8});

    const auto report = report_of([&] { static_cast<void>(ar.load<linear>({.strip_prefix = "fc1."})); });
    CHECK(report.unexpected_keys.size() == 4);
    CHECK(ar.load_into(target.fc1, {.strict = false, .strip_prefix = "fc2."}).unexpected_keys.size() == 4);
    CHECK(elements(target.fc1.weight) == elements(n.fc2.weight));
}

TEST_CASE("any payload is read, and an aligned one can be mapped") {
    const auto path = (std::filesystem::temp_directory_path() / "tarc_mapped.safetensors").string();
    const std::string one = R"(:{"dtype":"F32","shape":[4],"data_offsets":[)";
    for (const std::string pad : {"", "       "}) {  // floats at an odd offset, then at one that fits
        const std::string header =
            "{\"a\"" + one + "1,17]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
        bytes file = file_of(header + pad, 17);
        for (std::size_t i = 0; i < 16; ++i) file[file.size() - 16 + i] = std::byte{0x3f};
        std::FILE* f = std::fopen(path.c_str(), "wb");
        REQUIRE(std::fwrite(file.data(), 1, file.size(), f) == file.size());
        std::fclose(f);
        const auto t = tarc::open(path).tensor({"a"}, tarc::mapped).as<float>();
        CHECK(reinterpret_cast<std::uintptr_t>(t.raw_data()) % 16 == 0);
        CHECK(elements(t) == std::vector<float>(4, t(0)));
        CHECK(t(0) == doctest::Approx(0.7470588));
    }
    std::filesystem::remove(path);
}

TEST_CASE("the extension of a path says which format is saved") {
    const auto folder = std::filesystem::temp_directory_path() / "tarc_extensions";
    std::filesystem::create_directories(folder);
    const auto format = [&](const char* name, const tarc::save_options& o = {}) {
        tarc::save(make(), (folder / name).string(), o);
        return tarc::open((folder / name).string()).format();
    };
    using enum tarc::file_format;
    CHECK(format("a.safetensors") == safetensors);
    CHECK(format("a.npz") == npz);
    CHECK(format("a.pt") == torch);
    CHECK(format("safetensors") == torch);
    CHECK(format("b.pt", as_safetensors) == safetensors);
    CHECK(format("c.npz", {.format = torch}) == torch);
    for (const tarc::file_format f : {torch, npz}) {
        const auto e = error_of([&] { static_cast<void>(format("d.safetensors", {.format = f})); });
        CHECK(e.code() == tarc::errc::invalid_argument);
        CHECK(contains(e.what(), "torch.load"));
    }
    for (const tarc::file_format f : {torch_legacy, torch_tar, torch_script})
        CHECK(error_of([&] { static_cast<void>(format("d.pt", {.format = f})); }).code() ==
              tarc::errc::invalid_argument);
    std::filesystem::remove_all(folder);
}

TEST_CASE("what a safetensors file cannot hold") {
    const auto refused = [](const tarc::value& v, tarc::save_options o = {}) {
        o.format = tarc::file_format::safetensors;
        return error_of([&] { static_cast<void>(saved(v, o)); });
    };
    const tensor<float> t = tensor<float>::zeros({2});
    CHECK(refused(tarc::value::dict({{"a", tarc::value::dict({{"b", 1}})}})).field() == "a/b");
    CHECK(refused(tarc::value::dict({{"t", t.to(tarc::device::meta())}})).code() == tarc::errc::unsavable);
    CHECK(refused(tarc::value::dict({{"a.b", t}, {"a", tarc::value::dict({{"b", t}})}})).field() == "a/b");
    CHECK(refused(tarc::value::dict({{"\xff", t}})).code() == tarc::errc::unsavable);
    CHECK(refused(tarc::value(t)).code() == tarc::errc::unsavable);
    CHECK(refused(tarc::value::dict({{"t", tarc::open(saved(make())).entries()[0].value}})).code() ==
          tarc::errc::unsavable);  // never loaded
    const auto with = [&](const tarc::value& metadata) {
        return refused(tarc::value::dict({}), {.metadata = metadata});
    };
    CHECK(with(tarc::value::dict({{"run", 7}})).code() == tarc::errc::invalid_argument);
    CHECK(with("text").code() == tarc::errc::invalid_argument);
    const net undefined;
    CHECK(error_of([&] { static_cast<void>(saved(undefined, as_safetensors)); }).field() == "fc1.weight");

    const std::int64_t none[] = {0};
    const tarc::value huge = tarc::value::dict(
        {{"x", tensor<float>::over(t.storage(), {std::int64_t{1} << 50}, std::span<const std::int64_t>(none), 0)}});
    CHECK(refused(huge).code() == tarc::errc::limit_exceeded);  // an expanded view
}

TEST_CASE("storages of a file are written in every format as those in memory are") {
    const tensor<float> base = tensor<float>::zeros({70'000, 5});  // more than a block
    float next = 0;
    for (float& x : base.span()) x = next++;
    std::vector<tarc::value::item> all{{"base", base}, {"other", tensor<std::int64_t>::full({3}, 7)}};
    for (int i = 0; i < 4; ++i) all.push_back({"column" + std::to_string(i), base.select(1, i)});
    all.push_back({"rows", base.narrow(0, 69'990, 5)});
    const tarc::value v = tarc::value::dict(all);
    for (const bool manifest : {true, false}) {  // verified by block, and by CRC-32
        bytes file = saved(v, {.manifest = manifest});
        const auto write = [&](tarc::file_format f) {
            const auto opened =
                tarc::detail::open_file(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)), {});
            tarc::memory_sink out;
            tarc::detail::torch_zip_options o;
            o.manifest = manifest;
            if (opened.facts()) o.schema = opened.facts()->schema;
            tarc::detail::file_slices from(opened, {});
            tarc::detail::write_file(*opened.values()->root, out, f, {}, o, from);
            return std::move(out).bytes();
        };
        for (const auto f : {tarc::file_format::torch, tarc::file_format::safetensors, tarc::file_format::npz})
            CHECK(write(f) == saved(v, {.format = f, .manifest = manifest}));
        const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
        const float last = next - 1;  // which no slice but the first has
        const std::size_t at = text.find(std::string_view(reinterpret_cast<const char*>(&last), 4));
        REQUIRE(at != text.npos);
        file[at] ^= std::byte{1};
        for (const auto f : {tarc::file_format::safetensors, tarc::file_format::npz})
            CHECK(error_of([&] { static_cast<void>(write(f)); }).code() == tarc::errc::checksum_mismatch);
    }
}

TEST_CASE("a file cut anywhere is refused") {
    const bytes file = saved(make(), as_safetensors);
    use(file);
    for (std::size_t n = 0; n < file.size(); ++n) {
        CAPTURE(n);
        const bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
        const tarc::errc code = code_of(cut);
        CHECK((code == tarc::errc::truncated || (n < 9 && code == tarc::errc::not_an_archive)));
        bytes longer = file;
        longer.resize(file.size() + n + 1);
        CHECK(code_of(longer) == tarc::errc::bad_archive);
    }
}

TEST_CASE("random changes give values or errors, and nothing out of proportion is asked for") {
    const bytes file = saved(make(), as_safetensors);
    std::uint64_t header = 0;
    std::memcpy(&header, file.data(), 8);
    std::mt19937 random(3);
    const std::string_view digits = "0123456789,:{}[]\"";
    std::size_t opened = 0;
    for (int i = 0; i < 20'000; ++i) {
        bytes changed = file;
        for (std::size_t k = 0, n = 1 + random() % 4; k < n; ++k) {
            std::byte& b = changed[random() % (8 + header)];
            b = random() % 2 == 0 ? static_cast<std::byte>(digits[random() % digits.size()])
                                  : b ^ static_cast<std::byte>(1u << random() % 8);
        }
        std::size_t most = 0;
        try {
            most = largest_allocation([&] {
                try {
                    use(changed);
                    ++opened;
                } catch (const tarc::error&) {
                }
            });
        } catch (const std::exception& e) {
            FAIL(e.what());
        }
        REQUIRE(most < (std::size_t{1} << 21));  // readers have blocks of 1 MiB
    }
    CHECK(opened > 100);
}

TEST_CASE("what headers claim is not allocated") {
    const auto largest = [](const bytes& file, tarc::errc code) {
        return largest_allocation([&] { CHECK(code_of(file) == code); });
    };
    const auto header = [](const std::string& shape, const std::string& offsets) {
        return "{\"a\":{\"dtype\":\"F32\",\"shape\":[" + shape + "],\"data_offsets\":[" + offsets + "]}}";
    };
    bytes long_header = file_of("{}", 0);
    const std::uint64_t n = 99'999'999;
    std::memcpy(long_header.data(), &n, 8);
    CHECK(largest(long_header, tarc::errc::truncated) < 4096);
    CHECK(largest(file_of(header("1099511627776", "0,4398046511104"), 4), tarc::errc::truncated) < 4096);
    CHECK(largest(file_of(header("4294967296,4294967296", "0,0"), 0), tarc::errc::bad_tensor) < 4096);
    CHECK(largest(file_of(header("9223372036854775808", "0,0"), 0), tarc::errc::bad_tensor) < 4096);
    CHECK(largest(file_of(header("1", "18446744073709551612,18446744073709551616"), 4), tarc::errc::bad_archive) <
          4096);
    CHECK(largest(file_of(header("1", "4,0"), 4), tarc::errc::bad_tensor) < 4096);
    std::string shape = "0";
    for (int i = 0; i < 100; ++i) shape += ",1";
    CHECK(largest(file_of(header(shape, "0,0"), 0), tarc::errc::limit_exceeded) < 8192);
}

TEST_CASE("many tensors open in time linear in their number") {
    std::string header = "{";
    constexpr std::size_t count = 100'000;
    for (std::size_t i = 0; i < count; ++i)
        header += (i == 0 ? "\"layers." : ",\"layers.") + std::to_string(i) +
                  ".weight\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" + std::to_string(i) + "," +
                  std::to_string(i + 1) + "]}";
    const bytes file = file_of(header + "}", count);
    const tarc::archive ar = tarc::open(file);
    CHECK(ar.entries().size() == count);
    CHECK(ar.entries()[count - 1].path_text() == "layers.99999.weight");
    const auto e =
        error_of([&] { static_cast<void>(tarc::open(file, {.limits = {.nodes = count - 1}, .files = nullptr})); });
    CHECK(e.code() == tarc::errc::limit_exceeded);
}
