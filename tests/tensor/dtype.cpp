#include <doctest/doctest.h>

#include <tarc/tensor/dtype.hpp>

#include <complex>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

using tarc::dtype;

TEST_CASE("every C++ element type has the dtype of its size and sign") {
    static_assert(tarc::dtype_of<float> == dtype::float32 && tarc::dtype_of<double> == dtype::float64);
    static_assert(tarc::dtype_of<bool> == dtype::boolean);
    static_assert(tarc::dtype_of<std::int8_t> == dtype::int8 && tarc::dtype_of<std::uint8_t> == dtype::uint8);
    static_assert(tarc::dtype_of<short> == dtype::int16 && tarc::dtype_of<unsigned short> == dtype::uint16);
    static_assert(tarc::dtype_of<int> == dtype::int32 && tarc::dtype_of<unsigned> == dtype::uint32);
    static_assert(tarc::dtype_of<long> == dtype::int64 && tarc::dtype_of<unsigned long> == dtype::uint64);
    static_assert(tarc::dtype_of<long long> == dtype::int64 && tarc::dtype_of<unsigned long long> == dtype::uint64);
    static_assert(tarc::dtype_of<std::byte> == dtype::uint8);
    static_assert(tarc::dtype_of<std::complex<float>> == dtype::complex64);
    static_assert(tarc::dtype_of<std::complex<double>> == dtype::complex128);
    static_assert(tarc::dtype_of<tarc::float16> == dtype::float16 && tarc::dtype_of<tarc::bfloat16> == dtype::bfloat16);
    static_assert(tarc::dtype_of<tarc::complex32> == dtype::complex32);
    static_assert(tarc::dtype_of<tarc::float8_e4m3fn> == dtype::float8_e4m3fn);
    static_assert(tarc::dtype_of<tarc::float8_e5m2> == dtype::float8_e5m2);
    static_assert(tarc::dtype_of<tarc::float8_e4m3fnuz> == dtype::float8_e4m3fnuz);
    static_assert(tarc::dtype_of<tarc::float8_e5m2fnuz> == dtype::float8_e5m2fnuz);
    static_assert(tarc::dtype_of<tarc::float8_e8m0fnu> == dtype::float8_e8m0fnu);
    static_assert(tarc::dtype_of<tarc::float4_e2m1fn_x2> == dtype::float4_e2m1fn_x2);
    static_assert(!tarc::element<char> && !tarc::element<wchar_t> && !tarc::element<char8_t> &&
                  !tarc::element<long double>);
    static_assert(!tarc::element<const float> && !tarc::element<std::complex<long double>> && !tarc::element<float*>);
}

TEST_CASE("an element is as large as its dtype says") {
    static_assert(sizeof(tarc::float16) == 2 && sizeof(tarc::bfloat16) == 2 && sizeof(tarc::complex32) == 4);
    static_assert(sizeof(tarc::float8_e4m3fn) == 1 && sizeof(tarc::float8_e8m0fnu) == 1 &&
                  sizeof(tarc::float4_e2m1fn_x2) == 1);
    static_assert(std::is_trivially_copyable_v<tarc::bfloat16> && std::is_trivially_copyable_v<tarc::complex32>);
    static_assert(tarc::size_of(dtype::complex128) == 16 && tarc::size_of(dtype::boolean) == 1);
}

TEST_CASE("names and storage classes lead back to their dtype, and are unique") {
    std::set<std::string_view> names, storages;
    for (const tarc::dtype_facts& f : tarc::detail::dtype_table) {
        CAPTURE(std::string(f.name));
        CHECK_EQ(tarc::parse_dtype(f.name), f.type);
        CHECK_EQ(tarc::to_string(f.type), f.name);
        CHECK(names.insert(f.name).second);
        CHECK_EQ(f.size % f.swap, 0);
        if (f.storage.empty()) continue;
        CHECK_EQ(tarc::dtype_of_storage_class(f.storage), f.type);
        CHECK(storages.insert(f.storage).second);
    }
    CHECK_EQ(tarc::parse_dtype("half"), std::nullopt);
    CHECK_EQ(tarc::parse_dtype(""), std::nullopt);
    CHECK_EQ(tarc::parse_dtype("Float32"), std::nullopt);
    CHECK_EQ(tarc::dtype_of_storage_class(""), std::nullopt);
    CHECK_EQ(tarc::dtype_of_storage_class("UntypedStorage"), std::nullopt);
}

TEST_CASE("small floats convert at compile time too") {
    static_assert(float(tarc::float16(1.5f)) == 1.5f);
    static_assert(tarc::bfloat16(1.0f).bits == 0x3f80);
    static_assert(tarc::float8_e4m3fn(448.0f).bits == 0x7e);
    static_assert(tarc::float8_e8m0fnu::from_bits(127) == 1.0f);
    static_assert(tarc::float16::from_bits(0x7bff) == 65504.0f);
}
