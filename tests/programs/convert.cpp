// Elements of one dtype as another, for tests/tensor/test_convert.py.
//
//     convert FROM TO < elements > for each a byte: 1 where TO holds it; then the elements (0 where not)
//     convert pairs              FROM TO can_cast can_widen of every two dtypes, a line each
#include <cstddef>
#include <cstdio>
#include <vector>

#include <tarc/tensor/convert.hpp>

int main(int argc, char** argv) {
    using tarc::detail::can_cast, tarc::detail::can_widen;
    if (argc == 2) {
        for (const tarc::dtype_facts& a : tarc::detail::dtype_table)
            for (const tarc::dtype_facts& b : tarc::detail::dtype_table)
                std::printf("%s %s %d %d\n", a.name.data(), b.name.data(), can_cast(a.type, b.type),
                            can_widen(a.type, b.type));
        return 0;
    }
    if (argc != 3) return 2;
    const auto from = tarc::parse_dtype(argv[1]), to = tarc::parse_dtype(argv[2]);
    if (!from || !to || !can_cast(*from, *to)) return 2;
    std::vector<std::byte> in;
    std::byte piece[1 << 16];
    for (std::size_t n = 0; (n = std::fread(piece, 1, sizeof piece, stdin)) != 0;)
        in.insert(in.end(), piece, piece + n);
    const std::size_t a = tarc::size_of(*from), b = tarc::size_of(*to), n = in.size() / a;
    std::vector<std::byte> held(n, std::byte{1}), out(n * b);
    for (std::size_t i = 0; i < n; ++i) {
        i += tarc::detail::convert_elements(*from, in.data() + i * a, *to, out.data() + i * b, n - i);
        if (i == n) break;
        held[i] = {};
        for (std::size_t k = 0; k < b; ++k) out[i * b + k] = {};
    }
    std::fwrite(held.data(), 1, held.size(), stdout);
    std::fwrite(out.data(), 1, out.size(), stdout);
}
