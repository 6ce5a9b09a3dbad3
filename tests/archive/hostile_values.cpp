// Limits, and files that are small but stand for very much.
#include "archive/support.hpp"

#include <map>

using namespace tarc_test;
using tarc::tensor;
using tarc::value;
using tarc::detail::tree;

namespace {

/// A value whose tree is put together by hand, so that parts can be shared.
template <class Make>
bytes made(Make&& make) {
    auto t = std::make_shared<tree>();
    auto* root = make(*t);
    return saved(value(t, root), {.manifest = false});
}

template <class T>
tarc::errc refusal(const bytes& file, const tarc::load_options& o = {}) {
    const tarc::error e = error_of([&] { (void)tarc::load<T>(file, o); });
    CHECK(contains(e.what(), "<memory>"));
    return e.code();
}

TEST_CASE("limits of one load") {
    struct two {
        tensor<float> a, b;
    };
    const bytes file = saved(two{tensor<float>::zeros({100}), tensor<float>::zeros({100})});
    tarc::load_options o;
    o.limits.total_bytes = 800;
    CHECK_NOTHROW((void)tarc::load<two>(file, o));
    o.limits.total_bytes = 799;
    CHECK(refusal<two>(file, o) == tarc::errc::limit_exceeded);
    CHECK_NOTHROW((void)tarc::load<two>(file, tarc::meta, o));
    o = {};
    o.limits.pickle_bytes = 20;
    CHECK(refusal<two>(file, o) == tarc::errc::limit_exceeded);
    o = {};
    o.limits.records = 3;
    CHECK(refusal<two>(file, o) == tarc::errc::limit_exceeded);
    const bytes numbers = saved(std::vector<int>(1000, 1));
    o = {};
    o.limits.nodes = 500;
    CHECK(refusal<std::vector<int>>(numbers, o) == tarc::errc::limit_exceeded);
}

TEST_CASE("lists that repeat one list") {
    // 1000 times a list of 1000 times a list of 1000 numbers, in a few kilobytes
    const bytes file = made([](tree& t) {
        auto* inner = t.sequence(tarc::value_kind::list);
        for (int i = 0; i < 1000; ++i) t.append(inner, t.integer(i));
        for (int depth = 0; depth < 2; ++depth) {
            auto* outer = t.sequence(tarc::value_kind::list);
            for (int i = 0; i < 1000; ++i) t.append(outer, inner);
            inner = outer;
        }
        return inner;
    });
    CHECK(file.size() < 20'000);
    tarc::load_options o;
    o.limits.nodes = 2'000'000;
    CHECK(refusal<std::vector<std::vector<std::vector<std::int8_t>>>>(file, o) == tarc::errc::limit_exceeded);
    CHECK(refusal<std::vector<std::vector<std::vector<std::int16_t>>>>(file, o) == tarc::errc::limit_exceeded);
    CHECK(tarc::load<std::vector<value>>(file).size() == 1000);  // shared in the tree, and so in the value
}

TEST_CASE("a long text that is repeated") {
    const bytes file = made([](tree& t) {
        auto* text = t.string(std::string(1'000'000, 'x'));
        auto* list = t.sequence(tarc::value_kind::list);
        for (int i = 0; i < 10'000; ++i) t.append(list, text);
        return list;
    });
    CHECK(file.size() < 1'100'000);
    CHECK(refusal<std::vector<std::string>>(file) == tarc::errc::limit_exceeded);
    const bytes few = made([](tree& t) {
        auto* text = t.string(std::string(1'000'000, 'x'));
        auto* list = t.sequence(tarc::value_kind::list);
        for (int i = 0; i < 50; ++i) t.append(list, text);
        return list;
    });
    CHECK(tarc::load<std::vector<std::string>>(few)[49].size() == 1'000'000);
}

TEST_CASE("a long key above many tensors") {
    const bytes file = made([](tree& t) {
        auto* tensor_node = tarc::detail::tensor_node(t, tensor<float>::zeros({1}));
        auto* list = t.sequence(tarc::value_kind::list);
        for (int i = 0; i < 10'000; ++i) t.append(list, tensor_node);
        auto* dict = t.dict();
        t.insert(dict, std::string(1'000'000, 'k'), list);
        auto* root = t.dict();
        t.insert(root, "x", dict);
        return root;
    });
    CHECK(file.size() < 1'200'000);
    struct dicts {
        std::map<std::string, std::vector<tensor<float>>> x;
    };
    struct net {
        tensor<float> weight;
    };
    struct holder {
        net x;
    };
    struct dynamic {
        value x;
    };
    CHECK(refusal<dicts>(file) == tarc::errc::limit_exceeded);
    CHECK(refusal<net>(file) == tarc::errc::limit_exceeded);
    CHECK(refusal<holder>(file) == tarc::errc::limit_exceeded);
    CHECK(tarc::load<dynamic>(file).x.size() == 1);  // one tensor, one path
}

TEST_CASE("values nested deeper than the limit") {
    const auto deep = [](int n) {
        return made([n](tree& t) {
            auto* v = t.integer(1);
            for (int i = 0; i < n; ++i) {
                auto* d = t.dict();
                t.insert(d, "k", v);
                v = d;
            }
            return v;
        });
    };
    struct net {
        tensor<float> weight;
    };
    CHECK(tarc::open(deep(900)).value().kind() == tarc::value_kind::dict);
    CHECK(report_of([&] { (void)tarc::load<net>(deep(900)); }).unexpected_keys.size() == 1);
    tarc::load_options o;
    o.limits.depth = 100;
    CHECK(refusal<net>(deep(900), o) == tarc::errc::limit_exceeded);
    CHECK(refusal<value>(deep(900), o) == tarc::errc::limit_exceeded);
}

TEST_CASE("a dict that holds itself") {
    const bytes file = made([](tree& t) {
        auto* d = t.dict();
        t.insert(d, "self", d);
        return d;
    });
    struct net {
        tensor<float> weight;
    };
    const auto code = refusal<net>(file);
    CHECK((code == tarc::errc::bad_pickle || code == tarc::errc::limit_exceeded));
    struct two {
        std::map<std::string, std::map<std::string, value>> self;
    };
    // a tree may be a cycle, as it may be in Python, and is written as one
    const two cyclic = tarc::load<two>(file);
    const value v = cyclic.self.at("self").at("self");
    CHECK(v["self"]["self"].kind() == tarc::value_kind::dict);
    CHECK(saved(v, {.manifest = false}) == file);
}

TEST_CASE("two keys of the file that become one") {
    const tensor<float> t = tensor<float>::zeros({1});
    const bytes file = saved(value::dict(items{{"module.a", t}, {"a", t}}));
    const tarc::load_report r =
        report_of([&] { (void)tarc::load<std::map<std::string, tensor<float>>>(file, {.strip_prefix = "module."}); });
    CHECK(r.mismatched.size() == 1);
    struct net {
        tensor<float> a;
    };
    const tarc::load_report s = report_of([&] { (void)tarc::load<net>(file, {.strip_prefix = "module."}); });
    CHECK(s.unexpected_keys.size() == 1);
}

}  // namespace
