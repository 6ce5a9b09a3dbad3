#include <doctest/doctest.h>

#include <tarc/tensor/any_tensor.hpp>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

using tarc::errc;
using tarc::tensor;

namespace {

errc code_of(auto&& call) {
    try {
        call();
    } catch (const tarc::error& e) {
        return e.code();
    }
    FAIL("no error");
    return errc::io;
}

tensor<float> counting(tarc::shape_view shape) {
    auto t = tensor<float>::empty(shape);
    std::iota(t.span().begin(), t.span().end(), 0.f);
    return t;
}

std::vector<float> values(const tensor<float>& t) {
    const auto copy = t.clone();
    return {copy.span().begin(), copy.span().end()};
}
std::vector<std::int64_t> list(std::span<const std::int64_t> s) { return {s.begin(), s.end()}; }
using dims = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("copying a tensor shares its storage, clone does not") {
    auto a = counting({2, 3});
    const auto b = a;
    const auto c = a.clone();
    a(1, 2) = 50;
    CHECK_EQ(b(1, 2), 50);
    CHECK_EQ(c(1, 2), 5);
    CHECK(a.storage() == b.storage());
    CHECK_FALSE(a.storage() == c.storage());
}

TEST_CASE("select, narrow, transpose and view share the storage") {
    const auto t = counting({2, 3, 4});
    const auto row = t.select(0, 1);
    CHECK_EQ(list(row.shape()), dims{3, 4});
    CHECK_EQ(row.offset(), 12);
    CHECK_EQ(row(2, 3), 23);
    CHECK(row.storage() == t.storage());
    CHECK_EQ(t.select(-1, -1)(1, 2), 23);
    CHECK_EQ(t.select(1, 0).select(0, 1)(3), 15);

    const auto part = t.narrow(1, 1, 2);
    CHECK_EQ(list(part.shape()), dims{2, 2, 4});
    CHECK_EQ(list(part.strides()), dims{12, 4, 1});
    CHECK_EQ(part(1, 1, 0), 20);
    CHECK_EQ(values(part), std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23});
    CHECK_EQ(t.narrow(2, 4, 0).numel(), 0);

    const auto turned = t.transpose(0, -1);
    CHECK_EQ(list(turned.shape()), dims{4, 3, 2});
    CHECK_EQ(turned(3, 1, 1), t(1, 1, 3));
    turned(3, 1, 1) = -1;
    CHECK_EQ(t(1, 1, 3), -1);

    const auto flat = t.view({6, 4});
    CHECK_EQ(flat(5, 3), 23);
    CHECK(flat.storage() == t.storage());
    CHECK_EQ(t.view({24}).view({1, 24, 1}).rank(), 3);
}

TEST_CASE("what leaves the shape is an error") {
    const auto t = counting({2, 3});
    CHECK_EQ(code_of([&] { static_cast<void>(t.select(2, 0)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.select(-3, 0)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.select(0, 2)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.select(0, -3)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.narrow(1, 1, 3)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.narrow(1, 4, 0)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.narrow(1, -1, 1)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.narrow(1, 0, INT64_MAX)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.narrow(1, 1, -1)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.transpose(0, 2)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t.view({4})); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(t.transpose(0, 1).view({6})); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(t(0)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t(0, 3)); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(t(-1, 0)); }), errc::out_of_range);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::zeros({})(0)); }), errc::out_of_range);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::zeros({}).select(0, 0)); }), errc::out_of_range);
}

TEST_CASE("span wants contiguous elements and says what to do") {
    const auto t = counting({2, 3});
    CHECK_EQ(t.select(0, 1).span()[0], 3);
    CHECK(t.narrow(0, 1, 1).is_contiguous());
    CHECK_FALSE(t.narrow(1, 0, 2).is_contiguous());
    try {
        static_cast<void>(t.transpose(0, 1).span());
        FAIL("a transposed tensor is not contiguous");
    } catch (const tarc::error& e) {
        CHECK_EQ(e.code(), errc::invalid_argument);
        const std::string what = e.what();
        CHECK(what.find("[3, 2]") != std::string::npos);
        CHECK(what.find("[1, 3]") != std::string::npos);
        CHECK(what.find("clone()") != std::string::npos);
    }
    CHECK_EQ(values(t.transpose(0, 1)), std::vector<float>{0, 3, 1, 4, 2, 5});
    CHECK(t.transpose(0, 1).clone().is_contiguous());
}

TEST_CASE("a size of one and no elements are contiguous with any strides") {
    const auto s = counting({6}).storage();
    CHECK(tensor<float>::over(s, {1, 3}, {99, 1}, 0).is_contiguous());
    CHECK(tensor<float>::over(s, {0, 3}, {7, 7}, 0).is_contiguous());
    CHECK(tensor<float>::over(s, {3, 1}, {1, 5}, 0).is_contiguous());
    CHECK_FALSE(tensor<float>::over(s, {3}, {2}, 0).is_contiguous());
    CHECK_FALSE(tensor<float>::over(s, {3}, {0}, 0).is_contiguous());
}

TEST_CASE("views over a storage: overlapping, expanded, with an offset; never outside") {
    const auto base = counting({6});
    const auto s = base.storage();
    CHECK_EQ(values(tensor<float>::over(s, {2, 3}, {0, 1}, 2)), std::vector<float>{2, 3, 4, 2, 3, 4});
    CHECK_EQ(values(tensor<float>::over(s, {4, 3}, {1, 1}, 0)), std::vector<float>{0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5});
    CHECK_EQ(values(tensor<float>::over(s, {2, 2}, 2)), std::vector<float>{2, 3, 4, 5});
    CHECK_EQ(tensor<float>::over(s, {1000000, 1000000}, {0, 0}, 5).numel(), 1000000000000);
    CHECK_EQ(tensor<float>::over(s, {0}, {1}, 6).numel(), 0);

    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {7})); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {2, 3}, 1)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {2, 3}, {4, 1}, 0)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {2}, {-1}, 3)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {1}, {1}, -1)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {1}, {1}, INT64_MAX)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {3}, {INT64_MAX}, 0)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over(s, {2, 3}, {1}, 0)); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<double>::over(s, {4})); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::over({}, {1})); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tarc::any_tensor::over(s, tarc::dtype::int64, {4}, {1}, 0)); }),
             errc::bad_tensor);
    CHECK_EQ((code_of([&] { static_cast<void>(tensor<float, 3>::over(s, {2})); })), errc::mismatch);
}

TEST_CASE("to() is the tensor itself where it is there already") {
    const auto t = counting({2, 2});
    CHECK(t.to(tarc::device::cpu()).storage() == t.storage());
    const auto meta = t.transpose(0, 1).to(tarc::device::meta());
    CHECK(meta.device() == tarc::device::meta());
    CHECK_EQ(list(meta.shape()), dims{2, 2});
    CHECK_EQ(meta.raw_data(), nullptr);
    CHECK_EQ(code_of([&] { static_cast<void>(meta.to(tarc::device::cpu())); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(meta.span()); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(meta(0, 0)); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(meta.item()); }), errc::invalid_argument);
    CHECK_EQ(meta.clone().device().location(), "meta");
    CHECK_EQ(code_of([&] { static_cast<void>(t.to(tarc::device::cuda(0))); }), errc::no_device);
}

TEST_CASE("a clone of a part of a large storage is as small as the part") {
    const auto t = counting({1000});
    CHECK_EQ(t.narrow(0, 500, 3).clone().storage().nbytes(), 12);
    CHECK_EQ(values(t.narrow(0, 500, 3)), std::vector<float>{500, 501, 502});
}

TEST_CASE("the bytes of an expanded view are counted in 64 bits or not at all") {
    const auto one = tensor<double>::zeros({1});
    const auto wide = tensor<double>::over(one.storage(), {std::int64_t{1} << 62}, {0}, 0);
    CHECK_EQ(wide.numel(), std::int64_t{1} << 62);
    CHECK_EQ(code_of([&] { static_cast<void>(wide.nbytes()); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { static_cast<void>(wide.clone()); }), errc::out_of_range);
    CHECK_EQ(code_of([&] { tarc::any_tensor(wide).copy_to({}); }), errc::out_of_range);
    const auto wider = tensor<double>::over(one.storage(), {std::int64_t{1} << 40, std::int64_t{1} << 40}, {0, 0}, 0);
    CHECK_EQ(code_of([&] { static_cast<void>(wider.numel()); }), errc::bad_tensor);
}

TEST_CASE("copy_from() writes where all handles see it, into views too") {
    auto a = counting({2, 3});
    const auto handle = a;
    a.copy_from(counting({3, 2}).transpose(0, 1));
    CHECK_EQ(values(handle), std::vector<float>{0, 2, 4, 1, 3, 5});
    a.transpose(0, 1).copy_from(counting({3, 2}));
    CHECK_EQ(values(handle), std::vector<float>{0, 2, 4, 1, 3, 5});
    a.select(1, 2).copy_from(tensor<float>::full({2}, 9.f));
    CHECK_EQ(values(handle), std::vector<float>{0, 2, 9, 1, 3, 9});
    CHECK_EQ(code_of([&] { a.copy_from(counting({3, 2})); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { a.copy_from(tensor<double>::zeros({2, 3})); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { a.copy_from(tensor<float>{}); }), errc::invalid_argument);
    tensor<float>::zeros({0, 3}).copy_from(tensor<float>::zeros({0, 3}));
}
