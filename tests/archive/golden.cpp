// The archives of all releases read as they always have.
#include "golden/golden.hpp"

#include "archive/support.hpp"

#include <array>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>

using namespace tarc_test;

namespace {

bytes read(const std::string& name) {
    const char* source = std::getenv("TARC_SOURCE");
    REQUIRE_MESSAGE(source != nullptr, "run this through ctest, or set TARC_SOURCE to the checkout");
    std::ifstream file(std::string(source) + "/tests/golden/" + name, std::ios::binary);
    const std::vector<char> text(std::istreambuf_iterator<char>(file), {});
    REQUIRE_MESSAGE(!text.empty(), "no file " << name);
    const auto b = std::as_bytes(std::span(text));
    return {b.begin(), b.end()};
}

void check(const golden::checkpoint& c) {
    CHECK(c.epoch == 12);
    const auto& [first, relu, second] = c.model.body;
    CHECK(elements(first.weight) == std::vector<float>(6, 1.f));
    CHECK(elements(second.bias) == std::vector<float>(2, -2.f));
    CHECK(elements(c.model.bn.running_var) == std::vector<float>{4, 5, 6});
    CHECK(c.model.bn.num_batches_tracked.item() == 5);
    REQUIRE(c.model.heads.size() == 2);
    CHECK(elements(c.model.heads[1].weight) == std::vector<float>(6, 4.f));
    CHECK_FALSE(c.model.absent.has_value());
    CHECK(c.model.tied.storage() == first.weight.storage());
    CHECK(c.model.metadata.data["bn"]["version"].as_int() == 2);

    REQUIRE(c.sgd.param_groups.size() == 1);
    CHECK(c.sgd.param_groups[0].lr == 0.1);
    CHECK(c.sgd.param_groups[0].momentum == 0.9);
    CHECK(c.sgd.param_groups[0].params == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    CHECK(c.sgd.param_groups[0].others.find("param_names")->size() == 10);
    REQUIRE(c.sgd.state.size() == 2);
    CHECK(elements(c.sgd.state.at(0).momentum_buffer->as<float>()) == std::vector<float>(6, 0.5f));
    CHECK_FALSE(c.sgd.state.at(1).momentum_buffer.has_value());
    CHECK(c.adam.param_groups[0].betas == std::pair(0.9, 0.999));
    CHECK(c.adam.state.at(0).step.item() == 3);
    CHECK(elements(c.adam.state.at(0).exp_avg_sq.as<float>()) == std::vector<float>(6, 0.125f));

    const golden::scalars s;
    CHECK(c.numbers.yes);
    CHECK(c.numbers.i8 == -128);
    CHECK(c.numbers.u64 == UINT64_MAX);
    CHECK(c.numbers.i64 == INT64_MIN);
    CHECK(c.numbers.f == 0.1f);
    CHECK(std::signbit(c.numbers.d));
    CHECK(c.numbers.z == std::complex<double>(1.5, -2.5));
    CHECK(c.numbers.text == "grüße 世界");
    CHECK(c.numbers.bytes == s.bytes);
    CHECK(c.numbers.no_bytes.empty());
    CHECK(c.numbers.named == golden::phase::main);
    CHECK_FALSE(c.numbers.none.has_value());
    CHECK(c.numbers.engine == std::mt19937(5));

    CHECK(c.parts.list == std::vector<int>{3, 1, 2});
    CHECK(c.parts.flags == std::vector<bool>{true, false, true});
    CHECK(c.parts.array == std::array<double, 2>{0.5, 0.25});
    CHECK(c.parts.pair == std::pair<int, std::string>(7, "seven"));
    CHECK(c.parts.set == std::set<std::string>{"a", "b"});
    CHECK(c.parts.map == std::map<std::int64_t, std::vector<std::string>>{{-1, {}}, {4, {"x"}}});
    CHECK(std::get<std::string>(c.parts.bare) == "text");
    CHECK(std::get<1>(c.parts.tagged) == 9);

    CHECK(c.dtypes.size() == 22);
    for (const auto& [name, tensor] : c.dtypes) {
        CAPTURE(name);
        CHECK(tarc::to_string(tensor.dtype()) == name);
        CHECK(tensor.shape().size() == 2);
        const auto* p = static_cast<const unsigned char*>(tensor.raw_data());
        bool same = true;
        for (std::size_t i = 0; i < tensor.nbytes(); ++i)
            same &= p[i] == static_cast<unsigned char>(name == "bool" ? i % 2 : i * 13 + 1);
        CHECK(same);
    }

    REQUIRE(c.views.size() == 5);
    CHECK(elements(c.views[0].as<std::int32_t>()) == std::vector<std::int32_t>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    CHECK(c.views[0].strides()[0] == 1);
    CHECK(elements(c.views[1].as<std::int32_t>()) == std::vector<std::int32_t>{2, 6, 10});
    CHECK(elements(c.views[2].as<std::int32_t>()) == std::vector<std::int32_t>{4, 5, 6, 7, 8, 9, 10, 11});
    CHECK(c.views[3].as<std::int32_t>().item() == 7);
    for (int i = 1; i < 4; ++i) CHECK(c.views[static_cast<std::size_t>(i)].storage() == c.views[0].storage());
    CHECK(c.views[4].shape()[1] == 4);

    CHECK(c.dynamic.items()[0].val[2].as_double() == 2.5);
    CHECK(c.dynamic["t"].as_tensor().storage() == c.views[0].storage());
    CHECK(c.others.find("added_later")->size() == 2);
}

TEST_CASE("0.1.0") {
    const bytes file = read("0.1.0.pt");
    const tarc::archive ar = tarc::open(file);
    ar.verify();
    CHECK(ar.metadata()["written_by"].as_string() == "golden");
    check(ar.load<golden::checkpoint>());
    check(tarc::load<golden::checkpoint>(file));
    CHECK(ar.schema().text == tarc::schema_text<golden::checkpoint>());
}

TEST_CASE("the same value gives the same bytes today") {
    check(golden::make());
    CHECK(saved(golden::make(), {.metadata = tarc::value::dict({{"written_by", "golden"}})}) == read("0.1.0.pt"));
}

}  // namespace
