#include "archive/support.hpp"

#include <map>
#include <optional>
#include <stdexcept>
#include <variant>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct model {
    linear fc;
    std::map<std::string, linear> heads;
    std::optional<tensor<float>> extra;
    tensor<float> tied;
};
struct checkpoint {
    std::int64_t epoch = 0;
    model net;
    std::map<std::int64_t, tarc::any_tensor> momentum;
    std::variant<int, tensor<float>> either;
};

tensor<float> full(float f) { return tensor<float>::full({40, 2}, f); }
checkpoint make(float f) {
    checkpoint c;
    c.epoch = static_cast<std::int64_t>(f);
    c.net.fc = {full(f), full(f + 1)};
    c.net.heads = {{"a", {full(f + 2), full(f + 3)}}};
    c.net.extra = full(f + 4);
    c.net.tied = c.net.fc.weight;
    c.momentum = {{0, full(f + 5)}, {3, full(f + 6)}};
    c.either = full(f + 7);
    return c;
}
std::vector<const void*> handles(const checkpoint& c) {
    return {c.net.fc.weight.storage().identity(),
            c.net.fc.bias.storage().identity(),
            c.net.heads.at("a").bias.storage().identity(),
            c.net.extra->storage().identity(),
            c.net.tied.storage().identity(),
            c.momentum.at(3).storage().identity(),
            std::get<1>(c.either).storage().identity()};
}

TEST_CASE("every handle sees the new values, and nothing is allocated") {
    const bytes file = saved(make(10));
    checkpoint target = make(1);
    const auto before = handles(target);
    const tensor<float> elsewhere = target.net.fc.weight;
    int asked = 0;
    tarc::load_into(target, file,
                    [&](const tarc::storage_info&) -> tarc::placement {
                        ++asked;
                        return {};
                    },
                    {.in_place = true});
    CHECK(asked == 0);
    CHECK(handles(target) == before);
    CHECK(elsewhere(39, 1) == 10);
    CHECK(target.epoch == 10);
    CHECK(target.momentum.at(3).as<float>()(0, 0) == 16);
    CHECK(std::get<1>(target.either)(0, 0) == 17);
    CHECK(saved(target) == file);
}

TEST_CASE("another shape, dtype or layout gets a storage of its own") {
    checkpoint target = make(1);
    target.net.fc.bias = tensor<float>::zeros({2});              // another shape
    target.net.heads.at("a").weight = full(9).transpose(0, 1);   // and layout
    target.momentum.at(0) = tensor<double>::full({40, 2}, 1.0);  // another dtype
    target.net.extra.reset();                                    // nothing there
    target.net.heads.at("a").bias = {};                          // undefined
    const auto weight = target.net.fc.weight.storage();
    const bytes file = saved(make(10));
    tarc::load_into(target, file, {.in_place = true});
    CHECK(saved(target) == file);
    CHECK(target.net.fc.weight.storage() == weight);
    CHECK(target.net.fc.bias.shape().size() == 2);
}

TEST_CASE("views: into part of a storage, from part of a record") {
    struct two {
        tensor<float> a, b;
    };
    tensor<float> base = tensor<float>::zeros({10});
    for (int i = 0; i < 10; ++i) base(i) = static_cast<float>(i);
    const bytes file = saved(two{base.narrow(0, 2, 3), base.narrow(0, 4, 4)});
    tensor<float> into = tensor<float>::full({10}, -1.f);
    two target{into.narrow(0, 0, 3), into.narrow(0, 5, 4)};
    tarc::load_into(target, file, {.in_place = true});
    CHECK(elements(into) == std::vector<float>{2, 3, 4, -1, -1, 4, 5, 6, 7, -1});
}

TEST_CASE("0-d tensors that the file has as Python numbers") {
    struct state {
        tensor<float, tarc::scalar> step;
    };
    state target{tensor<float, tarc::scalar>::full({}, 1.f)};
    const auto elsewhere = target.step;
    tarc::load_into(target, saved(tarc::value::dict(items{{"step", 7}})), {.in_place = true});
    CHECK(elsewhere.item() == 7.f);
    CHECK_THROWS_AS(
        tarc::load_into(target, saved(tarc::value::dict(items{{"step", 8}, {"more", 1}})), {.in_place = true}),
        tarc::mismatch_error);
    CHECK(elsewhere.item() == 7.f);
}

TEST_CASE("torn() is true exactly when bytes have changed") {
    const bytes file = saved(make(10));
    bool was_torn = false;
    int n = 0, whole = 0;
    for (bool done = false; !done;) {
        checkpoint target = make(1);
        target.momentum.at(0) = {};  // one that is not in place
        const auto before = handles(target);
        const bytes old = saved(make(1));
        const auto source = std::make_shared<scripted_source>(file);
        source->fail_at = ++n;
        source->custom_error = n % 2 == 0;
        try {
            tarc::load_into(target, source, {.in_place = true});
            done = true;
        } catch (const tarc::error& e) {
            was_torn |= e.torn();
            CHECK(e.torn() == contains(e.what(), "torn"));
            if (!e.torn()) ++whole;
            target.momentum.at(0) = full(6);
            if (!e.torn()) CHECK(saved(target) == old);
        } catch (const std::runtime_error&) {  // only ever before the first byte
            ++whole;
            target.momentum.at(0) = full(6);
            CHECK(saved(target) == old);
        }
        if (done) continue;
        CHECK(handles(target) == before);  // also when torn
        CHECK(target.epoch == 1);
    }
    CHECK(was_torn);
    CHECK(whole > 3);
}

TEST_CASE("what is decided in the plan never tears") {
    checkpoint target = make(1);
    const bytes old = saved(target);
    struct wrong {
        int epoch = 0;
    };
    CHECK_THROWS_AS(tarc::load_into(target, saved(wrong{}), {.in_place = true}), tarc::mismatch_error);
    const bytes file = saved(make(10), {.location = "cuda:0"});
    target.net.fc.bias = {};
    const tarc::error e = error_of([&] { tarc::load_into(target, file, {.in_place = true}); });
    CHECK(e.code() == tarc::errc::no_device);  // for the one that is not in place
    CHECK_FALSE(e.torn());
    target.net.fc.bias = full(2);
    CHECK(saved(target) == old);
    tarc::load_into(target, file, {.in_place = true});  // the tag does not matter to those in place
    CHECK(target.net.fc.bias(0, 0) == 11);
}

TEST_CASE("a checksum error is torn, and names the record") {
    bytes file = saved(make(10));
    file[find_payload(file, "data/2").begin] ^= std::byte{4};
    checkpoint target = make(1);
    const tarc::error e = error_of([&] { tarc::load_into(target, file, {.in_place = true}); });
    CHECK(e.code() == tarc::errc::checksum_mismatch);
    CHECK(e.torn());
    CHECK(e.record() == "data/2");
    CHECK_FALSE(e.field().empty());
}

}  // namespace
