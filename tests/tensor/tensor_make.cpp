#include <doctest/doctest.h>

#include <tarc/tensor/any_tensor.hpp>

#include <array>
#include <complex>
#include <cstdint>
#include <string>
#include <vector>

using tarc::dyn;
using tarc::errc;
using tarc::scalar;
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

std::vector<std::int64_t> list(std::span<const std::int64_t> s) { return {s.begin(), s.end()}; }
using dims = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("a default-constructed tensor is undefined and knows its dtype") {
    const tensor<double> t;
    CHECK_FALSE(t.defined());
    CHECK_EQ(t.dtype(), tarc::dtype::float64);
    CHECK_EQ(t.numel(), 0);
    CHECK_EQ(t.raw_data(), nullptr);
    CHECK_EQ(code_of([&] { static_cast<void>(t.span()); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(t.clone()); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(t.to(tarc::device::cpu())); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(t()); }), errc::invalid_argument);
    CHECK_EQ(code_of([&] { static_cast<void>(t.view({0})); }), errc::invalid_argument);
}

TEST_CASE("zeros, full, from and empty") {
    const auto z = tensor<float>::zeros({2, 3});
    CHECK_EQ(list(z.shape()), dims{2, 3});
    CHECK_EQ(list(z.strides()), dims{3, 1});
    CHECK_EQ(z.offset(), 0);
    CHECK_EQ(z.numel(), 6);
    CHECK_EQ(z.nbytes(), 24);
    CHECK_EQ(z.storage().nbytes(), 24);
    CHECK(z.device() == tarc::device::cpu());
    for (const float x : z.span()) CHECK_EQ(x, 0.f);
    const auto sevens = tensor<int>::full({3, 1}, 7);
    for (const int x : sevens.span()) CHECK_EQ(x, 7);
    const auto f = tensor<std::int64_t>::from({1, 2, 3, 4, 5, 6}, {3, 2});
    CHECK_EQ(f(2, 1), 6);
    const std::vector<std::complex<float>> v{{1, 2}, {3, 4}};
    CHECK_EQ(tensor<std::complex<float>>::from(v, {2})(1), std::complex<float>(3, 4));
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::from({1, 2, 3}, {2, 2})); }), errc::invalid_argument);
    CHECK_EQ(tensor<bool>::empty({5}).nbytes(), 5);
    CHECK(tensor<tarc::bfloat16>::full({2}, tarc::bfloat16(1.5f))(1) == 1.5f);
}

TEST_CASE("empty tensors and 0-d tensors") {
    const auto e = tensor<float>::zeros({0, 3});
    CHECK(e.defined());
    CHECK_EQ(e.numel(), 0);
    CHECK(e.span().empty());
    CHECK(e.is_contiguous());
    CHECK_EQ(list(e.strides()), dims{3, 1});
    CHECK_EQ(list(tensor<float>::zeros({2, 0}).strides()), dims{1, 1});  // as torch.zeros(2, 0).stride()
    CHECK_EQ(e.clone().numel(), 0);

    const auto s = tensor<float>::full({}, 2.5f);
    CHECK_EQ(s.rank(), 0);
    CHECK_EQ(s.numel(), 1);
    CHECK_EQ(s(), 2.5f);
    CHECK_EQ(s.item(), 2.5f);
    CHECK_EQ(s.span().size(), 1);
    CHECK_EQ(tensor<float, scalar>::zeros().item(), 0.f);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::zeros({2}).item()); }), errc::invalid_argument);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::zeros({0}).item()); }), errc::invalid_argument);
}

TEST_CASE("static extents are part of the type") {
    static_assert(!tensor<float>::has_static_rank && !tensor<float>::has_static_shape);
    static_assert(tensor<float, dyn, 3>::has_static_rank && !tensor<float, dyn, 3>::has_static_shape &&
                  tensor<float, dyn, 3>::static_rank == 2);
    static_assert(tensor<float, 6, 3>::has_static_shape && tensor<float, scalar>::has_static_shape &&
                  tensor<float, scalar>::static_rank == 0);

    CHECK_EQ(list(tensor<float, 6, 3, 5, 5>::zeros().shape()), dims{6, 3, 5, 5});
    CHECK_EQ(list(tensor<float, dyn, 3>::zeros({7, 3}).shape()), dims{7, 3});
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float, dyn, 3>::zeros({7, 4})); }), errc::mismatch);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float, dyn, 3>::zeros({7})); }), errc::mismatch);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float, dyn, 3>::zeros()); }), errc::mismatch);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float, 6, 3>::zeros({3, 6})); }), errc::mismatch);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float, scalar>::zeros({1})); }), errc::mismatch);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float, 0>::zeros({1})); }), errc::mismatch);
}

TEST_CASE("tensors of one dtype convert: freely to fewer extents, checked to more") {
    const auto fixed = tensor<float, 6, 3>::zeros();
    const tensor<float> any = fixed;
    CHECK(any.storage() == fixed.storage());
    const tensor<float, dyn, 3> half(any);
    CHECK_EQ(list(half.shape()), dims{6, 3});
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float, 3, 6>(any)); }), errc::mismatch);
    CHECK_FALSE(tensor<float, 3, 6>(tensor<float>()).defined());
    static_assert(!std::is_convertible_v<tensor<float>, tensor<float, 3>> &&
                  std::is_convertible_v<tensor<float, 3>, tensor<float>>);
    static_assert(!std::is_constructible_v<tensor<float>, tensor<double>>);
}

TEST_CASE("shapes that no memory holds are errors, not small allocations") {
    const std::int64_t big = std::int64_t{1} << 40;
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<float>::zeros({big, big})); }), errc::bad_tensor);
    CHECK_EQ(code_of([&] { static_cast<void>(tensor<double>::empty({big, std::int64_t{1} << 22})); }),
             errc::out_of_range);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::zeros({2, -1})); }), errc::bad_tensor);
    CHECK_EQ(code_of([] { static_cast<void>(tensor<float>::zeros({0, -1})); }), errc::bad_tensor);
    CHECK_EQ(tensor<float>::zeros({big, 0, big}).numel(), 0);
}

TEST_CASE("up to 64 dimensions and beyond") {
    dims shape(64, 1);
    shape[0] = 2;
    shape[63] = 3;
    const auto t = tensor<std::int16_t>::full(shape, 4);
    CHECK_EQ(t.rank(), 64);
    CHECK_EQ(t.numel(), 6);
    CHECK_EQ(t.strides()[0], 3);
    const auto copy = t;
    CHECK_EQ(list(copy.shape()), shape);
    CHECK_EQ(t.select(0, 1).rank(), 63);
    CHECK_EQ(t.transpose(0, 63).shape()[0], 3);
    CHECK_EQ(t.transpose(0, 63).clone().strides()[0], 2);
    auto moved = tensor<std::int16_t>(copy);
    const auto other = std::move(moved);
    CHECK_EQ(list(other.shape()), shape);
    CHECK_FALSE(moved.defined());  // NOLINT: what a moved-from tensor is belongs to its contract
    CHECK_EQ(moved.rank(), 0);
}

TEST_CASE("any_tensor and back") {
    const auto t = tensor<float>::from({1, 2, 3, 4}, {2, 2});
    const tarc::any_tensor a = t;
    CHECK_EQ(a.dtype(), tarc::dtype::float32);
    CHECK(a.storage() == t.storage());
    CHECK_EQ(a.as<float>()(1, 1), 4.f);
    CHECK_EQ((a.as<float, 2, dyn>()(1, 0)), 3.f);
    CHECK_EQ(code_of([&] { static_cast<void>(a.as<double>()); }), errc::wrong_type);
    CHECK_EQ(code_of([&] { static_cast<void>(a.as<std::int32_t>()); }), errc::wrong_type);
    CHECK_EQ(code_of([&] { static_cast<void>(a.as<float, 4>()); }), errc::mismatch);
    CHECK_FALSE(tarc::any_tensor().as<double>().defined());
    CHECK_EQ(tarc::any_tensor().as<double>().dtype(), tarc::dtype::float64);

    const auto e = tarc::any_tensor::empty(tarc::dtype::float8_e5m2, {3});
    CHECK_EQ(e.nbytes(), 3);
    std::array<std::byte, 15> wrong{};
    CHECK_EQ(code_of([&] { a.copy_to(wrong); }), errc::invalid_argument);
    std::array<float, 4> out{};
    a.transpose(0, 1).copy_to(std::as_writable_bytes(std::span(out)));
    CHECK_EQ(out, std::array<float, 4>{1, 3, 2, 4});
}

TEST_CASE("a buffer is a tensor by another type") {
    tarc::buffer<float, 3> b = tensor<float, 3>::full({3}, 1.f);
    const tensor<float> t = b;
    CHECK(t.storage() == b.storage());
    CHECK_EQ(tarc::any_tensor(b).numel(), 3);
    b = tensor<float, 3>::zeros();
    CHECK_EQ(b(2), 0.f);
    CHECK_FALSE(tarc::buffer<std::int64_t, scalar>().defined());
    const tarc::buffer<float> any = t;
    CHECK(any.storage() == t.storage());
}
