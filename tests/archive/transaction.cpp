// load_into: on any failure the target is as it was, byte for byte and handle for handle.
#include "archive/support.hpp"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <variant>

using namespace tarc_test;
using tarc::tensor;

namespace {

struct linear {
    tensor<float> weight, bias;
};
struct inner {
    std::optional<linear> head;
    std::vector<linear> layers;
    std::map<std::string, tensor<double>> named;
};
struct checkpoint {
    std::int64_t epoch = 0;
    std::string name;
    inner model;
    tensor<float> tied_a, tied_b;
    std::vector<int> numbers;
    std::map<std::string, std::vector<double>> history;
    std::variant<std::string, tensor<float>> either;
    std::optional<double> loss;
    tarc::value dynamic;
    tarc::rest others;
};

checkpoint make(float f) {
    const auto t = [&](float add) { return tensor<float>::full({50, 3}, f + add); };
    checkpoint c;
    c.epoch = static_cast<std::int64_t>(f);
    c.name = "name " + std::to_string(f);
    c.model.head = linear{t(1), t(2)};
    c.model.layers = {{t(3), t(4)}, {t(5), t(6)}};
    c.model.named = {{"x", tensor<double>::full({7}, f)}};
    c.tied_a = t(7);
    c.tied_b = c.tied_a.narrow(0, 1, 3);
    c.numbers = {1, 2, static_cast<int>(f)};
    c.history = {{"loss", {f, f / 2}}};
    c.either = t(8);
    c.loss = f;
    c.dynamic = tarc::value::dict(items{{"t", t(9)}, {"n", f}});
    c.others.append("more", tarc::value::list({t(10)}));
    return c;
}

/// What a caller can see of a checkpoint: its archive, and which storages its handles are on.
struct picture {
    bytes file;
    std::vector<const void*> handles;
    const int* numbers;
    bool operator==(const picture&) const = default;
};
picture take(const checkpoint& c) {
    return {saved(c),
            {c.model.head->weight.storage().identity(), c.model.head->bias.storage().identity(),
             c.model.layers[0].weight.storage().identity(), c.model.layers[1].bias.storage().identity(),
             c.model.named.at("x").storage().identity(), c.tied_a.storage().identity(), c.tied_b.storage().identity(),
             std::get<1>(c.either).storage().identity(), c.dynamic.get()},
            c.numbers.data()};
}

TEST_CASE("a source that fails at the n-th read") {
    const bytes file = saved(make(5));
    checkpoint target = make(1);
    const picture before = take(target);
    int n = 0, failures = 0;
    for (bool done = false; !done;) {
        const auto source = std::make_shared<scripted_source>(file);
        source->fail_at = ++n;
        source->custom_error = n % 2 == 0;
        try {
            tarc::load_into(target, source);
            done = true;
        } catch (const tarc::error& e) {
            CHECK(e.code() == tarc::errc::io);
            CHECK_FALSE(e.torn());
            ++failures;
        } catch (const std::runtime_error&) {
            ++failures;
        }
        if (!done) REQUIRE(take(target) == before);
    }
    CHECK(failures == n - 1);
    CHECK(failures >= 15);
    CHECK(take(target).file == file);
    CHECK(target.tied_a.storage() == target.tied_b.storage());
}

TEST_CASE("a memory resource that fails at the n-th allocation, and leaks nothing") {
    const bytes file = saved(make(5));
    checkpoint target = make(1);
    const picture before = take(target);
    scripted_memory memory;
    int n = 0;
    for (bool done = false; !done;) {
        CHECK(memory.live == 0);
        memory.allocations = 0;
        memory.fail_at = ++n;
        try {
            tarc::load_into(target, file, memory);
            done = true;
        } catch (const std::bad_alloc&) {
            REQUIRE(take(target) == before);
        }
    }
    CHECK(n == 12);  // eleven storages
    CHECK(memory.live == 11);
    CHECK(take(target).file == file);
    target = {};
    CHECK(memory.live == 0);
}

TEST_CASE("a checksum that is wrong in each record in turn") {
    const bytes file = saved(make(5));
    checkpoint target = make(1);
    const picture before = take(target);
    int damaged = 0;
    for (const payload& p : payloads(file)) {
        if (p.begin == p.end || !(p.name.starts_with("data/") || p.name == "data.pkl")) continue;
        bytes bad = file;
        bad[p.end - 1] ^= std::byte{1};
        const tarc::error e = error_of([&] { tarc::load_into(target, bad); });
        CHECK(e.code() == tarc::errc::checksum_mismatch);
        CHECK(e.record() == p.name);
        CHECK((p.name == "data.pkl" || !e.field().empty()));
        REQUIRE(take(target) == before);
        ++damaged;
    }
    CHECK(damaged == 12);
    bytes bad = file;
    bad[find_payload(file, "data/0").begin] ^= std::byte{1};
    CHECK_NOTHROW(tarc::load_into(target, bad, {.verify = false}));
}

TEST_CASE("a policy that throws at its n-th call") {
    const bytes file = saved(make(5));
    checkpoint target = make(1);
    const picture before = take(target);
    for (int n = 1; n <= 11; ++n) {
        int calls = 0;
        CHECK_THROWS_AS(tarc::load_into(target, file,
                                        [&](const tarc::storage_info&) -> tarc::placement {
                                            if (++calls == n) throw std::runtime_error("no");
                                            return {};
                                        }),
                        std::runtime_error);
        CHECK(calls == n);
        REQUIRE(take(target) == before);
    }
}

TEST_CASE("a report that is not clean") {
    checkpoint target = make(1);
    const picture before = take(target);
    checkpoint other = make(5);
    struct wrong {
        std::int64_t epoch = 4;
        std::string name = "new";
    };
    (void)report_of([&] { tarc::load_into(target, saved(wrong{})); });
    REQUIRE(take(target) == before);
    other.numbers.clear();
    CHECK(tarc::load_into(target, saved(other)).clean());
    CHECK(target.numbers.empty());
}

TEST_CASE("handles elsewhere keep the old bytes") {
    checkpoint target = make(1);
    const tensor<float> elsewhere = target.tied_a;
    tarc::load_into(target, saved(make(5)));
    CHECK(elsewhere(0, 0) == 8);
    CHECK(target.tied_a(0, 0) == 12);
}

struct cached {
    tensor<float> weight;
    std::unique_ptr<int> cache;
};
struct cached_list {
    std::vector<cached> layers;
    std::optional<cached> head;
    std::deque<cached> queue;
    std::optional<bool> a_dict;
};

}  // namespace

template <>
inline constexpr auto tarc::describe<cached> = tarc::transient{"cache"};

namespace {

TEST_CASE("what cannot be copied is loaded part by part, and what is transient in it stays") {
    const auto one = [](float f) {
        cached c;
        c.weight = tensor<float>::full({2}, f);
        c.cache = std::make_unique<int>(static_cast<int>(f));
        return c;
    };
    const auto list = [&](float f) {
        cached_list l;
        l.layers.push_back(one(f));
        l.layers.push_back(one(f + 1));
        l.head = one(f + 2);
        l.queue.push_back(one(f + 3));
        return l;
    };
    cached_list target = list(1);
    const bytes before = saved(target), file = saved(list(10));
    bytes bad = file;
    bad[find_payload(file, "data/3").begin] ^= std::byte{1};
    CHECK_THROWS_AS(tarc::load_into(target, bad), tarc::error);
    CHECK(saved(target) == before);
    tarc::load_into(target, file);
    CHECK(saved(target) == file);
    CHECK(*target.layers[1].cache == 2);
    CHECK(*target.head->cache == 3);
    CHECK(*target.queue[0].cache == 4);
    CHECK(saved(tarc::load<cached_list>(file)) == file);
}

/// A file that changes after it was opened.
class changing_source final : public tarc::source {
public:
    explicit changing_source(bytes b) : inner_(std::move(b)) {}
    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    void read(std::uint64_t offset, std::span<std::byte> out) override { inner_.read(offset, out); }
    [[nodiscard]] const std::string& name() const override { return inner_.name(); }
    void check_unchanged() override { throw tarc::error(tarc::errc::io, "changed"); }

private:
    tarc::memory_source inner_;
};

TEST_CASE("a source that changed meanwhile") {
    checkpoint target = make(1);
    const picture before = take(target);
    changing_source source(saved(make(5)));
    CHECK(error_of([&] { tarc::load_into(target, source); }).code() == tarc::errc::io);
    REQUIRE(take(target) == before);
}

}  // namespace
