// Archives whose storages are compressed: that everything comes back, whatever its dtype, size and views; that the file
// depends on the values alone; what of a file is read; and what damage to it ends in.
#include <tarc/archive/save_async.hpp>
#include <tarc/codec/zstd.hpp>

#include "archive/support.hpp"

#include <algorithm>
#include <map>
#include <random>

using namespace tarc_test;
using tarc::errc;

namespace {

constexpr std::int64_t chunk = 256 << 10;

struct tensors {
    std::map<std::string, tarc::any_tensor> all;
};

std::span<std::byte> bytes_in(const tarc::any_tensor& t) {
    return {static_cast<std::byte*>(t.storage().data()), t.storage().nbytes()};
}

/// Numbers as weights have them: bytes that take few values beside bytes of noise.
tarc::any_tensor weights(tarc::dtype type, std::int64_t n, unsigned seed = 1) {
    const tarc::any_tensor t = tarc::any_tensor::empty(type, tarc::shape_view({n}));
    std::mt19937 random(seed);
    std::size_t i = 0;
    const unsigned swap = tarc::facts(type).swap;
    for (std::byte& b : bytes_in(t))
        b = static_cast<std::byte>(type == tarc::dtype::boolean ? random() & 1u
                                   : ++i % swap == 0            ? 0x3c + (random() & 3u)
                                                                : random() & 0xffu);
    return t;
}

tarc::any_tensor noise(std::int64_t n, tarc::dtype type = tarc::dtype::uint8) {
    const tarc::any_tensor t = tarc::any_tensor::empty(type, tarc::shape_view({n}));
    std::mt19937 random(7);
    for (std::byte& b : bytes_in(t)) b = static_cast<std::byte>(random() & 0xffu);
    return t;
}

std::map<std::string, std::uint16_t> methods(const bytes& file) {
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)));
    std::map<std::string, std::uint16_t> found;
    for (const tarc::record& r : zip.records()) found[std::string(r.name)] = r.method;
    return found;
}

/// What is saved with a codec, loaded with several threads, and saved without one is what is saved without one.
template <class T>
bytes check_round_trip(const T& value, const tarc::zstd& codec = {}) {
    const bytes plain = saved(value), packed = saved(value, {.codec = codec});
    for (const std::size_t threads : {1u, 3u})
        CHECK(saved(tarc::load<T>(packed, tarc::load_options{.threads = threads})) == plain);
    tarc::open(packed).verify();
    return packed;
}

}  // namespace

TEST_CASE("every dtype, around the borders of chunks and blocks") {
    tensors t;
    for (int i = 0; i <= static_cast<int>(tarc::dtype::quint2x4); ++i) {
        const auto type = static_cast<tarc::dtype>(i);
        if (tarc::facts(type).kind == tarc::dtype_class::bits || tarc::facts(type).kind == tarc::dtype_class::quantized)
            continue;
        const auto size = static_cast<std::int64_t>(tarc::size_of(type));
        for (const std::int64_t n : {std::int64_t{0}, std::int64_t{1}, 1000 / size, chunk / size - 1, chunk / size,
                                     chunk / size + 1, 4 * chunk / size + 17})
            t.all.emplace(std::string(to_string(type)) + "." + std::to_string(n), weights(type, n));
    }
    const bytes planes = check_round_trip(t), whole = check_round_trip(t, {.level = 3, .planes = false});
    CHECK(planes.size() < whole.size());
    CHECK(whole.size() < saved(t).size());
    CHECK(methods(planes).contains("byteorder"));
    CHECK(!methods(planes).contains(".format_version"));
    CHECK(!methods(planes).contains(".storage_alignment"));
}

TEST_CASE("the file depends on the values alone, not on the threads") {
    tensors t;
    t.all["weights"] = weights(tarc::dtype::bfloat16, 10 * chunk + 77);
    t.all["noise"] = noise(3 * chunk);
    t.all["zeros"] = tarc::any_tensor(tarc::tensor<float>::zeros({5 * chunk}));
    const bytes one = saved(t, {.codec = tarc::zstd{.threads = 1}});
    for (const std::size_t threads : {0u, 2u, 4u, 9u})
        CHECK(saved(t, {.codec = tarc::zstd{.threads = threads}}) == one);
    // in order of first reference, which is that of the keys: noise stays as it is
    CHECK(methods(one) == std::map<std::string, std::uint16_t>{{"data.pkl", 0},
                                                               {"byteorder", 0},
                                                               {"data/0", 0},
                                                               {"data/1", 93},
                                                               {"data/2", 93},
                                                               {"version", 0},
                                                               {".tarc/manifest.pkl", 0},
                                                               {".data/serialization_id", 0}});
    CHECK(saved(tarc::load<tensors>(one)) == saved(t));
    // from a file, in pieces of 1 MiB, what comes is what comes from memory
    const tarc::archive plain = tarc::open(saved(t));
    bytes again;
    tarc::save(plain.value(), again, {.codec = tarc::zstd{}});
    CHECK(methods(again) == methods(one));
}

TEST_CASE("where nothing shrinks the archive is a plain one, byte for byte") {
    tensors t;
    for (const std::int64_t n : {0, 1, 5, 100, 70'000, 600'000}) t.all[std::to_string(n)] = noise(n);
    t.all["of planes"] = noise(300'001, tarc::dtype::float32);
    CHECK(saved(t, {.codec = tarc::zstd{}}) == saved(t));
    CHECK(saved(t, {.codec = tarc::zstd{.level = 19, .planes = false, .threads = 1}}) == saved(t));
}

TEST_CASE("what shrinks only in its last bytes shrinks") {
    tensors t;
    t.all["late"] = noise(8 * chunk);
    const auto late = bytes_in(t.all["late"]).last(3000);
    std::fill(late.begin(), late.end(), std::byte{0});
    CHECK(methods(check_round_trip(t)).at("data/0") == 93);
}

TEST_CASE("views and ties") {
    const auto all = tarc::any_tensor(weights(tarc::dtype::float32, 3 * chunk)).as<float>();
    struct model {
        tarc::tensor<float> whole, rows, again;
    };
    const model m{all.narrow(0, 1000, 2 * chunk), all.narrow(0, chunk, 5), all.narrow(0, 1000, 2 * chunk)};
    const bytes packed = check_round_trip(m);
    const auto back = tarc::load<model>(packed);
    CHECK(back.whole.storage().data() == back.again.storage().data());
    CHECK(back.whole.storage().data() == back.rows.storage().data());
    CHECK(elements(back.rows) == elements(m.rows));
}

TEST_CASE("a part of an archive takes its own frames, a mapped one is read") {
    struct two {
        tarc::tensor<tarc::bfloat16> first, second;
    };
    const two t{weights(tarc::dtype::bfloat16, 3 * chunk).as<tarc::bfloat16>(),
                weights(tarc::dtype::bfloat16, 3 * chunk, 2).as<tarc::bfloat16>()};
    const bytes packed = saved(t, {.codec = tarc::zstd{}});
    const payload first = find_payload(packed, "data/0"), second = find_payload(packed, "data/1");
    scripted_source source(packed);
    const tarc::archive ar = tarc::open(source);
    CHECK(elements(ar.tensor({"second"}).as<tarc::bfloat16>()) == elements(t.second));
    CHECK(source.touched(second.begin, second.end));
    CHECK(!source.touched(first.begin + 4096, first.end - 4096));  // a header is read with what is around it

    // of a storage, only the chunks that are asked for
    const auto file = tarc::detail::open_torch_zip(std::make_shared<tarc::memory_source>(packed), tarc::limits{});
    const auto& body = file.values()->storages()[1];
    auto seen = std::make_shared<scripted_source>(packed);
    const tarc::zip_reader zip(seen);
    tarc::detail::frame_reader frames(zip, zip.get("data/1"), *file.facts()->table_of(body.record));
    const std::span<const std::byte> want = bytes_in(t.second);
    seen->reads.clear();
    for (const auto& [at, n] : {std::pair<std::size_t, std::size_t>{chunk + 10, 7}, {chunk - 3, chunk + 9}, {0, 1}}) {
        bytes got(n);
        frames.read(at, got);
        CHECK(std::equal(got.begin(), got.end(), want.begin() + static_cast<std::ptrdiff_t>(at)));
    }
    CHECK(!seen->touched(second.begin + (second.end - second.begin) / 2, second.end));

    tarc::save(t, "mapped.pt", {.codec = tarc::zstd{}});
    CHECK(elements(tarc::load<two>("mapped.pt", tarc::mapped).first) == elements(t.first));
}

TEST_CASE("a save that goes on beside the program writes the same bytes") {
    tensors t;
    t.all["noise"] = noise(3 * chunk);
    t.all["weights"] = weights(tarc::dtype::bfloat16, 10 * chunk + 77);
    const tarc::save_options o{.codec = tarc::zstd{}};
    tarc::save_async(t, "async.pt", o).get();
    tarc::save(t, "sync.pt", o);
    const auto content = [](const std::string& path) {
        tarc::file_source file(path);
        bytes all(file.size());
        file.read(0, all);
        return all;
    };
    CHECK(content("async.pt") == content("sync.pt"));
    CHECK(content("sync.pt") == saved(t, o));
}

TEST_CASE("what a codec does not go with") {
    const tensors t{{{"a", weights(tarc::dtype::float32, 1000)}}};
    const auto refused = [&](const tarc::save_options& o, std::string_view part) {
        const tarc::error e = error_of([&] { saved(t, o); });
        CHECK(e.code() == errc::invalid_argument);
        CHECK(contains(e.what(), part));
    };
    refused({.manifest = false, .codec = tarc::zstd{}}, "manifest");
    refused({.format = tarc::file_format::npz, .codec = tarc::zstd{}}, "torch's format only");
    CHECK(error_of([&] { saved(t, {.codec = tarc::zstd{.level = 1000}}); }).code() == errc::invalid_argument);
}
