// Compressed records that are damaged, or lie, and those that other tools have made: each ends in a typed error.
#include <tarc/codec/zstd.hpp>
#include <tarc/tarc.hpp>

#include <doctest/doctest.h>

#include "container/zip_builder.hpp"

#include <functional>
#include <random>

using namespace tarc_test;
using tarc::errc;

namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <class T>
bytes saved(const T& value, const tarc::save_options& options = {}) {
    bytes out;
    tarc::save(value, out, options);
    return out;
}

/// Bytes that take few values beside bytes of noise.
tarc::tensor<float> weights(std::int64_t n) {
    const auto t = tarc::tensor<float>::empty({n});
    std::mt19937 random(1);
    for (float& f : t.span()) f = 1 + static_cast<float>(random()) / 4294967296.f;
    return t;
}

/// The archive again with other bytes in one record, and its checksum made good.
bytes with_record(const bytes& file, std::string_view name, const std::function<void(std::string&, entry&)>& change) {
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(file)));
    zip_builder b;
    for (const tarc::record& r : zip.records()) {
        std::string payload(r.stored_size, '\0');
        zip.content_of(r).read_packed(0, std::as_writable_bytes(std::span(payload)));
        entry e{.name = "archive/" + std::string(r.name), .method = r.method, .size = r.size, .crc = r.crc32};
        if (r.name == name) {
            change(payload, e);
            if (r.method == 0) {
                e.size.reset();
                e.crc = tarc::crc32(bytes_of(payload));
            }
        }
        e.payload = payload;
        b.add(e);
    }
    return copy_of(b.zip());
}

std::string zstd_of(std::string_view text, int window = 0) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    ZSTD_CCtx* c = ZSTD_createCCtx();
    if (window != 0) ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window);
    if (window != 0) ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    ZSTD_inBuffer front{text.data(), 10, 0}, in{text.data() + 10, text.size() - 10, 0};
    if (window == 0) front.size = 0, in = {text.data(), text.size(), 0};
    if (window != 0) ZSTD_compressStream2(c, &to, &front, ZSTD_e_continue);  // so that the size is not known
    REQUIRE(ZSTD_compressStream2(c, &to, &in, ZSTD_e_end) == 0);
    ZSTD_freeCCtx(c);
    out.resize(to.pos);
    return out;
}

}  // namespace

TEST_CASE("records of other tools, without a table") {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += std::to_string(std::int64_t{i} * i);
    const std::string packed = zstd_of(text.substr(0, 300'000)) + zstd_of(text.substr(300'000));
    const auto read = [&](const std::string& payload, std::uint64_t size, const tarc::limits& bounds = {}) {
        zip_builder b;
        b.add({.name = "r/x", .payload = payload, .method = 93, .size = size, .crc = tarc::crc32(bytes_of(text))});
        const tarc::zip_reader zip(memory(b.zip()), bounds);
        zip.verify(zip.get("x"));
        const bytes front = zip.content_of(zip.get("x")).front(1000);
        CHECK(text_of(front) == text.substr(0, 1000));
        return text_of(zip.read(zip.get("x")));
    };
    CHECK(read(packed, text.size()) == text);
    const auto refused = [&](const std::string& payload, std::uint64_t size, errc code, std::string_view part,
                             const tarc::limits& bounds = {}) {
        const auto e = error_of([&] { static_cast<void>(read(payload, size, bounds)); });
        CAPTURE(part);
        REQUIRE(e);
        CAPTURE(std::string(e->what()));
        CHECK(e->code() == code);
        CHECK(contains(e->what(), part));
        CHECK(e->record() == "x");
    };
    refused(packed, text.size() - 1, errc::bad_archive, "more bytes than it claims");
    refused(packed, text.size() + 1, errc::bad_archive, "fewer bytes than it claims");
    refused(packed.substr(0, packed.size() - 1), text.size(), errc::bad_archive, "too early");
    refused(packed + "x", text.size(), errc::bad_archive, "damaged");
    refused(packed + "xxxxxxxx", text.size(), errc::bad_archive, "damaged");
    refused(std::string(1000, 'n'), text.size(), errc::bad_archive, "damaged");
    refused("", text.size(), errc::limit_exceeded, "limits::ratio");
    refused(packed, std::uint64_t{0xfffffff0}, errc::limit_exceeded, "limits::ratio");
    refused(packed, text.size(), errc::limit_exceeded, "limits::ratio", {.ratio = 1});
    refused(zstd_of(text, 27), text.size(), errc::limit_exceeded, "window");
}

TEST_CASE("every damaged byte is found") {
    struct small {
        tarc::tensor<float> weights;
        tarc::tensor<std::int64_t> numbers;
    };
    const small s{weights(500), tarc::tensor<std::int64_t>::zeros({300})};
    const bytes good = saved(s, {.codec = tarc::zstd{}});
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(good)));
    REQUIRE(zip.get("data/1").method == 93);
    for (const std::string name : {"data/0", "data/1", ".tarc/manifest.pkl", "byteorder"}) {
        const tarc::record& r = zip.get(name);
        const std::uint64_t begin = zip.payload_offset(r);
        for (std::uint64_t at = begin; at < begin + r.stored_size; ++at) {
            bytes bad = good;
            bad[at] ^= std::byte{0x10};
            CAPTURE(at);
            CHECK(error_of([&] { static_cast<void>(tarc::load<small>(bad)); }));
        }
    }
}

TEST_CASE("verify sees every bit of the file, headers too") {
    struct small {
        tarc::tensor<float> weights;
    };
    const bytes good = saved(small{weights(500)}, {.codec = tarc::zstd{}});
    for (std::size_t at = 0; at < good.size(); ++at)
        for (int bit = 0; bit < 8; ++bit) {
            bytes bad = good;
            bad[at] ^= std::byte{1} << bit;
            CAPTURE(at);
            CAPTURE(bit);
            CHECK(error_of([&] { tarc::open(bad).verify(); }));
        }
}

TEST_CASE("planes are never taken for elements: without its tables the archive is refused") {
    struct small {
        tarc::tensor<float> weights;
    };
    const bytes good = saved(small{weights(500)}, {.codec = tarc::zstd{}});
    const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(good)));
    for (const bool repacked : {false, true}) {  // the records of storages as they were, or unpacked
        zip_builder b;
        for (const tarc::record& r : zip.records()) {
            if (r.name.starts_with(".tarc/")) continue;
            std::string payload(repacked ? r.size : r.stored_size, '\0');
            if (repacked)
                payload = text_of(zip.read(r));
            else
                zip.content_of(r).read_packed(0, std::as_writable_bytes(std::span(payload)));
            entry e{.name = "archive/" + std::string(r.name), .payload = payload};
            if (!repacked) e.method = r.method, e.size = r.size;
            e.crc = r.crc32;
            b.add(e);
        }
        const bytes bad = copy_of(b.zip());
        const auto e = error_of([&] { static_cast<void>(tarc::load<small>(bad)); });
        REQUIRE(e);
        CHECK(e->code() == errc::bad_archive);
        CHECK(contains(e->what(), "another tool has rewritten it"));
    }
}

TEST_CASE("tables that lie") {
    struct one {
        tarc::tensor<float> weights;
    };
    const one o{weights(100'000)};
    const bytes good = saved(o, {.codec = tarc::zstd{}});
    const auto refused = [&](std::string_view was, std::string_view is, errc code, std::string_view part) {
        const bytes bad = with_record(good, ".tarc/manifest.pkl", [&](std::string& pickle, entry&) {
            const std::size_t at = pickle.find(was);
            REQUIRE(at != std::string::npos);
            REQUIRE(was.size() == is.size());
            pickle.replace(at, was.size(), is);
        });
        const auto e = error_of([&] { static_cast<void>(tarc::load<one>(bad)); });
        CAPTURE(part);
        REQUIRE(e);
        CAPTURE(std::string(e->what()));
        CHECK(e->code() == code);
        CHECK(contains(e->what(), part));
    };
    CHECK(saved(tarc::load<one>(with_record(good, "", [](std::string&, entry&) {}))) == saved(o));
    const std::string frames = [&] {
        const tarc::zip_reader zip(std::make_shared<tarc::memory_source>(std::span<const std::byte>(good)));
        const std::string pickle = text_of(zip.read(zip.get(".tarc/manifest.pkl")));
        const std::size_t at = pickle.find("01000c");
        return pickle.substr(at, 48);  // two chunks of four planes, the first of them raw
    }();
    const auto swapped = [&](std::size_t a, std::size_t b) {
        std::string s = frames;
        for (std::size_t i = 0; i < 6; ++i) std::swap(s[a * 6 + i], s[b * 6 + i]);
        return s;
    };
    refused("zstd", "zsto", errc::unsupported, "codec");
    refused("planes", "planet", errc::unsupported, "filter");
    refused("K\x04", "K\x08", errc::bad_archive, "number of frames");
    refused("K\x04", "K\x03", errc::bad_archive, "planes of no element");
    refused(std::string_view("J\0\0\4\0", 5), std::string_view("J\0\0\2\0", 5), errc::bad_archive, "number of frames");
    refused(std::string_view("J\0\0\4\0", 5), std::string_view("J\1\0\4\0", 5), errc::bad_archive, "chunks");
    refused(std::string_view("J\0\0\4\0", 5), std::string_view("J\0\0\4\xff", 5), errc::bad_archive, "chunks");
    refused(frames, "g" + frames.substr(1), errc::bad_archive, "no number");
    refused(frames, "f" + frames.substr(1), errc::bad_archive, "another size than the record");
    refused(frames, swapped(0, 3), errc::bad_archive, "frame");
    refused(frames, swapped(0, 7), errc::bad_archive, "frame");
    refused("data/0", "data/1", errc::bad_archive, "not there");
}
