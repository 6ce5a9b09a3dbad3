// What malformed and hostile pickles do: a typed error with its place, or an inert tree. The numbers are those of a
// catalogue of attacks on pickle readers: P for the machine, T for tensors.

#include "container/pickle_help.hpp"
#include "container/pickle_samples.hpp"

using namespace pk;
using namespace std::string_literals;

namespace {

void check_opaque(std::string_view bytes, std::string_view module, std::string_view name) {
    const value v(bytes);
    REQUIRE(v->kind == value_kind::object);
    REQUIRE(v->object->cls->kind == value_kind::global);
    CHECK(v->object->cls->global->module == module);
    CHECK(v->object->cls->global->name == name);
}

}  // namespace

TEST_CASE("P01-P09: calls of unknown functions are data") {
    check_opaque(global("os", "system") + tuple({text("true")}) + "R.", "os", "system");
    check_opaque(global("builtins", "eval") + tuple({text("1")}) + "R.", "builtins", "eval");
    check_opaque(global("torch", "load") + tuple({text("x")}) + "R.", "torch", "load");
    check_opaque(global("collections", "OrderedDict.fromkeys") + ")R.", "collections", "OrderedDict.fromkeys");
    check_opaque(global("collections\r", "OrderedDict\r") + ")R.", "collections\r", "OrderedDict\r");
    check_opaque(text("os") + text("system") + "\x93" + tuple({text("true")}) + "R.", "os", "system");
    check_opaque("(" + text("true") + "ios\nsystem\n.", "os", "system");
    check_opaque("(" + global("os", "system") + text("true") + "o.", "os", "system");
    check_opaque(global("os", "system") + ")\x81.", "os", "system");
    check_opaque(global("a", "b") + ")}\x92.", "a", "b");
    check_fails("K\1K\2\x93.", errc::bad_pickle, "not a string");
    check_fails("c\nsystem\n.", errc::bad_pickle, "empty or not UTF-8");
    check_fails("cos\nsys", errc::bad_pickle, "within a line");
    // the result of an unknown call may be called again
    const value v(global("builtins", "getattr") + tuple({global("os", "path"), text("x")}) + "R" + tuple({integer(1)}) +
                  "R.");
    CHECK(v->object->cls->kind == value_kind::object);
}

TEST_CASE("P10-P14: extensions and persistent ids") {
    check_fails("\x82\1.", errc::unsupported, "extension");
    check_fails("\x83\1\1.", errc::unsupported, "extension");
    check_fails("\x84\1\1\1\1.", errc::unsupported, "extension");
    check_fails("Pwhat\n.", errc::bad_pickle, "persistent id is text");
    check_fails("K\1Q.", errc::bad_pickle, "not a tuple");
    check_fails(tuple({text("storage"), text("0")}) + "Q.", errc::bad_pickle, "2 elements");
    check_fails(tuple({text("other"), "N", "N", "N", "N"}) + "Q.", errc::bad_pickle, "\"storage\"");
    check_fails(storage("NoStorage") + ".", errc::bad_pickle, "torch.NoStorage is not a storage class");
    check_fails(tuple({text("storage"), text("FloatStorage"), text("0"), text("cpu"), integer(1)}) + "Q.",
                errc::bad_pickle, "not a storage class");
    check_fails(storage("FloatStorage", text("0"), integer(1), "N") + ".", errc::bad_pickle, "location");
}

TEST_CASE("P15-P22: storages") {
    check_fails(storage("FloatStorage", text("0"), integer(std::int64_t{1} << 62)) + ".", errc::bad_pickle,
                "impossible size");
    check_fails(storage("FloatStorage", text("0"), integer(-1)) + ".", errc::bad_pickle, "impossible size");
    check_fails(storage("FloatStorage", text("0"), text("1")) + ".", errc::bad_pickle, "not an integer");
    check_fails(storage("FloatStorage", "N") + ".", errc::bad_pickle, "key of a storage");
    const value number(storage("FloatStorage", integer(7)) + ".");
    CHECK(number->storage->key == "7");
    CHECK(number->storage->nbytes == 24);
    const value same(tuple({storage(), storage(), storage("FloatStorage", text("1"))}) + ".");
    CHECK((*same->list)[0]->storage == (*same->list)[1]->storage);
    CHECK((*same->list)[0]->storage != (*same->list)[2]->storage);
    check_fails(tuple({storage(), storage("IntStorage")}) + ".", errc::bad_pickle, "appears twice");
    check_fails(tuple({storage(), storage("FloatStorage", text("0"), integer(7))}) + ".", errc::bad_pickle,
                "appears twice");
    check_fails(tuple({storage(), storage("FloatStorage", text("0"), integer(6), text("cuda:0"))}) + ".",
                errc::bad_pickle, "different locations");
    CHECK_NOTHROW(value(tuple({storage("ByteStorage"), storage("UntypedStorage")}) + "."));
    CHECK(value(storage("FloatStorage", text("0"), integer(6), text("cuda:99")) + ".")->storage->location == "cuda:99");
    CHECK(value(storage("FloatStorage", text("../../etc"), integer(0), text("\n")) + ".")->storage->key == "../../etc");
}

TEST_CASE("P23-P27: instructions on the wrong kind of value") {
    check_fails(tensor() + text("a") + "K\1s.", errc::bad_pickle, "not a dict");
    check_fails("](K\1K\2u.", errc::bad_pickle, "not a dict");
    check_fails("}(K\1K\2K\3u.", errc::bad_pickle, "a key without a value");
    check_fails("(K\1d.", errc::bad_pickle, "a key without a value");
    check_fails("}K\1a.", errc::bad_pickle, "APPEND on (a dict)");
    check_fails(tensor() + "(K\1e.", errc::bad_pickle, "APPENDS on (an object)");
    check_fails("](K\1\x90.", errc::bad_pickle, "ADDITEMS");
    check_fails("(\x91(K\1\x90.", errc::bad_pickle, "ADDITEMS on (a frozenset)");
    check_fails("}]K\1s.", errc::bad_pickle, "Python cannot hash");
    check_fails("}}K\1s.", errc::bad_pickle, "Python cannot hash");
    check_fails("}(]tK\1s.", errc::bad_pickle, "Python cannot hash");
    check_fails("}\x8fK\1s.", errc::bad_pickle, "Python cannot hash");
    check_fails("\x8f(]\x90.", errc::bad_pickle, "Python cannot hash");
    CHECK(value("}" + tensor() + "K\1s.")->dict->size == 1);
}

TEST_CASE("P28-P34: cycles, sharing, depth") {
    const value list("]q\0h\0a."s);
    CHECK((*list->list)[0] == list.root);
    const value dict("}q\0K\1h\0s."s);
    CHECK((*dict->dict)[0].value == dict.root);
    std::string laughs = "K\1";
    for (int i = 0; i < 100; ++i) laughs += "2\x86";
    CHECK(value(laughs + ".")->list->size == 2);
    CHECK(value("}" + laughs + "K\1s.")->dict->size == 1);
    // the same bomb twice, as two keys: equal, and found to be so in bounded time
    check_fails("}(" + laughs + "K\1" + laughs + "K\2u.", errc::limit_exceeded, "collide");
    const std::string deep(1000000, ']');
    CHECK_NOTHROW(value(deep + std::string(999999, 'a') + "."));
    CHECK_NOTHROW(value("N" + std::string(300000, '\x85') + "."));
    CHECK_NOTHROW(value("}N" + std::string(300000, '\x85') + "K\1s."));
    check_fails(std::string(1000000, '('), errc::bad_pickle, "no STOP");
    check_fails(std::string(1000000, '(') + "N.", errc::bad_pickle, "ends with 1 values");
}

TEST_CASE("P35-P37: the memo") {
    CHECK(value("Nr\xff\xff\xff\xff"
                "j\xff\xff\xff\xff"
                "\x86.")
              ->list->size == 2);
    CHECK(value("Np999999999999999999\ng999999999999999999\n\x86.")->list->size == 2);
    check_fails("h\0."s, errc::bad_pickle, "never set");
    check_fails("Nr\xff\xff\xff\xfej\xff\xff\xff\xff.", errc::bad_pickle, "never set");
    check_fails("q\0."s, errc::bad_pickle, "empty stack");
    check_fails("N(q\0."s, errc::bad_pickle, "empty stack");
    check_fails("\x94.", errc::bad_pickle, "empty stack");
    check_fails("Npx\n.", errc::bad_pickle, "memo index");
    check_fails("Np-1\n.", errc::bad_pickle, "memo index");
    check_fails("Np\n.", errc::bad_pickle, "memo index");
    std::string far;
    for (std::uint64_t i = 0; i < 20000; ++i) far += "Nr" + little(i * 200003, 4) + "0";
    const value v(far + "N.");
    CHECK(v->kind == value_kind::none);
}

TEST_CASE("P38-P45: ends and lengths") {
    check_fails("", errc::bad_pickle, "no STOP");
    check_fails("N", errc::bad_pickle, "no STOP");
    check_fails(".", errc::bad_pickle, "0 values");
    check_fails("N.N", errc::bad_pickle, "1 bytes follow");
    check_fails("NN.", errc::bad_pickle, "2 values");
    check_fails("(N.", errc::bad_pickle, "not one");
    check_fails(
        "X\xff\xff\xff\xff"
        "a.",
        errc::bad_pickle, "4294967295 bytes are announced, 2 are left");
    check_fails("\x8d" + little(std::uint64_t{1} << 63, 8) + "a.", errc::bad_pickle, "announced");
    check_fails("\x8e" + little(~std::uint64_t{0}, 8) + "a.", errc::bad_pickle, "announced");
    check_fails("\x96" + little(~std::uint64_t{0}, 8) + "a.", errc::bad_pickle, "announced");
    check_fails(
        "T\xff\xff\xff\xff"
        "a.",
        errc::bad_pickle, "negative length");
}

TEST_CASE("P46-P51: integers and strings") {
    CHECK(value("\x8a\xff" + std::string(255, '\1') + ".")->size == 255);
    check_fails("\x8b\xff\xff\xff\x7f.", errc::bad_pickle, "announced");
    check_fails("\x8b\xff\xff\xff\xff.", errc::bad_pickle, "negative length");
    check_fails("\x8b" + little(1 << 17, 4) + std::string(1 << 17, '\1') + ".", errc::limit_exceeded, "integer_bytes");
    check_fails("I" + std::string(1 << 20, '9') + "\n.", errc::bad_pickle, "4300 digits");
    check_fails("I1x\n.", errc::bad_pickle, "malformed");
    check_fails("I\n.", errc::bad_pickle, "malformed");
    check_fails("F1.5.\n.", errc::bad_pickle, "float");
    check_fails("F\n.", errc::bad_pickle, "float");
    check_fails("X\2\0\0\0\xff\xfe."s, errc::bad_pickle, "UTF-8");
    check_fails("X\2\0\0\0\xc0\x80."s, errc::bad_pickle, "UTF-8");
    check_fails("V\\u12\n.", errc::bad_pickle, "malformed");
    check_fails("V\\U00110000\n.", errc::bad_pickle, "malformed");
    check_fails("S'a\n.", errc::bad_pickle, "malformed");
    check_fails("Sa\n.", errc::bad_pickle, "malformed");
    CHECK(value("X\3\0\0\0\xed\xa0\x80."s)->str() == "\xed\xa0\x80");
}

TEST_CASE("P52-P60: calls, states, protocol") {
    check_fails(global("torch._utils", "_rebuild_tensor_v2") + ")R.", errc::bad_pickle, "given 0 arguments");
    check_fails(global("torch._utils", "_rebuild_parameter") + tuple({"N", "N", "N"}) + "R.", errc::bad_pickle,
                "not a tensor");
    check_fails("K\1)R.", errc::bad_pickle, "neither a class nor a function");
    check_fails(global("os", "system") + "]R.", errc::bad_pickle, "not a tuple");
    check_fails(global("os", "system") + ")]\x92.", errc::bad_pickle, "named arguments");
    check_fails(tensor() + tuple({"N"}) + "b.", errc::bad_pickle, "not a dict of attributes");
    check_fails("}}b.", errc::bad_pickle, "a state is given to (a dict)");
    check_fails("]}b.", errc::bad_pickle, "a state is given to (a list)");
    check_fails("K\1}b.", errc::bad_pickle, "a state is given to 1");
    check_fails(global("a", "B") + ")\x81}b}b.", errc::bad_pickle, "twice");
    const value ordered(global("collections", "OrderedDict") + ")R}" + text("__class__") + global("os", "x") + "sb.");
    REQUIRE(ordered->dict->state != nullptr);
    CHECK(ordered->dict->state->dict->size == 1);
    check_fails(global("collections", "OrderedDict") + ")RK\1b.", errc::bad_pickle, "state of a dict");
    check_fails("\x80\xffN.", errc::unsupported, "protocol 255");
    check_fails("\x95" + little(std::uint64_t{1} << 40, 8) + "N.", errc::bad_pickle, "frame");
    check_fails("\x97.", errc::unsupported, "buffer");
    check_fails("N\x98.", errc::unsupported, "buffer");
    check_fails("\xfe.", errc::bad_pickle, "no pickle instruction");
}

TEST_CASE("P61: keys and elements that are equal in Python") {
    for (const std::string& key : {"K\1"s, "\x88"s, "G\x3f\xf0\0\0\0\0\0\0"s})
        check_fails("}(K\1K\1" + key + "K\2u.", errc::bad_pickle, "duplicate dict key");
    check_fails("}(" + text("a") + "N" + text("a") + "Nu.", errc::bad_pickle, "duplicate dict key 'a'");
    check_fails("}" + text("a") + "Ns" + text("a") + "Ns.", errc::bad_pickle, "duplicate dict key 'a'");
    check_fails("(K\1K\1d" + text("a") + "NsK\1Ns.", errc::bad_pickle, "duplicate dict key 1");
    check_fails("\x8f(K\1K\1\x90.", errc::bad_pickle, "duplicate set element");
    check_fails("(K\1\x88\x91.", errc::bad_pickle, "duplicate set element");
    check_fails(global("builtins", "set") + "](NNe\x85R.", errc::bad_pickle, "duplicate set element None");
    const std::string pair = "](" + text("k") + "Ne";
    check_fails(global("collections", "OrderedDict") + "](" + pair + pair + "e\x85R.", errc::bad_pickle,
                "duplicate dict key 'k'");
    check_fails(global("a", "B") + ")\x81(K\1NK\1Nu.", errc::bad_pickle, "duplicate dict key 1");
    CHECK(value("}(K\1N" + text("1") +
                "NU\1\xff"
                "NX\0\0\0\0Nu."s)
              ->dict->size == 4);
}

TEST_CASE("P62-P69: roots, and classes that make much of little") {
    CHECK(value("K\1.")->integer == 1);
    check_opaque(global("builtins", "bytearray") + tuple({integer(std::int64_t{1} << 40)}) + "R.", "builtins",
                 "bytearray");
    check_opaque(global("builtins", "bytes") + tuple({integer(std::int64_t{1} << 40)}) + "R.", "builtins", "bytes");
    check_opaque(global("builtins", "complex") + tuple({text("1e5")}) + "R.", "builtins", "complex");
    check_opaque(global("_codecs", "encode") + tuple({text("x"), text("zip")}) + "R.", "_codecs", "encode");
    check_opaque(global("builtins", "list") + tuple({text("abc")}) + "R.", "builtins", "list");
    check_opaque(global("collections", "Counter") + tuple({"]"}) + "R.", "collections", "Counter");
    check_fails(global("_codecs", "encode") + tuple({text("\xc4\x80"), text("latin1")}) + "R.", errc::bad_pickle,
                "U+00FF");
    check_fails(global("torch", "Size") + tuple({"](Ne"}) + "R.", errc::bad_pickle, "torch.Size");
    check_fails(global("collections", "OrderedDict") + "](K\1e\x85R.", errc::bad_pickle, "pairs");
    check_fails("0.", errc::bad_pickle, "empty stack");
    check_fails("2.", errc::bad_pickle, "empty stack");
    check_fails("1.", errc::bad_pickle, "no MARK");
    check_fails("(0.", errc::bad_pickle, "0 values");
    check_fails("N\x86.", errc::bad_pickle, "empty stack");
    check_fails("N(\x85.", errc::bad_pickle, "empty stack");

    // one large text, asked for again and again
    const std::string much = text(std::string(100000, 'a')) + "q\0"s + text("latin1") + "q\1(";
    std::string again;
    for (int i = 0; i < 1000; ++i) again += global("_codecs", "encode") + "h\0h\1\x86R"s;
    check_fails(much + again + "t.", errc::limit_exceeded, "far more data than it holds");
    std::string long_list = "](";
    for (int i = 0; i < 50000; ++i) long_list += "N";
    long_list += "eq\0"s;
    again.clear();
    for (int i = 0; i < 1000; ++i) again += global("builtins", "list") + "h\0\x85R"s;
    check_fails(long_list + "(" + again + "t.", errc::limit_exceeded, "far more data than it holds");
    check_fails("](NNNNNNNNe.", errc::limit_exceeded, "limits::nodes", {.nodes = 5});
    check_fails("N" + std::string(99, 'N') + ".", errc::limit_exceeded, "limits::pickle_bytes", {.pickle_bytes = 100});
}

TEST_CASE("T01-T26: tensors against their storage") {
    const std::string s = storage();  // 6 elements
    const auto shape = [](auto... n) { return tuple({integer(n)...}); };
    const auto fails = [&](const std::string& offset, const std::string& size, const std::string& stride,
                           std::string_view words, errc code = errc::bad_tensor) {
        check_fails(tensor(s, offset, size, stride) + ".", code, words);
    };
    const auto reads = [&](const std::string& offset, const std::string& size, const std::string& stride) {
        CHECK(value(tensor(s, offset, size, stride) + ".")->kind == value_kind::tensor);
    };
    const std::int64_t large = std::int64_t{1} << 62;
    fails(integer(0), shape(7), shape(1), "reaches past");
    fails(integer(1), shape(6), shape(1), "reaches past");
    fails(integer(7), "(t", "(t", "reaches past");
    fails(integer(6), "(t", "(t", "reaches past");
    fails(integer(-1), shape(1), shape(1), "negative offset");
    fails(integer(INT64_MAX), shape(1), shape(1), "reaches past");
    fails(integer(0), shape(2), shape(-1), "negative");
    fails(integer(0), shape(0), shape(-1), "negative");
    fails(integer(0), shape(-2), shape(1), "negative");
    fails(integer(0), shape(0, -2), shape(1, 1), "negative");
    fails(integer(0), shape(2), shape(large), "reaches past");
    fails(integer(0), shape(8, 2), shape(large, large), "64 bits");
    reads(integer(0), shape(1), shape(large));
    fails(integer(0), shape(large, 8), shape(0, 0), "64 bits");
    reads(integer(0), shape(std::int64_t{1} << 40), shape(0));
    reads(integer(5), "(t", "(t");
    reads(integer(0), shape(0, large), shape(1, 1));
    reads(integer(100), shape(0), shape(1));
    reads(integer(0), shape(3, 2), shape(1, 3));
    reads(integer(0), shape(3, 3), shape(1, 1));
    fails(integer(0), shape(1, 2), shape(1), "2 sizes and 1 strides");
    std::string dims = "(", ones = "(";
    for (int i = 0; i < 65; ++i) dims += integer(1), ones += integer(1);
    fails(integer(0), dims + "t", ones + "t", "65 dimensions", errc::limit_exceeded);
    fails(integer(0), tuple({text("2")}), shape(1), "not an integer", errc::bad_pickle);
    fails(integer(0), tuple({"\x88"}), shape(1), "not an integer", errc::bad_pickle);
    fails(integer(0), tuple({"\x8a\x09" + std::string(8, '\xff') + std::string(1, '\0')}), shape(1), "64 bits",
          errc::bad_pickle);
    fails(integer(0), integer(3), shape(1), "not a tuple", errc::bad_pickle);
    fails("N", shape(1), shape(1), "not an integer", errc::bad_pickle);
    check_fails(tensor("N", integer(0), shape(1), shape(1)) + ".", errc::bad_pickle, "not a storage");
    // the element size of the dtype counts, not that of the storage
    const auto v3 = [&](const std::string& type, std::int64_t n) {
        return global("torch._utils", "_rebuild_tensor_v3") +
               tuple({storage("UntypedStorage", text("0"), integer(8)), integer(0), shape(n), shape(1), "\x89", "N",
                      type}) +
               "R.";
    };
    CHECK(value(v3(global("torch", "uint32"), 2))->tensor->type == tarc::dtype::uint32);
    check_fails(v3(global("torch", "uint32"), 3), errc::bad_tensor, "reaches past the 2 elements");
    check_fails(v3(global("torch", "nothing"), 1), errc::bad_pickle, "not a dtype");
    check_fails(global("torch._utils", "_rebuild_tensor_v2") +
                    tuple({s, integer(0), shape(1), shape(1), "\x89", "N", "}" + text("conj") + "\x88s"}) + "R.",
                errc::bad_tensor, "conj");
}

TEST_CASE("damaged real pickles: an error or a value, and nothing else, for every length and every byte") {
    for (const std::string_view hex :
         {samples::torch_checkpoint, samples::python_protocol_0, samples::python_protocol_1, samples::python_protocol_2,
          samples::python_protocol_4, samples::python_protocol_5}) {
        const std::string whole = from_hex(hex);
        const auto attempt = [](const std::string& bytes) {
            tree t;
            try {
                const node* root = read(bytes, t);
                (void)tarc::detail::write_pickle(*root, tarc::limits{});
            } catch (const tarc::error&) {
            }
        };
        CHECK_NOTHROW(value{whole});
        for (std::size_t n = 0; n < whole.size(); ++n) {
            tree t;
            CHECK_THROWS_AS((void)read(std::string_view(whole).substr(0, n), t), tarc::error);
        }
        for (std::size_t i = 0; i < whole.size(); ++i)
            for (const unsigned flip : {0x01u, 0x02u, 0x04u, 0x08u, 0x10u, 0x20u, 0x40u, 0x80u, 0xffu}) {
                std::string damaged = whole;
                damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ flip);
                CHECK_NOTHROW(attempt(damaged));
            }
    }
}
