// Damage of every place: each single bit flipped, each length cut off. And files of others, most of them broken.

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <tarc/container/zip_reader.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/io/source.hpp>

#include "container/zip_builder.hpp"

using namespace tarc_test;
using tarc::errc;

namespace {

/// A few hundred bytes with everything: empty records, several records, the dot records.
std::string small_archive() {
    tarc::memory_sink out;
    tarc::zip_writer zip(out, "archive", 16);
    zip.add("data.pkl", bytes_of("pickle"));
    zip.add(".storage_alignment", bytes_of("16"));
    zip.add("data/0", bytes_of("0123456789abcdef!"));
    zip.add("data/1", {});
    zip.add("version", bytes_of("3\n"));
    zip.finish();
    return text_of(out.bytes());
}

/// What ordinary tools write, with DEFLATE, without alignment.
std::string rezipped_archive() {
    zip_builder b;
    const std::string text(300, 'a');
    b.add({.name = "run/"});
    b.add({.name = "run/data.pkl",
           .payload = deflate(text),
           .method = 8,
           .size = 300,
           .crc = tarc::crc32(bytes_of(text))});
    b.add({.name = "run/data/0", .payload = "0123456789abcdef!"});
    return b.zip("comment");
}

/// 0: an error; 1: the same content.
template <class Expected>
int damaged(const std::string& file, const Expected& expected) {
    std::string found;
    if (error_of([&] { found = contents(file); })) return 0;
    CHECK(found == expected);
    return 1;
}

std::vector<std::filesystem::path> files_below(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
        if (file.is_regular_file() && file.path().extension() != ".json") files.push_back(file.path());
    }
    return files;
}

std::string shared_folder() {
    const char* shared = std::getenv("TARC_SHARED");
    if (!shared) MESSAGE("skipped: TARC_SHARED is not set");
    return shared ? shared : "";
}

}  // namespace

TEST_CASE("our own archive: every flipped bit and every cut is found") {
    const std::string file = small_archive(), expected = contents(file);
    REQUIRE(file.size() < 1500);
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
            std::string bad = file;
            bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
            CAPTURE(at);
            CAPTURE(bit);
            REQUIRE(damaged(bad, expected) == 0);
        }
        REQUIRE(damaged(file.substr(0, at), expected) == 0);
    }
}

TEST_CASE("a rezipped archive: an error or the same content") {
    const std::string file = rezipped_archive(), expected = contents(file);
    int same = 0, tried = 0;
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit, ++tried) {
            std::string bad = file;
            bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
            same += damaged(bad, expected);
        }
        REQUIRE(damaged(file.substr(0, at), expected) == 0);
    }
    CHECK(same < tried / 3);  // times, attributes, versions and the comment are nobody's business
}

TEST_CASE("any byte with any value, in the small structures at the end") {
    const std::string file = small_archive(), expected = contents(file);
    for (std::size_t at = file.size() - 98 - 60; at < file.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            std::string bad = file;
            bad[at] = static_cast<char>(value);
            CAPTURE(at);
            CAPTURE(value);
            if (bad != file) REQUIRE(damaged(bad, expected) == 0);
        }
    }
}

TEST_CASE("pieces swapped, doubled, zeroed or left out") {
    const std::string file = small_archive(), expected = contents(file);
    std::uint64_t state = 12345;
    const auto random = [&](std::size_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>((state >> 33) % below);
    };
    for (int i = 0; i < 20000; ++i) {
        std::string bad = file;
        const std::size_t at = random(bad.size()), size = 1 + random(60), to = random(bad.size());
        switch (random(5)) {
            case 0: bad.erase(at, size); break;
            case 1: bad.insert(to, file.substr(at, size)); break;
            case 2: bad.replace(at, std::min(size, bad.size() - at), std::min(size, bad.size() - at), '\0'); break;
            case 3: bad.replace(at, std::min(size, bad.size() - at), file.substr(to, size)); break;
            default: bad.replace(at, std::min(size, bad.size() - at), std::min(size, bad.size() - at), '\xff'); break;
        }
        if (bad == file) continue;
        CAPTURE(i);
        REQUIRE(damaged(bad, expected) == 0);
    }
}

TEST_CASE("real PyTorch files open, tile and have the right CRCs") {
    const std::string shared = shared_folder();
    if (shared.empty()) return;
    int archives = 0, others = 0;
    for (const std::string folder : {"/fixtures", "/corpus/real"}) {
        for (const auto& path : files_below(shared + folder)) {
            const auto file = std::make_shared<tarc::file_source>(path.string());
            bytes head(std::min<std::uint64_t>(4, file->size()));
            file->read(0, head);
            CAPTURE(path.string());
            if (text_of(head) != "PK\3\4") {
                CHECK(error_of([&] { tarc::zip_reader zip(file); })->code() == errc::not_an_archive);
                ++others;
                continue;
            }
            const bool npz = path.extension() == ".npz";
            CHECK(!contents(file, npz ? tarc::zip_root::none : tarc::zip_root::one).empty());
            ++archives;
        }
    }
    CHECK(archives == 188);
    CHECK(others > 100);
}

TEST_CASE("a real file, cut at every length and flipped in every byte") {
    const std::string shared = shared_folder();
    if (shared.empty()) return;
    const auto source = std::make_shared<tarc::file_source>(shared + "/fixtures/t213_scalars.pt");
    bytes all(source->size());
    source->read(0, all);
    const std::string file = text_of(all), expected = contents(file);
    for (std::size_t at = 0; at < file.size(); ++at) {
        std::string bad = file;
        bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
        CAPTURE(at);
        REQUIRE(damaged(bad, expected) == 0);
        REQUIRE(damaged(file.substr(0, at), expected) == 0);
    }
}

TEST_CASE("the ZIP files of other projects' tests: content or a typed error, and never the contents of a lie") {
    const std::string shared = shared_folder();
    if (shared.empty()) return;
    int opened = 0, refused = 0;
    for (const auto& path : files_below(shared + "/corpus/zip")) {
        for (const auto roots : {tarc::zip_root::one, tarc::zip_root::none}) {
            const std::string name = path.filename().string();
            const auto e = error_of([&] { contents(std::make_shared<tarc::file_source>(path.string()), roots); });
            ++(e ? refused : opened);
            CAPTURE(name);
            // libzip's names say what is wrong with them; these three lie about what no reader of data looks at.
            if (name.find("-incons-") != name.npos && name.find("comment") == name.npos &&
                name.find("utf8-ascii") == name.npos && name.find("ef-local-id") == name.npos) {
                CHECK(e);
            }
            if (!e) continue;
            CHECK(e->what()[0] != '\0');
            CHECK(!e->archive().empty());
        }
    }
    CHECK(opened + refused == 670);
    CHECK(opened > 60);
}
