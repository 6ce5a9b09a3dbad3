#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "archive/support.hpp"
#include "container/pickle_help.hpp"

/// Files of before PyTorch 1.6, by hand: the stream and the tar file, with a lie where a test wants one.
namespace old {

using pk::global;
using pk::integer;
using pk::little;
using pk::text;
using pk::tuple;

inline tarc_test::bytes bytes_of(std::string_view s) {
    const auto b = std::as_bytes(std::span(s));
    return {b.begin(), b.end()};
}
inline std::string pickle(const std::string& body) { return "\x80\2" + body + "."; }
inline std::string floats(std::initializer_list<float> values) {
    std::string s;
    for (const float f : values) s += little(std::bit_cast<std::uint32_t>(f), 4);
    return s;
}
inline std::string longs(std::initializer_list<std::int64_t> values) {
    std::string s;
    for (const std::int64_t i : values) s += little(static_cast<std::uint64_t>(i), 8);
    return s;
}

/// A storage's persistent id; `view` is None or what part().
inline std::string storage(const std::string& key, std::int64_t numel, const std::string& cls = "FloatStorage",
                           const std::string& view = "N", const std::string& location = "cpu") {
    return tuple({text("storage"), global("torch", cls), text(key), text(location), integer(numel), view}) + "Q";
}
inline std::string part(const std::string& key, std::int64_t offset, std::int64_t size) {
    return tuple({text(key), integer(offset), integer(size)});
}
inline std::string tensor(const std::string& of, std::int64_t offset, std::initializer_list<std::int64_t> shape,
                          std::initializer_list<std::int64_t> strides) {
    const auto numbers = [](std::initializer_list<std::int64_t> list) {
        std::string s = "(";
        for (const std::int64_t i : list) s += integer(i);
        return s + "t";
    };
    return pk::tensor(of, integer(offset), numbers(shape), numbers(strides));
}
inline std::string dict(std::initializer_list<std::pair<std::string, std::string>> items) {
    std::string s = "}(";
    for (const auto& [key, value] : items) s += text(key) + value;
    return s + "u";
}

/// torch.save's stream from 0.1.10 on.
struct stream {
    std::string magic = pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
    std::string version = pickle("M\xe9\3");
    std::string machine = pickle("}");
    std::string object;                                         // without PROTO and STOP
    std::vector<std::pair<std::string, std::string>> storages;  // key, count and bytes
    std::string keys;                                           // of the storages, unless something stands here

    void add(const std::string& key, std::uint64_t count, const std::string& data) {
        storages.emplace_back(key, little(count, 8) + data);
    }
    [[nodiscard]] std::string head() const { return magic + version + machine + pickle(object); }
    [[nodiscard]] std::string bytes() const {
        std::string list = "](", data;
        for (const auto& [key, content] : storages) {
            list += text(key);
            data += content;
        }
        return head() + pickle(keys.empty() ? list + "e" : keys) + data;
    }
};

/// A member of a tar file; `change` may make its header another one before the checksum is taken.
inline std::string member(const std::string& name, const std::string& content, char type = '0',
                          std::uint64_t claimed = UINT64_MAX) {
    std::string h(512, '\0');
    const auto put = [&](std::size_t at, const std::string& s) { h.replace(at, s.size(), s); };
    const auto octal = [](std::uint64_t n) {
        std::string s(11, '0');
        for (std::size_t i = 11; i-- > 0; n /= 8) s[i] = static_cast<char>('0' + n % 8);
        return s;
    };
    put(0, name);
    put(100, "0000644");
    put(124, octal(claimed == UINT64_MAX ? content.size() : claimed));
    put(136, octal(1476543210));
    put(148, "        ");
    h[156] = type;
    put(257, std::string("ustar\0"
                         "00",
                         8));
    std::uint64_t sum = 0;
    for (const char c : h) sum += static_cast<unsigned char>(c);
    put(148, octal(sum).substr(5) + std::string(1, '\0'));
    return h + content + std::string((512 - content.size() % 512) % 512, '\0');
}

/// torch.save's tar file of before 0.1.10.
struct tar {
    std::string storages, tensors, object;  // object: without PROTO and STOP
    std::string views = pickle("]");
    std::uint64_t storage_count = 0, tensor_count = 0;

    void add_storage(std::int64_t number, std::uint64_t count, const std::string& data,
                     const std::string& cls = "FloatStorage", const std::string& location = "cpu") {
        storages += pickle(tuple({integer(number), text(location), global("torch", cls)})) + little(count, 8) + data;
        ++storage_count;
    }
    void add_tensor(std::int64_t number, const std::string& storage, std::initializer_list<std::int64_t> shape,
                    std::initializer_list<std::int64_t> strides, std::int64_t offset,
                    const std::string& cls = "FloatTensor") {
        tensors += pickle(tuple({integer(number), storage, global("torch", cls)})) + little(shape.size(), 4) +
                   little(0xdeadbeef, 4) + longs(shape) + longs(strides) + longs({offset});
        ++tensor_count;
    }
    [[nodiscard]] std::string storages_member() const {
        return pickle(integer(static_cast<std::int64_t>(storage_count))) + storages + views;
    }
    [[nodiscard]] std::string tensors_member() const {
        return pickle(integer(static_cast<std::int64_t>(tensor_count))) + tensors;
    }
    [[nodiscard]] std::string bytes() const {
        return member("sys_info", pickle("}")) + member("pickle", pickle(object)) +
               member("tensors", tensors_member()) + member("storages", storages_member()) + std::string(1024, '\0');
    }
};
inline std::string numbered(std::int64_t number) { return text(std::to_string(number)) + "Q"; }

/// The error of opening such a file.
inline tarc::error refusal(const std::string& file) {
    const tarc_test::bytes b = bytes_of(file);
    return tarc_test::error_of([&] { (void)tarc::open(b); });
}
inline void check_refused(const std::string& file, tarc::errc code, std::string_view words) {
    const tarc::error e = refusal(file);
    INFO(e.what());
    INFO(words);
    CHECK(e.code() == code);
    CHECK(tarc_test::contains(e.message(), words));
    CHECK(e.offset().has_value());
}

/// "good" for the values of `want`, "error" with a place, or "wrong".
inline std::string outcome(std::string_view file, const tarc_test::bytes& want) {
    try {
        const tarc_test::bytes b = bytes_of(file);
        const tarc::archive ar = tarc::open(b);
        (void)ar.entries();
        ar.verify();
        return tarc_test::saved(ar.value(), {.manifest = false}) == want ? "good" : "wrong";
    } catch (const tarc::error& e) {
        return e.offset() || !e.field().empty() ? "error" : e.what();
    }
}

}  // namespace old
