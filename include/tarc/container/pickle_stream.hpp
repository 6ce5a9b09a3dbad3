#pragma once

#include <bit>  // std::bit_cast
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>
#include <string_view>

#include <tarc/container/pickle_memo.hpp>
#include <tarc/container/pickle_opcodes.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Instructions of pickle protocol 2 for scalars and names, each with the shortest form, and the memo.
class pickle_stream {
public:
    vec<std::byte> bytes;

    void op(opcode o) { bytes.push_back(static_cast<std::byte>(o)); }

    void integer(std::int64_t i) {
        if (i >= 0 && i < 256) {
            op(opcode::binint1);
            little(static_cast<std::uint64_t>(i), 1);
        } else if (i >= 0 && i < 65536) {
            op(opcode::binint2);
            little(static_cast<std::uint64_t>(i), 2);
        } else if (i >= INT32_MIN && i <= INT32_MAX) {
            op(opcode::binint);
            little(static_cast<std::uint64_t>(i), 4);
        } else {
            std::size_t n = 8;
            while (i >> (n * 8 - 9) == (i < 0 ? -1 : 0)) --n;  // the sign bit must stay
            op(opcode::long1);
            little(n, 1);
            little(static_cast<std::uint64_t>(i), n);
        }
    }
    void unsigned_integer(std::uint64_t u) {
        if (u <= static_cast<std::uint64_t>(INT64_MAX)) return integer(static_cast<std::int64_t>(u));
        op(opcode::long1);
        little(9, 1);
        little(u, 8);
        little(0, 1);
    }
    /// At most 255 bytes: weights_only knows no LONG4.
    void long_integer(std::string_view twos_complement) {
        op(opcode::long1);
        little(twos_complement.size(), 1);
        raw(twos_complement);
    }
    void boolean(bool b) { op(b ? opcode::newtrue : opcode::newfalse); }
    void real(double d) {
        op(opcode::binfloat);
        const auto bits = std::bit_cast<std::uint64_t>(d);
        for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::byte>(bits >> shift));
    }
    /// At most 2^32 - 1 bytes.
    void unicode(std::string_view s) {
        op(opcode::binunicode);
        little(s.size(), 4);
        raw(s);
    }
    /// Like unicode(), but repeated ones are written once. `s` must stay alive.
    void shared_unicode(std::string_view s) {
        if (s.size() <= 4) return unicode(s);  // a reference may take as much
        if (const auto known = texts_.find_or_add(s, next_); known != text_map::none) return get(known);
        unicode(s);
        put();
    }
    /// Names are literals or live as long as the tree.
    void global(std::string_view module, std::string_view name) {
        for (const name_row& g : names_)
            if (g.name == name && g.module == module) return get(g.memo);
        op(opcode::global);
        raw(module);
        raw("\n");
        raw(name);
        raw("\n");
        names_.push_back({module, name, next_});
        put();
    }
    void empty_ordered_dict() {
        global("collections", "OrderedDict");
        op(opcode::empty_tuple);
        op(opcode::reduce);
    }
    /// A tuple's instruction for n values on the stack; from 4 on, a MARK must stand below them.
    void close_tuple(std::size_t n) {
        op(n == 0   ? opcode::empty_tuple
           : n == 1 ? opcode::tuple1
           : n == 2 ? opcode::tuple2
           : n == 3 ? opcode::tuple3
                    : opcode::tuple);
    }
    void integers(std::span<const std::int64_t> values) {
        if (values.size() > 3) op(opcode::mark);
        for (const std::int64_t v : values) integer(v);
        close_tuple(values.size());
    }

    /// Gives what is on top of the stack the next number.
    std::uint32_t put() {
        if (next_ < 256) {
            op(opcode::binput);
            little(next_, 1);
        } else {
            op(opcode::long_binput);
            little(next_, 4);
        }
        return next_++;
    }
    [[nodiscard]] std::uint32_t next() const { return next_; }
    void get(std::uint32_t index) {
        op(index < 256 ? opcode::binget : opcode::long_binget);
        little(index, index < 256 ? 1 : 4);
    }

    void raw(std::string_view s) {
        if (!s.empty()) std::memcpy(bytes.extend(s.size()), s.data(), s.size());
    }
    void little(std::uint64_t value, std::size_t n) {  // config.hpp: hosts are little-endian
        const std::size_t end = bytes.size() + n;
        std::memcpy(bytes.extend(sizeof value), &value, sizeof value);
        bytes.resize(end);
    }

private:
    struct name_row {
        std::string_view module, name;
        std::uint32_t memo;
    };
    vec<name_row> names_;
    text_map texts_;
    std::uint32_t next_ = 0;
};

}  // namespace tarc::detail
