// What tarc makes of every code of a small floating-point type, and of any float32: for tests/tensor/test_dtypes.py.
//
//     minifloats decode TYPE > float32 values of the codes 0, 1, …
//     minifloats encode TYPE < float32 values > codes
//     minifloats dtypes      name, bytes, bytes that swap together, storage class of every dtype, a line each
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/tensor/dtype.hpp>

namespace {

template <class T>
int decode() {
    using code = decltype(T::bits);
    for (unsigned c = 0; c < 1u << (8 * sizeof(code)); ++c) {
        T x;
        x.bits = static_cast<code>(c);
        const auto f = static_cast<float>(x);
        std::fwrite(&f, sizeof f, 1, stdout);
    }
    return 0;
}

template <class T>
int encode() {
    std::vector<float> in(1 << 16);
    for (std::size_t n = 0; (n = std::fread(in.data(), sizeof(float), in.size(), stdin)) != 0;)
        for (std::size_t i = 0; i < n; ++i) {
            const T x(in[i]);
            std::fwrite(&x.bits, sizeof x.bits, 1, stdout);
        }
    return 0;
}

template <class T>
int run(std::string_view verb) {
    return verb == "decode" ? decode<T>() : encode<T>();
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "", type = argc > 2 ? argv[2] : "";
    if (verb == "dtypes") {
        for (const tarc::dtype_facts& f : tarc::detail::dtype_table)
            std::printf("%s %d %d %s\n", std::string(f.name).c_str(), f.size, f.swap,
                        f.storage.empty() ? "-" : std::string(f.storage).c_str());
        return 0;
    }
    if (type == "float16") return run<tarc::float16>(verb);
    if (type == "bfloat16") return run<tarc::bfloat16>(verb);
    if (type == "float8_e4m3fn") return run<tarc::float8_e4m3fn>(verb);
    if (type == "float8_e5m2") return run<tarc::float8_e5m2>(verb);
    if (type == "float8_e4m3fnuz") return run<tarc::float8_e4m3fnuz>(verb);
    if (type == "float8_e5m2fnuz") return run<tarc::float8_e5m2fnuz>(verb);
    if (type == "float8_e8m0fnu") return run<tarc::float8_e8m0fnu>(verb);
    return 2;
}
