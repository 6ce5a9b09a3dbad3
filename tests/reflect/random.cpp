#include <doctest/doctest.h>

#include <tarc/reflect/archivable.hpp>

#include <locale>
#include <random>
#include <sstream>
#include <string>

namespace {

template <class E>
std::string written(const E& engine) {
    return tarc::detail::facts_of<E>.to_text(&engine);
}
template <class E>
bool read(E& engine, const std::string& text) {
    return tarc::detail::facts_of<E>.from_text(&engine, text);
}

/// Groups digits, as many a user's locale does.
struct grouping : std::numpunct<char> {
    [[nodiscard]] char do_thousands_sep() const override { return '.'; }
    [[nodiscard]] std::string do_grouping() const override { return "\3"; }
};

}  // namespace

TEST_CASE_TEMPLATE("an engine goes on where it was", E, std::mt19937, std::mt19937_64, std::minstd_rand, std::ranlux24,
                   std::knuth_b) {
    E engine(42);
    engine.discard(1000);
    const std::string text = written(engine);
    E other;
    REQUIRE(read(other, text));
    CHECK(other == engine);
    CHECK_EQ(other(), engine());
    CHECK_EQ(written(other), written(engine));
}

TEST_CASE("the text is the standard's") {
    std::minstd_rand engine(7);
    CHECK_EQ(written(engine), "7");
    std::mt19937 twister(5489);
    CHECK(written(twister).starts_with("5489 1301868182 2938499221 "));
}

TEST_CASE("what is no state is refused, and the engine is as it was") {
    std::mt19937 engine(3);
    const std::mt19937 before = engine;
    for (const std::string& text :
         {std::string(), std::string("abc"), std::string("1 2 3"), written(engine) + " 5", written(engine) + "x"}) {
        CHECK_FALSE(read(engine, text));
        CHECK(engine == before);
    }
    CHECK(read(engine, written(engine) + "\n"));
}

TEST_CASE("the global locale does not matter") {
    std::minstd_rand engine(1234567);
    const std::locale before = std::locale::global(std::locale(std::locale::classic(), new grouping));
    const std::string text = written(engine);
    std::minstd_rand other;
    const bool fits = read(other, text);
    std::locale::global(before);
    CHECK_EQ(text, "1234567");
    CHECK(fits);
    CHECK(other == engine);
}
