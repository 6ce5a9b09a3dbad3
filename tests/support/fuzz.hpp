#pragma once

/// One body, two uses, so that they cannot drift apart: tests/fuzz/NAME.cpp is
///
///     #include "support/fuzz.hpp"
///     TARC_FUZZ_BODY(NAME, input) { feed(input); }  // input: std::span<const std::byte>
///
/// `./dev fuzz` builds it with -DTARC_FUZZ as a libFuzzer target; in every other build it is a test that replays the
/// files of tests/fuzz/corpus/NAME, their truncations and flipped bytes. A body may throw tarc::error; anything
/// else that escapes is a finding.

#include <tarc/error.hpp>

#include <cstddef>
#include <span>

namespace tarc_test {

using fuzz_body = void (*)(std::span<const std::byte>);

inline void run_fuzz_body(fuzz_body body, std::span<const std::byte> input) {
    try {
        body(input);
    } catch (const tarc::error&) {  // a refusal is a right answer
    }
}

}  // namespace tarc_test

#ifdef TARC_FUZZ

#include <cstdint>

#define TARC_FUZZ_BODY(name, input)                                                       \
    static void fuzz_body_##name(std::span<const std::byte> input);                       \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {   \
        tarc_test::run_fuzz_body(fuzz_body_##name, std::as_bytes(std::span(data, size))); \
        return 0;                                                                         \
    }                                                                                     \
    static void fuzz_body_##name(std::span<const std::byte> input)

#else

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace tarc_test {

inline std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> chars(std::istreambuf_iterator<char>(file), {});
    const auto bytes = std::as_bytes(std::span(chars));
    return {bytes.begin(), bytes.end()};
}

/// Each input is a block of exactly its size, so that AddressSanitizer sees a read past the end.
inline void replay_fuzz_corpus(const std::string& name, fuzz_body body) {
    const char* source = std::getenv("TARC_SOURCE");
    REQUIRE_MESSAGE(source != nullptr, "run this through ctest, or set TARC_SOURCE to the checkout");
    const auto folder = std::filesystem::path(source) / "tests/fuzz/corpus" / name;
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(folder)) {
        for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    REQUIRE_MESSAGE(!files.empty(), "no inputs in " << folder);

    constexpr std::size_t changes = 256;  // of each kind and file, spread over it
    run_fuzz_body(body, {});
    for (const auto& path : files) {
        INFO(path.string());
        const std::vector<std::byte> whole = read_bytes(path);
        CHECK_NOTHROW(run_fuzz_body(body, whole));
        const std::size_t step = std::max<std::size_t>(1, whole.size() / changes);
        for (std::size_t at = 0; at < whole.size(); at += step) {
            CAPTURE(at);
            const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at));
            CHECK_NOTHROW(run_fuzz_body(body, cut));
            for (const std::byte flip : {std::byte{0x01}, std::byte{0x80}, std::byte{0xff}}) {
                std::vector<std::byte> flipped = whole;
                flipped[at] ^= flip;
                CHECK_NOTHROW(run_fuzz_body(body, flipped));
            }
        }
    }
}

}  // namespace tarc_test

#define TARC_FUZZ_BODY(name, input)                                                                 \
    static void fuzz_body_##name(std::span<const std::byte> input);                                 \
    TEST_CASE(#name " over its corpus") { tarc_test::replay_fuzz_corpus(#name, fuzz_body_##name); } \
    static void fuzz_body_##name(std::span<const std::byte> input)

#endif
