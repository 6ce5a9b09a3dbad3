#pragma once

#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/pickle_writer.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Pickles by hand.
namespace pk {

using tarc::errc;
using tarc::value_kind;
using tarc::detail::node;
using tarc::detail::tree;

inline std::string little(std::uint64_t v, int n) {
    std::string s;
    for (int i = 0; i < n; ++i) s.push_back(static_cast<char>(static_cast<unsigned char>(v >> (8 * i))));
    return s;
}
inline std::string integer(std::int64_t v) {
    if (v >= 0 && v < 256) return "K" + little(static_cast<std::uint64_t>(v), 1);
    return "\x8a" + little(8, 1) + little(static_cast<std::uint64_t>(v), 8);
}
inline std::string text(std::string_view s) { return "X" + little(s.size(), 4) + std::string(s); }
inline std::string global(const std::string& module, const std::string& name) {
    return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(std::initializer_list<std::string> items) {
    std::string s = "(";
    for (const auto& i : items) s += i;
    return s + "t";
}
inline std::string storage(const std::string& cls = "FloatStorage", const std::string& key = text("0"),
                           const std::string& numel = integer(6), const std::string& location = text("cpu")) {
    return tuple({text("storage"), global(cls == "UntypedStorage" ? "torch.storage" : "torch", cls), key, location,
                  numel}) +
           "Q";
}
inline std::string tensor(const std::string& from, const std::string& offset, const std::string& size,
                          const std::string& stride) {
    return global("torch._utils", "_rebuild_tensor_v2") +
           tuple({from, offset, size, stride, "\x89", global("collections", "OrderedDict") + ")R"}) + "R";
}
inline std::string tensor() {
    return tensor(storage(), integer(0), tuple({integer(2), integer(3)}), tuple({integer(3), integer(1)}));
}

inline std::string from_hex(std::string_view hex) {
    std::string s;
    const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        s.push_back(static_cast<char>(static_cast<unsigned char>(digit(hex[i]) * 16 + digit(hex[i + 1]))));
    return s;
}

inline node* read(std::string_view bytes, tree& t, const tarc::limits& limit = {}) {
    // exactly as long as it is, so that a sanitizer sees a read past the end
    const std::vector<char> exact(bytes.begin(), bytes.end());
    return tarc::detail::read_pickle(std::as_bytes(std::span(exact)), t, limit);
}

/// A pickle read, with the tree that it lives in.
struct value {
    explicit value(std::string_view bytes) : root(read(bytes, *owner)) {}
    const node* operator->() const { return root; }
    const node& operator*() const { return *root; }
    std::unique_ptr<tree> owner = std::make_unique<tree>();
    node* root;
};

inline void check_fails(std::string_view bytes, errc code, std::string_view words, const tarc::limits& limit = {}) {
    tree t;
    try {
        (void)read(bytes, t, limit);
        FAIL_CHECK("was read, but should fail with: " << words);
    } catch (const tarc::error& e) {
        INFO(e.what());
        CHECK(e.code() == code);
        CHECK(std::string_view(e.what()).find(words) != std::string_view::npos);
        CHECK(e.record() == "data.pkl");
        CHECK(e.offset().has_value());
    }
}

inline std::string written(const node& root) {
    const auto made = tarc::detail::write_pickle(root, tarc::limits{});
    return {reinterpret_cast<const char*>(made.bytes.data()), made.bytes.size()};
}

}  // namespace pk
