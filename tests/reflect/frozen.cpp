#include <doctest/doctest.h>

#include <tarc/archive/open.hpp>
#include <tarc/archive/save.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/reflect/frozen.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include <unistd.h>

namespace {

using tensor = tarc::tensor<float>;
struct linear {
    tensor weight, bias;
};
struct net {
    linear fc1;
    std::vector<linear> blocks;
    std::optional<tensor> scale;
    tarc::tensor<std::int64_t, tarc::scalar> steps;
};
struct checkpoint {
    std::int64_t epoch;
    net model;
    std::map<std::string, std::variant<int, linear, std::variant<bool, std::vector<int>>>> log;
    std::tuple<int, std::array<float, 3>> pair;
};
struct versioned {
    tarc::tensor<float, 6, tarc::dyn, 5, 5> weight;
    double lr;
};
struct odd {
    int quote, backslash, control;
};
struct nothing {};

}  // namespace

template <>
inline constexpr int tarc::version<versioned> = 3;
template <>
inline constexpr auto tarc::describe<odd> =
    std::tuple{tarc::rename{"quote", "a\"b"}, tarc::rename{"backslash", "a\\b"}, tarc::rename{"control", "a\001b"}};

// Golden: what stands here is in users' programs and files, and never changes.
static_assert(tarc::schema_of<linear> == tarc::frozen<"weight: float32[...]\nbias: float32[...]\n">);
static_assert(tarc::schema_of<linear> == tarc::frozen<0x83b6e7a636a66f4c>);
static_assert(
    tarc::schema_of<checkpoint> ==
    tarc::frozen<"epoch: int64\n"
                 "model/fc1.weight: float32[...]\n"
                 "model/fc1.bias: float32[...]\n"
                 "model/blocks.*.weight: float32[...]\n"
                 "model/blocks.*.bias: float32[...]\n"
                 "model/scale: float32[...]?\n"
                 "model/steps: int64[]\n"
                 "log/*: variant<int32|{weight: float32[...];bias: float32[...];}|variant<bool|{*: int32;}>>\n"
                 "pair/0: int32\n"
                 "pair/1/*: float32\n">);
static_assert(tarc::schema_of<checkpoint> == tarc::frozen<0x166f48919b4cd2cb>);
static_assert(tarc::schema_of<versioned> == tarc::frozen<"version: 3\nweight: float32[6,?,5,5]\nlr: float64\n">);
static_assert(tarc::schema_of<versioned> == tarc::frozen<0x75154f840fe8d221>);
static_assert(tarc::schema_of<tarc::tensor<float, 3>> == tarc::frozen<": float32[3]\n">);
static_assert(tarc::schema_of<nothing> == tarc::frozen<"">);
static_assert(tarc::schema_of<nothing> == tarc::frozen<0x2d06800538d394c2>);
static_assert(tarc::schema_of<odd>.text() == "a\"b: int32\na\\\\b: int32\na\001b: int32\n");

namespace {

template <class T>
void check_same_at_run_time() {
    const std::string text = tarc::schema_text<T>();
    CHECK_EQ(text, tarc::schema_of<T>.text());
    CHECK_EQ(tarc::xxh3(std::as_bytes(std::span(text))), tarc::schema_of<T>.digest());
}

template <class T>
std::string printed() {
    std::fflush(stdout);
    const int kept = dup(1);
    std::FILE* file = std::tmpfile();
    REQUIRE(file != nullptr);
    dup2(fileno(file), 1);
    tarc::print_schema<T>();
    std::fflush(stdout);
    dup2(kept, 1);
    close(kept);
    std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
    std::rewind(file);
    text.resize(std::fread(text.data(), 1, text.size(), file));
    std::fclose(file);
    return text;
}

}  // namespace

TEST_CASE("the constants are what the writer and the hash of run time make") {
    check_same_at_run_time<linear>();
    check_same_at_run_time<checkpoint>();
    check_same_at_run_time<versioned>();
    check_same_at_run_time<odd>();
    check_same_at_run_time<nothing>();
}

TEST_CASE("an archive holds text, digest and version of what was saved") {
    std::vector<std::byte> file;
    tarc::save(versioned{tarc::tensor<float, 6, tarc::dyn, 5, 5>::zeros({6, 2, 5, 5}), 0.1}, file);
    const tarc::schema_record r = tarc::open(file).schema();
    CHECK_EQ(r.version, 3);
    CHECK_EQ(r.text, tarc::schema_of<versioned>.text());
    CHECK_EQ(r.digest, tarc::schema_of<versioned>.digest());
}

TEST_CASE("print_schema prints what is pasted into a program") {
    CHECK_EQ(printed<versioned>(),
             "static_assert(tarc::schema_of<T> == tarc::frozen<\n"
             "    \"version: 3\\n\"\n"
             "    \"weight: float32[6,?,5,5]\\n\"\n"
             "    \"lr: float64\\n\"\n"
             ">);\n"
             "static_assert(tarc::schema_of<T> == tarc::frozen<0x75154f840fe8d221>);\n");
    CHECK_EQ(tarc::detail::literal_lines(tarc::schema_of<odd>.text(), " "),
             " \"a\\\"b: int32\\n\"\n \"a\\\\\\\\b: int32\\n\"\n \"a\\001b: int32\\n\"\n");
    CHECK_EQ(tarc::detail::literal_lines("", " "), " \"\"\n");
}

TEST_CASE("the first line that differs") {
    using tarc::detail::first_difference;
    constexpr auto check = [](std::string_view before, std::string_view now, std::size_t number, std::string_view was,
                              std::string_view is, bool was_ends, bool is_ends) {
        const auto d = first_difference(before, now);
        CHECK_EQ(d.number, number);
        CHECK_EQ(d.before, was);
        CHECK_EQ(d.now, is);
        CHECK_EQ(d.before_ends, was_ends);
        CHECK_EQ(d.now_ends, is_ends);
    };
    check("a\nb\n", "a\nb\n", 0, "", "", false, false);
    check("a\nb\n", "a\nc\n", 2, "b", "c", false, false);
    check("a\nb\n", "a\nbc\n", 2, "b", "bc", false, false);
    check("a\nb\n", "a\nb\nc\n", 3, "", "c", true, false);
    check("a\nb\n", "a\n", 2, "b", "", false, true);
    check("", "a\n", 1, "", "a", true, false);
    check("a\n", "", 1, "a", "", false, true);
    check("a\nb", "a\nb\n", 2, "b", "b\n", false, false);
}
