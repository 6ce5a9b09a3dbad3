// What the pickle writer makes of trees. That PyTorch and Python read it is shown in test_pickle.py.

#include "container/pickle_help.hpp"
#include "container/pickle_samples.hpp"

#include <array>

using namespace pk;
using namespace std::string_literals;
using tarc::detail::tensor_body;
using tarc::detail::write_pickle;

namespace {

void check_unsavable(const node& root, std::string_view words, std::string_view path, errc code = errc::unsavable) {
    try {
        (void)write_pickle(root, tarc::limits{});
        FAIL_CHECK("was written, but should fail with: " << words);
    } catch (const tarc::error& e) {
        INFO(e.what());
        CHECK(e.code() == code);
        CHECK(e.message().find(words) != std::string::npos);
        CHECK(e.field() == path);
    }
}

node* vector(tree& t, tarc::detail::storage_body& s, tarc::dtype type, std::int64_t offset, std::int64_t size) {
    const std::array<std::int64_t, 1> shape{size}, strides{1};
    tensor_body b{};
    b.type = type;
    b.storage = &s;
    b.offset = offset;
    b.shape = shape;
    b.strides = strides;
    return t.tensor(b);
}

}  // namespace

TEST_CASE("exact bytes") {
    tree t;
    CHECK(written(*t.none()) == "\x80\2N.");
    CHECK(written(*t.integer(255)) == "\x80\2K\xff.");
    CHECK(written(*t.integer(256)) == "\x80\2M\0\1."s);
    CHECK(written(*t.integer(-1)) == "\x80\2J\xff\xff\xff\xff.");
    CHECK(written(*t.integer(1ll << 31)) == "\x80\2\x8a\5\0\0\0\x80\0."s);
    CHECK(written(*t.integer(-(1ll << 31) - 1)) == "\x80\2\x8a\5\xff\xff\xff\x7f\xff.");
    CHECK(written(*t.integer(INT64_MIN)) == "\x80\2\x8a\x08\0\0\0\0\0\0\0\x80."s);
    CHECK(written(*t.unsigned_integer(UINT64_MAX)) == "\x80\2\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\0."s);
    CHECK(written(*t.real(1)) == "\x80\2G\x3f\xf0\0\0\0\0\0\0."s);
    CHECK(written(*t.string("ab")) == "\x80\2X\2\0\0\0ab."s);
    CHECK(written(*t.bytes("")) ==
          "\x80\2"
          "c_codecs\nencode\nq\0X\0\0\0\0X\6\0\0\0latin1q\1\x86Rq\2."s);
    CHECK(written(*t.sequence(value_kind::tuple)) == "\x80\2).");
    node* list = t.sequence(value_kind::list);
    CHECK(written(*list) == "\x80\2]q\0."s);
    t.append(list, t.none());
    t.append(list, t.boolean(true));
    CHECK(written(*list) ==
          "\x80\2]q\0(N\x88"
          "e."s);
    auto& s = t.add_storage("x", "cuda:1", 24);
    CHECK(written(*vector(t, s, tarc::dtype::float32, 0, 6)) ==
          "\x80\2"
          "ctorch._utils\n_rebuild_tensor_v2\nq\0((X\7\0\0\0storageq\1"
          "ctorch\nFloatStorage\nq\2X\1\0\0\0"
          "0"
          "X\6\0\0\0cuda:1q\3K\6tQK\0K\6\x85K\1\x85\x89"
          "ccollections\nOrderedDict\nq\4)RtRq\5."s);
}

TEST_CASE("written, read and written again: the same bytes") {
    for (const std::string_view hex :
         {samples::torch_checkpoint, samples::python_protocol_0, samples::python_protocol_5}) {
        std::string whole = from_hex(hex);
        const value v(whole);
        if (hex != samples::torch_checkpoint) v->list->size -= 4;  // without the object and the cycle behind it
        const std::string first = written(*v);
        CHECK(first == written(*v));
        const value again(first);
        CHECK(written(*again) == first);
        CHECK(first.size() < whole.size() * 3);
    }
}

TEST_CASE("a compact view: the range that is saved, offsets from its start") {
    tree t;
    auto& s = t.add_storage("big", "cpu", 4000);
    s.begin = 400;
    s.end = 480;
    node* list = t.sequence(value_kind::list);
    t.append(list, vector(t, s, tarc::dtype::float32, 100, 20));
    t.append(list, vector(t, s, tarc::dtype::float32, 110, 5));
    t.append(list, vector(t, s, tarc::dtype::float32, 7, 0));
    const auto made = write_pickle(*list, tarc::limits{});
    REQUIRE(made.storages.size() == 1);
    CHECK(made.storages[0] == &s);
    const value v(std::string_view(reinterpret_cast<const char*>(made.bytes.data()), made.bytes.size()));
    CHECK((*v->list)[0]->tensor->storage->nbytes == 80);
    CHECK((*v->list)[0]->tensor->offset == 0);
    CHECK((*v->list)[1]->tensor->offset == 10);
    CHECK((*v->list)[2]->tensor->offset == 0);
    t.append(list, vector(t, s, tarc::dtype::float32, 99, 2));
    check_unsavable(*list, "not within the bytes", "3", errc::bad_tensor);
    (*list->list)[3] = vector(t, s, tarc::dtype::float32, 119, 2);
    check_unsavable(*list, "not within the bytes", "3", errc::bad_tensor);
    s.end = 482;
    check_unsavable(*list, "whole elements", "0");
    s.end = 5000;
    check_unsavable(*list, "range", "0", errc::invalid_argument);
}

TEST_CASE("storages are numbered by first reference") {
    tree t;
    auto &a = t.add_storage("a", "cpu", 4), &b = t.add_storage("b", "cpu", 4), &unused = t.add_storage("u", "cpu", 4);
    node* dict = t.dict();
    t.insert(dict, "second", vector(t, b, tarc::dtype::float32, 0, 1));
    t.insert(dict, "first", vector(t, a, tarc::dtype::float32, 0, 1));
    t.insert(dict, "again", vector(t, b, tarc::dtype::float32, 0, 1));
    const auto made = write_pickle(*dict, tarc::limits{});
    REQUIRE(made.storages.size() == 2);
    CHECK(made.storages[0] == &b);
    CHECK(made.storages[1] == &a);
    CHECK(unused.index == 2);
}

TEST_CASE("what cannot be saved is named with its path") {
    tree t;
    node *root = t.dict(), *inner = t.dict(), *list = t.sequence(value_kind::list);
    t.insert(root, "epoch", t.integer(1));
    t.insert(root, "model", inner);
    inner->dict->push_back(t.memory, {t.integer(7), list});
    t.append(list, t.none());
    t.append(list, t.object(t.global("os", "system"), t.sequence(value_kind::tuple)));
    check_unsavable(*root, "os.system is not among", "model/7/1");
    (*list->list)[1] = t.global("my", "function");
    check_unsavable(*root, "my.function", "model/7/1");
    (*list->list)[1] = t.string("\xff");
    check_unsavable(*root, "not UTF-8", "model/7/1");
    (*list->list)[1] = t.big_integer(std::string(256, '\1'));
    check_unsavable(*root, "256 bytes", "model/7/1");

    auto& s = t.add_storage("", "cpu", 16);
    (*list->list)[0] = vector(t, s, tarc::dtype::float32, 0, 4);
    (*list->list)[1] = vector(t, s, tarc::dtype::int32, 0, 4);
    check_unsavable(*root, "elements of int32 stand in a storage that holds float32 at \"model/7/0\"", "model/7/1");
    (*list->list)[0] = vector(t, s, tarc::dtype::uint8, 0, 4);  // PyTorch reads this pair
    (*list->list)[1] = vector(t, s, tarc::dtype::float8_e5m2, 0, 4);
    CHECK_NOTHROW((void)write_pickle(*root, tarc::limits{}));

    list->list->size = 1;
    node *key = t.sequence(value_kind::tuple), *frozen = t.sequence(value_kind::set), *holder = t.dict();
    frozen->mutable_ = false;
    t.append(key, frozen);
    holder->dict->push_back(t.memory, {key, t.none()});
    t.append(list, frozen);
    CHECK_NOTHROW((void)write_pickle(*root, tarc::limits{}));
    t.append(list, holder);
    check_unsavable(*root, "cannot hash", "model/7/2/(a key that is no string)/0");
    list->list->size = 2;

    node* loop = t.sequence(value_kind::tuple);
    t.append(list, loop);
    t.append(loop, list);
    CHECK_NOTHROW((void)write_pickle(*root, tarc::limits{}));  // the list comes first
    check_unsavable(*loop, "contains itself", "0/2");
    try {
        (void)write_pickle(*root, {.nodes = 3});
        FAIL_CHECK("limits::nodes was not looked at");
    } catch (const tarc::error& e) {
        CHECK(e.code() == errc::limit_exceeded);
    }
}

TEST_CASE("nodes that are shared are written once") {
    tree t;
    node* v = t.sequence(value_kind::list);
    t.append(v, t.string(std::string(1000, 'x')));
    for (int i = 0; i < 100; ++i) {
        node* next = t.sequence(i % 2 == 0 ? value_kind::tuple : value_kind::list);
        for (int k = 0; k < 10; ++k) t.append(next, v);
        v = next;
    }
    const std::string bytes = written(*v);
    CHECK(bytes.size() < 5000);
    const value back(bytes);
    CHECK((*back->list)[0] == (*back->list)[9]);
}

TEST_CASE("a hundred thousand tensors") {
    tree t;
    node* dict = t.dict(tarc::detail::dict_class::ordered);
    for (int i = 0; i < 100000; ++i)
        t.insert(dict, "l" + std::to_string(i), vector(t, t.add_storage("", "cpu", 4), tarc::dtype::float32, 0, 1));
    const auto made = write_pickle(*dict, tarc::limits{});
    CHECK(made.storages.size() == 100000);
    CHECK(made.bytes.size() / 100000 < 75);
}
