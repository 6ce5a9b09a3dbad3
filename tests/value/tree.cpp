#include <doctest/doctest.h>

#include <tarc/value/copy.hpp>
#include <tarc/value/tensor_of.hpp>

#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

using tarc::dtype;
using tarc::storage;
using tarc::value_kind;
using tarc::detail::arena;
using tarc::detail::node;
using tarc::detail::tensor_body;
using tarc::detail::tensor_of;
using tarc::detail::tree;
using tarc::detail::tree_copier;

TEST_CASE("an arena hands out aligned memory that does not overlap") {
    arena a;
    CHECK_EQ(a.capacity(), 0);
    static_cast<void>(a.allocate(0));  // of nothing yet
    std::vector<std::pair<unsigned char*, std::size_t>> all;
    for (std::size_t i = 1; i < 300; ++i) {
        auto* p = static_cast<unsigned char*>(a.allocate(i * 7 % 5000, std::size_t{1} << (i % 5)));
        CHECK_EQ(reinterpret_cast<std::uintptr_t>(p) % (std::size_t{1} << (i % 5)), 0);
        std::memset(p, static_cast<int>(i % 251), i * 7 % 5000);
        all.emplace_back(p, i);
    }
    std::size_t wrong = 0;
    for (const auto& [p, i] : all)
        for (std::size_t k = 0; k < i * 7 % 5000; ++k) wrong += p[k] != i % 251;
    CHECK_EQ(wrong, 0);
    CHECK(a.copy("text") == "text");
    CHECK(a.copy("").empty());
    CHECK_THROWS(static_cast<void>(a.array<std::uint64_t>(SIZE_MAX / 4)));
}

TEST_CASE("integers of any length") {
    tree t;
    CHECK_EQ(t.unsigned_integer(5)->integer, 5);
    const node* big = t.unsigned_integer(UINT64_MAX);
    CHECK(big->big);
    CHECK_EQ(big->str(), std::string("\xff\xff\xff\xff\xff\xff\xff\xff\x00", 9));
    const auto value_of = [&](std::string_view bytes) { return t.big_integer(bytes); };
    CHECK_EQ(value_of("")->integer, 0);
    CHECK_EQ(value_of(std::string_view("\x05\0\0\0\0\0\0\0\0\0\0", 11))->integer, 5);
    CHECK_EQ(value_of("\xff")->integer, -1);
    CHECK_EQ(value_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")->integer, -1);
    CHECK_EQ(value_of(std::string_view("\xff\0", 2))->integer, 255);
    CHECK_EQ(value_of(std::string_view("\0\0\0\0\0\0\0\x80", 8))->integer, INT64_MIN);
    CHECK_FALSE(value_of(std::string_view("\0\0\0\0\0\0\0\x80\xff", 9))->big);
    const node* past = value_of(std::string_view("\0\0\0\0\0\0\0\x80\0", 9));  // 2^63
    CHECK(past->big);
    CHECK_EQ(past->size, 9);
    CHECK_EQ(value_of(std::string_view("\0\0\0\0\0\0\0\x80\0\0\0", 11))->size, 9);
}

TEST_CASE("one storage in memory is one storage of a tree") {
    tree t;
    const storage a = storage::allocate(8), b = storage::allocate(8);
    auto& first = t.storage_of(a);
    CHECK_EQ(&t.storage_of(a), &first);
    CHECK_NE(&t.storage_of(b), &first);
    CHECK_EQ(t.storages().size(), 2);
    CHECK_EQ(first.location, "cpu");
    CHECK_EQ(first.nbytes, 8);
}

TEST_CASE("copies of trees share what was shared, cycles included, and outlive the original") {
    tree to;
    node* copy = nullptr;
    node* second = nullptr;
    tree_copier copier(to);
    {
        tree from;
        const auto tensor = tarc::tensor<float>::full({2}, 3.f);
        node* shared = from.string("shared text");
        node* list = from.sequence(value_kind::list);
        node* dict = from.dict(tarc::detail::dict_class::ordered);
        from.append(list, shared);
        from.append(list, shared);
        from.append(list, dict);
        from.insert(dict, "self", list);  // a cycle
        from.insert(dict, "tensor", tarc::detail::tensor_node(from, tensor));
        from.insert(dict, "view", tarc::detail::tensor_node(from, tensor.narrow(0, 1, 1)));
        from.insert(dict, "big", from.unsigned_integer(UINT64_MAX));
        from.insert(dict, "z", from.complex(1, 2));
        node* object = from.object(from.global("module", "name"), from.sequence(value_kind::tuple));
        object->object->state = dict;
        from.insert(dict, "object", object);
        dict->dict->state = from.string("attributes");
        copy = copier.copy(list);
        second = copier.copy(shared);
    }
    CHECK_EQ(copy->list->size, 3);
    CHECK_EQ((*copy->list)[0], (*copy->list)[1]);
    CHECK_EQ((*copy->list)[0], second);
    CHECK_EQ(second->str(), "shared text");
    const auto& dict = *(*copy->list)[2]->dict;
    CHECK_EQ(dict.cls, tarc::detail::dict_class::ordered);
    CHECK_EQ(dict.state->str(), "attributes");
    CHECK_EQ(dict[0].value, copy);
    CHECK_EQ(dict[1].value->tensor->storage, dict[2].value->tensor->storage);
    CHECK_EQ(dict[2].value->tensor->offset, 1);
    CHECK_EQ(tensor_of(*dict[1].value->tensor).as<float>()(1), 3);
    CHECK(dict[3].value->big);
    CHECK_EQ(dict[3].value->size, 9);
    CHECK_EQ(dict[4].value->complex[1], 2);
    CHECK_EQ(dict[5].value->object->state, (*copy->list)[2]);
    CHECK_EQ(dict[5].value->object->cls->global->name, "name");
    CHECK_EQ(to.storages().size(), 1);
}

TEST_CASE("lazy conjugation and negation are carried out on a copy") {
    const auto body = [](const tarc::tensor_base& x, tree& t, bool conj, bool neg) {
        tensor_body b = *tarc::detail::tensor_node(t, x)->tensor;
        b.conj = conj;
        b.neg = neg;
        return b;
    };
    tree t;
    using complex = std::complex<float>;
    const auto z = tarc::tensor<complex>::from({{1, 2}, {3, -4}}, {2});
    CHECK_EQ(tensor_of(body(z, t, true, false)).as<complex>()(1), complex(3, 4));
    CHECK_EQ(tensor_of(body(z, t, false, true)).as<complex>()(0), complex(-1, -2));
    CHECK_EQ(tensor_of(body(z, t, true, true)).as<complex>()(0), complex(-1, 2));
    CHECK_EQ(z(1), complex(3, -4));
    CHECK(tensor_of(body(z, t, false, false)).storage() == z.storage());
    const auto d = tarc::tensor<double>::from({1.5, 0.0}, {2});
    CHECK_EQ(tensor_of(body(d, t, false, true)).as<double>()(0), -1.5);
    CHECK(std::signbit(tensor_of(body(d, t, false, true)).as<double>()(1)));
    const auto i = tarc::tensor<std::int16_t>::from({5, -32768}, {2});
    CHECK_EQ(tensor_of(body(i, t, false, true)).as<std::int16_t>()(0), -5);
    const auto view = tarc::tensor<complex>::from({{1, 1}, {2, 2}, {3, 3}, {4, 4}}, {2, 2}).transpose(0, 1);
    CHECK_EQ(tensor_of(body(view, t, true, false)).as<complex>()(0, 1), complex(3, -3));
    const auto h = tarc::tensor<tarc::complex32>::from({tarc::complex32{tarc::float16(1.f), tarc::float16(2.f)}}, {1});
    CHECK_EQ(float(tensor_of(body(h, t, true, false)).as<tarc::complex32>()(0).imag), -2.f);
}

TEST_CASE("a tensor whose bytes were not loaded says so; a meta tensor has none") {
    tree t;
    tensor_body b{};
    const std::int64_t shape[] = {2, 3}, strides[] = {3, 1};
    b.type = dtype::float32;
    b.shape = shape;
    b.strides = strides;
    b.storage = &t.add_storage("0", "cpu", 24);
    CHECK_THROWS_AS(static_cast<void>(tensor_of(b)), tarc::error);
    b.meta = true;
    b.storage = nullptr;
    const auto x = tensor_of(b);
    CHECK(x.device() == tarc::device::meta());
    CHECK_EQ(x.numel(), 6);
    b.meta = false;
    CHECK_THROWS_AS(static_cast<void>(tensor_of(b, storage::allocate(20))), tarc::error);
    CHECK_EQ(tensor_of(b, storage::allocate(24)).nbytes(), 24);
}
