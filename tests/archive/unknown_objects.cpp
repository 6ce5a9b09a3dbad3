// Objects of classes that tarc does not know: no load fails that does not ask for them, and one that does says where
// they stand, what they are, and what to do.
#include "archive/support.hpp"
#include "container/pickle_help.hpp"

#include <tarc/container/zip_writer.hpp>

#include <map>
#include <optional>
#include <vector>

using namespace tarc_test;

namespace {

bytes file_of(const std::string& pickled) {
    tarc::memory_sink out;
    tarc::zip_writer z(out);
    const auto add = [&](std::string_view name, std::string_view data) { z.add(name, std::as_bytes(std::span(data))); };
    add("data.pkl", "\x80\x02" + pickled + ".");
    add("data/0", std::string(24, '\0'));
    add("version", "3\n");
    z.finish();
    return std::move(out).bytes();
}

std::string item(std::string_view key, const std::string& value) { return pk::text(key) + value; }

/// {"w": a tensor, "epoch": 3, "when": …} with unknown things in every place.
bytes mixed() {
    using namespace pk;
    const std::string when = global("datetime", "date") + tuple({text("x")}) + "R";
    const std::string sparse = global("torch._utils", "_rebuild_sparse_tensor") +
                               tuple({integer(0), tuple({tensor(), tensor(), tuple({integer(9)})})}) + "R";
    return file_of("}(" + item("w", tensor()) + item("epoch", integer(3)) + item("when", when) +
                   item("sparse", sparse) + item("list", "](" + when + integer(1) + "e") +
                   item("class", global("os", "system")) + "u");
}

std::string asked(const auto& load) {
    const tarc::error e = error_of(load);
    CHECK(e.code() == tarc::errc::mismatch);
    return e.what();
}

TEST_CASE("nobody asks") {
    struct part {
        tarc::tensor<float> w;
        std::int64_t epoch = 0;
    };
    const bytes file = mixed();
    part p;
    const tarc::load_report r = tarc::load_into(p, file, {.strict = false});
    CHECK(p.epoch == 3);
    CHECK(p.w.defined());
    CHECK(r.mismatched.empty());
    CHECK(r.unexpected_keys.size() == 4);
    const tarc::archive ar = tarc::open(file);
    CHECK(ar.tensor({"w"}).defined());
    CHECK(ar.value()["when"].class_name() == "datetime.date");
    CHECK(ar.value()["when"].arguments()[0].as_string() == "x");
    CHECK(ar.load<&part::epoch>() == 3);
    struct all {
        tarc::tensor<float> w;
        std::int64_t epoch = 0;
        tarc::rest others;
    };
    CHECK(tarc::load<all>(file).epoch == 3);
    struct values {
        tarc::tensor<float> w;
        std::int64_t epoch = 0;
        tarc::value when, sparse, list;
        std::optional<tarc::value> absent;
    };
    CHECK(tarc::load<values>(file, {.strict = false}).sparse.class_name() == "torch._utils._rebuild_sparse_tensor");
}

TEST_CASE("somebody asks") {
    const bytes file = mixed();
    struct text {
        std::string when;
    };
    struct dense {
        tarc::tensor<float> sparse;
    };
    struct numbers {
        std::vector<std::int64_t> list;
    };
    struct function {
        std::int64_t epoch = 0;
        std::map<std::string, std::int64_t> other;
        std::string cls;
    };
    const auto says = [&](const std::string& what, std::initializer_list<std::string_view> words) {
        for (const std::string_view w : words) {
            CAPTURE(what);
            CHECK(contains(what, w));
        }
    };
    says(asked([&] { (void)tarc::load<text>(file); }), {"when: ", "datetime.date", "tarc::value"});
    says(asked([&] { (void)tarc::load<dense>(file); }),
         {"sparse: ", "torch._utils._rebuild_sparse_tensor", "tarc::value", "dense before the save"});
    says(asked([&] { (void)tarc::load<numbers>(file); }), {"list/0: ", "datetime.date", "tarc::value"});
    const tarc::archive ar = tarc::open(file);
    const tarc::error e = error_of([&] { (void)ar.tensor({"sparse"}); });
    says(e.what(), {"field sparse", "_rebuild_sparse_tensor", "tarc::value"});
    says(error_of([&] { (void)ar.tensor({"class"}); }).what(), {"field class", "os.system", "tarc::value"});
}

}  // namespace
