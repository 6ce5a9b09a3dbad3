// Well-formed pickles: what each becomes. Most of it is also held against Python and PyTorch in test_pickle.py.

#include "container/pickle_help.hpp"
#include "container/pickle_samples.hpp"

#include <tarc/container/known_globals.hpp>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace pk;
using namespace std::string_literals;

namespace {

const node& find(const node& dict, std::string_view key) {
    for (const auto& e : *dict.dict)
        if (e.key->kind == value_kind::string && e.key->str() == key) return *e.value;
    FAIL("no key " << key);
    std::abort();
}

}  // namespace

TEST_CASE("scalars of the text protocol") {
    CHECK(value("I01\n.")->kind == value_kind::boolean);
    CHECK(value("I00\n.")->boolean == false);
    CHECK(value("I1\n.")->integer == 1);
    CHECK(value("I-300\n.")->integer == -300);
    CHECK(value("L9223372036854775807L\n.")->integer == INT64_MAX);
    CHECK(value("L-9223372036854775808L\n.")->integer == INT64_MIN);
    const value big("L9223372036854775808L\n.");
    CHECK(big->big);
    CHECK(big->str() == "\0\0\0\0\0\0\0\x80\0"s);
    CHECK(value("L-340282366920938463463374607431768211456L\n.")->str() == std::string(16, '\0') + "\xff");
    CHECK(value("L-0L\n.")->integer == 0);
    CHECK(value("F1e-3\n.")->real == 0.001);
    CHECK(std::isnan(value("Fnan\n.")->real));
    CHECK(value("F-inf\n.")->real == -INFINITY);
    CHECK(value("V\\u00e9\\U0001f600\\n\n.")->str() == "\xc3\xa9\xf0\x9f\x98\x80\\n");
    CHECK(value("V\xe9\n.")->str() == "\xc3\xa9");
    CHECK(value("S'a\\x41\\'\\n\\101\\q'\n.")->str() == "aA'\nA\\q");
    CHECK(value("S\"x\"\n.")->kind == value_kind::string);
    CHECK(value("\x8a\0."s)->integer == 0);
    CHECK(value("\x8a\1\xff.")->integer == -1);
    CHECK(value("\x8a\x0a\1\0\0\0\0\0\0\0\0\0."s)->integer == 1);
}

TEST_CASE("Python 2 strings are text where they are UTF-8") {
    CHECK(value("U\2\xc3\xa9.")->kind == value_kind::string);
    CHECK(value("U\2\xff\xfe.")->kind == value_kind::bytes);
    CHECK(value("T\1\0\0\0a."s)->str() == "a");
}

TEST_CASE("stack instructions") {
    CHECK(value("K\1K\2"
                "0.")
              ->integer == 1);
    CHECK(value("K\1(K\2K\3"
                "1.")
              ->integer == 1);
    CHECK(value("K\1(0.")->integer == 1);
    const value twice("]2\x86.");
    CHECK((*twice->list)[0] == (*twice->list)[1]);
    CHECK(value("(K\1K\2l.")->list->size == 2);
    CHECK(value("(K\1K\2d.")->dict->size == 1);
    CHECK(value("K\5\x94"
                "0K\6\x94"
                "0h\1.")
              ->integer == 6);
}

TEST_CASE("Python 2 writes an OrderedDict as a list of pairs") {
    const value v(global("collections", "OrderedDict") + "](](" + text("b") + "K\1e](" + text("a") + "K\2ee\x85R.");
    REQUIRE(v->kind == value_kind::dict);
    CHECK(v->dict->cls == tarc::detail::dict_class::ordered);
    REQUIRE(v->dict->size == 2);
    CHECK((*v->dict)[0].key->str() == "b");
    CHECK((*v->dict)[1].value->integer == 2);
}

TEST_CASE("objects keep all that they are given") {
    const value v(global("m", "C") + tuple({integer(1)}) + "\x81(K\2K\3e(K\4K\5u}" + text("s") + "K\6sb.");
    REQUIRE(v->kind == value_kind::object);
    CHECK((*v->object->args->list)[0]->integer == 1);
    CHECK(v->object->items->list->size == 2);
    CHECK((*v->object->pairs->dict)[0].value->integer == 5);
    CHECK(find(*v->object->state, "s").integer == 6);
    CHECK(tarc::detail::writable_stand_in(*v) == nullptr);
    const value plain(global("m", "C") + ")\x81}" + text("s") + "K\6sb.");
    CHECK(tarc::detail::writable_stand_in(*plain) == plain->object->state);
    const value old(global("copy_reg", "_reconstructor") +
                    tuple({global("m", "C"), global("__builtin__", "object"), "N"}) + "R}b.");
    CHECK(old->object->cls->global->name == "C");
    CHECK(tarc::detail::writable_stand_in(*old) != nullptr);
    const value named(global("m", "C") + tuple({integer(1)}) + "}" + text("k") + "K\1s\x92.");
    CHECK((*named->object->args->list)[1]->dict->size == 1);
}

TEST_CASE("instances of classes derived from Python's own count as what these are") {
    const value list(global("m", "L") + ")\x81(K\2K\3e}" + text("s") + "K\6sb.");
    CHECK(tarc::detail::writable_stand_in(*list) == list->object->items);
    const value dict(global("m", "D") + ")\x81" + text("k") + "K\5s}" + text("s") + "K\6sb.");
    CHECK(tarc::detail::writable_stand_in(*dict) == dict->object->pairs);
    const value slots(global("m", "S") + ")\x81N}" + text("s") + "K\6s\x86" + "b.");
    CHECK(find(*tarc::detail::writable_stand_in(*slots), "s").integer == 6);

    const value named(global("m", "N") + tuple({integer(1), "N"}) + "\x81.");
    REQUIRE(named->kind == value_kind::tuple);
    CHECK(!named->named);  // that would be a torch.Size
    CHECK((*named->list)[0]->integer == 1);
    const value one(global("m", "N") + tuple({"N"}) + "\x81.");
    REQUIRE(one->kind == value_kind::tuple);
    CHECK(one->list->size == 1);
    const value row(global("m", "T") + tuple({tuple({integer(1), integer(2), integer(3)})}) + "\x81.");
    REQUIRE(row->kind == value_kind::tuple);
    CHECK(row->list->size == 3);
    const value str(global("m", "V") + tuple({text("2.1")}) + "\x81.");
    CHECK(str->str() == "2.1");
    const value kept(global("m", "V") + tuple({text("2.1")}) + "\x81}" + text("s") + "K\6sb.");
    CHECK(kept->kind == value_kind::object);
    const value result(global("torch.return_types", "max") + tuple({tuple({integer(1), integer(2)}), "}"}) + "R.");
    CHECK(result->kind == value_kind::tuple);
}

TEST_CASE("texts of PyTorch's small constants") {
    using tarc::detail::text_of;
    CHECK(text_of(*value(global("torch", "float16") + ".")) == "torch.float16");
    CHECK(text_of(*value(global("torch", "uint3") + ".")) == "torch.uint3");
    CHECK(text_of(*value(global("torch", "channels_last") + ".")) == "torch.channels_last");
    CHECK(text_of(*value(global("torch", "per_tensor_affine") + ".")) == "torch.per_tensor_affine");
    CHECK(text_of(*value(global("torch", "Tensor") + ".")) == std::nullopt);
    CHECK(text_of(*value(global("other", "float16") + ".")) == std::nullopt);
    CHECK(text_of(*value(global("torch", "device") + tuple({text("cuda"), integer(1)}) + "R.")) == "cuda:1");
    CHECK(text_of(*value(global("torch", "device") + tuple({text("cpu")}) + "R.")) == "cpu");
    CHECK(text_of(*value(global("torch", "device") + tuple({integer(1)}) + "R.")) == std::nullopt);
    CHECK(text_of(*value(global("torch.serialization", "_get_layout") + tuple({text("torch.strided")}) + "R.")) ==
          "torch.strided");
    CHECK(text_of(*value("K\1.")) == std::nullopt);
}

TEST_CASE("a checkpoint of PyTorch") {
    const value v(from_hex(samples::torch_checkpoint));
    CHECK(find(*v, "epoch").integer == 3);
    CHECK(find(*v, "loss").real == 0.25);
    const auto& w = *find(*v, "w").tensor;
    CHECK(w.type == tarc::dtype::float32);
    CHECK(std::vector(w.shape.begin(), w.shape.end()) == std::vector<std::int64_t>{2, 3});
    CHECK(w.storage == find(*v, "t").tensor->storage);
    CHECK(find(*v, "t").tensor->strides[0] == 1);
    CHECK(w.storage->nbytes == 24);
    CHECK(w.storage->end == 24);
    CHECK(w.storage->location == "cpu");
    CHECK(w.storage->type == tarc::dtype::float32);
    CHECK(find(*v, "fp8").tensor->type == tarc::dtype::float8_e4m3fn);
    CHECK_FALSE(find(*v, "fp8").tensor->storage->type.has_value());
    CHECK(find(*v, "p").tensor->parameter);
    CHECK(find(*find(*v, "p").tensor->attributes, "note").str() == "kept");
    CHECK(find(*v, "q").tensor->requires_grad);
    CHECK(find(*v, "q").tensor->attributes == nullptr);
    CHECK(find(*v, "meta").tensor->meta);
    CHECK(find(*v, "conj").tensor->conj);
    CHECK(find(find(*v, "sd").dict->state[0], "_metadata").kind == value_kind::dict);
    CHECK(find(*v, "sp").kind == value_kind::object);
    CHECK(find(*v, "size").named);
    CHECK(find(*v, "b").str() == "\xff\0"s);
    CHECK(find(*v, "ba").mutable_);
    CHECK(find(*v, "s").list->size == 2);
    CHECK(find(*v, "c").complex[1] == 1);
    CHECK(find(*v, "big").big);
    CHECK(find(*v, "x").real == 0.5);
    CHECK(find(*v, "a").kind == value_kind::tensor);
    CHECK(find(*v, "a").tensor->storage->live.nbytes() == 24);
    CHECK(v.owner->storages().size() == 13);
}

TEST_CASE("keys are compared as Python compares them") {
    const auto both = [](const std::string& a, const std::string& b) {
        tree t;
        try {
            (void)read("}(" + a + "N" + b + "Nu.", t);
            return true;
        } catch (const tarc::error&) {
            return false;
        }
    };
    const auto real = [](double d) {
        std::string s = little(std::bit_cast<std::uint64_t>(d), 8);
        return "G" + std::string(s.rbegin(), s.rend());
    };
    const auto complex = [&](double re, double im) {
        return global("builtins", "complex") + tuple({real(re), real(im)}) + "R";
    };
    const auto big = [](const std::string& digits) { return "L" + digits + "L\n"; };
    CHECK_FALSE(both("K\1", "\x88"));
    CHECK_FALSE(both("K\1", real(1)));
    CHECK_FALSE(both("K\0"s, real(-0.0)));
    CHECK_FALSE(both(real(0.0), real(-0.0)));
    CHECK_FALSE(both("\x89", complex(0, -0.0)));
    CHECK_FALSE(both(real(0.5), complex(0.5, 0)));
    CHECK_FALSE(both(complex(0.5, 2), complex(0.5, 2)));
    CHECK_FALSE(both(big("18446744073709551616"), real(0x1p64)));
    CHECK_FALSE(both(big("-18446744073709551616"), real(-0x1p64)));
    CHECK_FALSE(both(big("9223372036854775808"), real(0x1p63)));
    CHECK_FALSE(both("K\1", "\x8a\x0c\1\0\0\0\0\0\0\0\0\0\0\0"s));
    CHECK(both(big("18446744073709551617"), real(0x1p64)));
    CHECK(both(big("18446744073709551616"), real(-0x1p64)));
    CHECK(both(big("9223372036854775807"), real(0x1p63)));
    CHECK(both(real(NAN), real(NAN)));
    CHECK_FALSE(both(real(NAN) + "q\0"s, "h\0"s));
    CHECK(both(complex(0.5, 2), complex(2, 0.5)));
    CHECK(both(text("1"), "K\1"));
    CHECK(both(text("a"), "C\1a"));
    CHECK_FALSE(both("C\1a", "C\1a"));
    CHECK_FALSE(both("N", "N"));
    CHECK_FALSE(both(tuple({"K\1", text("a")}), tuple({real(1), text("a")})));
    CHECK(both(tuple({"K\1", "K\2"}), tuple({"K\2", "K\1"})));
    CHECK(both(tuple({"K\1"}), tuple({tuple({"K\1"})})));
    CHECK_FALSE(both("(K\1K\2\x91", "(K\2K\1\x91"));
    CHECK(both("(K\1\x91", "(K\2\x91"));
    CHECK_FALSE(both(global("torch", "float16"), global("torch", "float16")));
    CHECK(both(global("torch", "float16"), global("torch", "float32")));
    CHECK(both(global("a", "B") + ")R", global("a", "B") + ")R"));
    const auto device = [](const std::string& name) { return global("torch", "device") + tuple({text(name)}) + "R"; };
    CHECK_FALSE(both(device("cpu"), device("cpu")));
    CHECK(both(device("cpu"), device("meta")));
}

TEST_CASE("large dicts and sets take linear time") {
    std::string many = "}(";
    for (int i = 0; i < 200000; ++i) many += text("layer." + std::to_string(i)) + "N";
    CHECK(value(many + "u.")->dict->size == 200000);
    many = "\x8f";
    for (int i = 0; i < 100; ++i) {
        many += "(";
        for (int k = 0; k < 1000; ++k) many += integer(i * 1000 + k);
        many += "\x90";
    }
    CHECK(value(many + ".")->list->size == 100000);
    many = "]";
    for (int i = 0; i < 200000; ++i) many += "Na";
    CHECK(value(many + ".")->list->size == 200000);
}
