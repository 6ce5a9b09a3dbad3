#include "container/pickle_help.hpp"
#include "container/pickle_samples.hpp"

namespace {

std::string put(unsigned n) { return "q" + pk::little(n, 1); }
std::string recall(unsigned n) { return "h" + pk::little(n, 1); }

/// A tensor as torch.save has it behind the first: names by reference, and every value inside remembered from `n` on.
std::string phrase(unsigned key, unsigned n, bool marked = false) {
    return recall(0) + "((" + recall(1) + recall(2) + pk::text(std::to_string(key)) + put(n) + recall(3) +
           pk::integer(6) + "t" + put(n + 1) + "Q" + pk::integer(1) +
           (marked ? "(" + pk::integer(2) + pk::integer(2) + "t" : pk::integer(2) + pk::integer(2) + "\x86") +
           put(n + 2) + pk::integer(1) + pk::integer(3) + "\x86" + put(n + 3) + "\x88" + recall(4) + ")R" + put(n + 4) +
           "t" + put(n + 5) + "R" + put(n + 6);
}
/// What they refer to: the function, "storage", a class, a location, OrderedDict.
const std::string names = pk::global("torch._utils", "_rebuild_tensor_v2") + put(0) + "0" + pk::text("storage") +
                          put(1) + "0" + pk::global("torch", "FloatStorage") + put(2) + "0" + pk::text("cpu") + put(3) +
                          "0" + pk::global("collections", "OrderedDict") + put(4) + "0";

struct reading {
    pk::tree values;
    std::string text;      ///< what tarc writes of it, or the error with its place
    std::size_t made = 0;  ///< bytes of the tree
    const pk::node* root = nullptr;
};
std::unique_ptr<reading> read(std::string_view bytes, bool phrases, const tarc::limits& limit = {}) {
    using namespace pk;
    auto r = std::make_unique<reading>();
    tarc::detail::pickle_site site;
    site.phrases = phrases;
    try {
        r->root = read_pickle(std::as_bytes(std::span(bytes)), r->values, limit, site);
        r->made = r->values.memory.capacity();
        r->text = written(*r->root);
    } catch (const tarc::error& e) {
        r->text = std::string(e.what()) + std::to_string(e.offset().value_or(0));
    }
    return r;
}
const pk::node* same_both_ways(std::string_view bytes, std::unique_ptr<reading>& keep) {
    keep = read(bytes, true);
    CHECK(keep->text == read(bytes, false)->text);
    return keep->root;
}

}  // namespace

using pk::value_kind;

TEST_CASE("tensors at once are what the machine makes, in less memory") {
    std::string bytes = names + "]" + put(5) + "(";
    for (unsigned i = 0; i < 20; ++i) bytes += phrase(i % 16, 6 + 7 * i, i % 3 == 0);
    bytes += "e.";
    std::unique_ptr<reading> r;
    const pk::node* list = same_both_ways(bytes, r);
    REQUIRE(list != nullptr);
    REQUIRE(list->list->size == 20);
    for (const pk::node* t : *list->list) {
        REQUIRE(t->kind == value_kind::tensor);
        CHECK(t->tensor->requires_grad);
        CHECK(t->tensor->offset == 1);
        CHECK(t->tensor->shape[1] == 2);
        CHECK(t->tensor->strides[1] == 3);
        CHECK(t->tensor->storage->nbytes == 24);
    }
    CHECK(r->values.storages().size() == 16);
    CHECK((*list->list)[0]->tensor->storage == (*list->list)[16]->tensor->storage);
    CHECK(2 * r->made < read(bytes, false)->made);  // that they were
}

TEST_CASE("tensors of a class and those of a dtype do not take each other's, in either order") {
    const std::string v3_names = pk::global("torch._utils", "_rebuild_tensor_v3") + put(240) + "0" +
                                 pk::global("torch.storage", "UntypedStorage") + put(241) + "0" +
                                 pk::global("torch", "float8_e4m3fn") + put(242) + "0";
    static const auto v3 = [](unsigned key) {
        return recall(240) + "((" + recall(1) + recall(241) + pk::text(std::to_string(key)) + recall(3) +
               pk::integer(24) + "tQ" + pk::integer(1) + pk::integer(2) + pk::integer(2) + "\x86" + pk::integer(1) +
               pk::integer(3) + "\x86\x89" + recall(4) + ")R" + recall(242) + "tR";
    };
    const std::string v2_name = pk::global("torch._utils", "_rebuild_tensor_v2") + put(0) + "0";
    const std::string others = names.substr(v2_name.size());
    const auto check = [](const std::string& before, const std::string& between) {
        std::unique_ptr<reading> r;
        const pk::node* list = same_both_ways(before + "](" + v3(10) + v3(11) + between + phrase(0, 6) + v3(12) +
                                                  phrase(1, 13) + phrase(2, 20) + v3(13) + "e.",
                                              r);
        REQUIRE(list != nullptr);
        REQUIRE(list->list->size == 7);
        const bool of_dtype[] = {true, true, false, true, false, false, true};
        for (std::size_t i = 0; i < 7; ++i)
            CHECK((*list->list)[i]->tensor->type == (of_dtype[i] ? tarc::dtype::float8_e4m3fn : tarc::dtype::float32));
    };
    check(names + v3_names, "");
    check(v3_names + names, "");
    check(v3_names + others, v2_name);  // as in a file whose first tensors are float8
}

TEST_CASE("values inside of a tensor's instructions can be recalled") {
    for (unsigned inner = 6; inner < 20; ++inner) {
        CAPTURE(inner);
        std::unique_ptr<reading> r;
        const pk::node* list = same_both_ways(names + "](" + phrase(0, 6) + phrase(1, 13) + recall(inner) +
                                                  recall(inner) + recall(12) + phrase(2, 20) + "e.",
                                              r);
        REQUIRE(list != nullptr);
        const pk::node& n = *(*list->list)[2];
        const value_kind kinds[] = {value_kind::string, value_kind::tuple, value_kind::tuple, value_kind::tuple,
                                    value_kind::dict,   value_kind::tuple, value_kind::tensor};
        CHECK(n.kind == kinds[(inner - 6) % 7]);
        CHECK((*list->list)[3] == &n);
        CHECK((*list->list)[4] == (*list->list)[0]);
    }
}

TEST_CASE("values that MEMOIZE numbered can be recalled") {
    static const auto memoized = [](std::string bytes) {
        for (std::size_t at = 0; (at = bytes.find('q', at)) != std::string::npos;) bytes.replace(at, 2, "\x94");
        return bytes;
    };
    std::string start = names + "]" + put(5) + "(";
    for (unsigned inner = 0; inner < 20; ++inner) {
        CAPTURE(inner);
        std::unique_ptr<reading> r;
        const std::string before = memoized(phrase(0, 6)) + memoized(phrase(1, 13));
        const pk::node* list =
            same_both_ways(start + before + recall(inner) + recall(13) + recall(19) + memoized(phrase(2, 20)) +
                               recall(26) + pk::text("after") + "\x94" + recall(27) + recall(20) + "e.",
                           r);
        REQUIRE(list != nullptr);
        REQUIRE(list->list->size == 10);
        std::unique_ptr<reading> numbered;
        const pk::node* same = same_both_ways(start + phrase(0, 6) + phrase(1, 13) + recall(inner) + "e.", numbered);
        REQUIRE(same != nullptr);
        CHECK((*list->list)[2]->kind == (*same->list)[2]->kind);
        CHECK((*list->list)[3]->kind == value_kind::string);
        CHECK((*list->list)[4] == (*list->list)[1]);
        CHECK((*list->list)[6] == (*list->list)[5]);
        CHECK((*list->list)[8] == (*list->list)[7]);
        CHECK((*list->list)[9]->kind == value_kind::string);
    }
}

TEST_CASE("a number that is given again means the new value, and the old one where it was used before") {
    for (const unsigned again : {1u, 2u, 3u, 4u, 6u, 8u, 11u}) {
        CAPTURE(again);
        std::unique_ptr<reading> r;
        same_both_ways(names + "](" + phrase(0, 6) + phrase(1, 13) + "N" + put(again) + recall(again) + recall(7) +
                           recall(15) + phrase(2, 20) + phrase(2, again) + "e.",
                       r);
    }
}

TEST_CASE("limits are those of the machine") {
    const std::string bytes = names + "](" + phrase(0, 6) + phrase(1, 13) + "e.";
    tarc::limits flat, few;
    flat.rank = 1;
    few.nodes = 30;
    for (const tarc::limits& limit : {flat, few}) {
        const std::string said = read(bytes, true, limit)->text;
        CHECK(said.find("limits::") != std::string::npos);
        CHECK(read(bytes, false, limit)->text.substr(0, 40) == said.substr(0, 40));  // the place may differ
    }
    few.nodes = 100;
    CHECK(read(bytes, true, few)->text == read(bytes, false)->text);
}

TEST_CASE("whatever byte is damaged, the outcome is the machine's") {
    const std::string bytes = names + "](" + phrase(0, 6) + phrase(1, 13, true) + recall(8) + phrase(0, 20) + "e.";
    const std::string sample = pk::from_hex(samples::torch_checkpoint);
    for (const std::string& from : {bytes, sample}) {
        const std::size_t step = from.size() > 1000 ? 7 : 1;
        for (std::size_t at = 0; at < from.size(); at += step)
            for (const char with :
                 {'(', 't', 'R', 'Q', 'q', 'h', 'K', '\x86', 'N', '\0', '\xff', static_cast<char>(from[at] ^ 1)}) {
                std::string damaged = from;
                damaged[at] = with;
                const std::string whole = read(damaged, true)->text, slow = read(damaged, false)->text;
                if (whole != slow) FAIL_CHECK("byte " << at << " as " << int(with) << ": " << whole << " | " << slow);
            }
    }
}
