#pragma once

#include <algorithm>  // std::copy
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <span>
#include <string_view>
#include <utility>  // std::exchange

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_machine.hpp>
#include <tarc/container/pickle_opcodes.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// The instructions that torch.save writes for one strided tensor, behind the function `_rebuild_tensor_v2` or `_v3`:
/// from the MARK of its arguments to its REDUCE (torch/_tensor.py `_reduce_ex_internal`, torch/serialization.py
/// `persistent_id`). Taken as a whole they make one value instead of a dozen. What differs in anything, as the first
/// tensor of a file does, is no phrase, and for the machine to read.
class tensor_phrase {
public:
    const node* storage_class = nullptr;
    const node* dtype_global = nullptr;  ///< of _v3
    std::string_view key, location;
    std::int64_t numel = 0, offset = 0;
    bool requires_grad = false;
    std::size_t storage_at = 0;  ///< of the storage's BINPERSID, from the phrase's begin
    std::size_t size = 0;        ///< bytes

    [[nodiscard]] std::span<const std::int64_t> shape() const { return {shape_, dims_}; }
    [[nodiscard]] std::span<const std::int64_t> strides() const { return {strides_, stride_dims_}; }
    /// The numbers under which values inside of it are to be remembered.
    [[nodiscard]] std::span<const std::uint64_t> puts() const { return {puts_, put_count_}; }

    /// Whether `code` begins with one that is like this one, and differs in nothing but its key and the numbers of
    /// puts. Else this is as it was, but for puts().
    [[nodiscard]] bool again(std::string_view code, const pickle_recall& memo, bool v3) {
        if (size == 0 || v3 != v3_) return false;
        const std::string_view old = std::exchange(code_, code);
        const bool like = follow(old, memo);
        if (!like) code_ = old;
        return like;
    }

    /// Whether `code` begins with one, which is then the fields above. Nothing changes elsewhere.
    [[nodiscard]] bool read(std::string_view code, const pickle_recall& memo, bool v3) {
        *this = {};
        code_ = code;
        v3_ = v3;
        return next(opcode::mark) && next(opcode::mark) && word(memo, "storage") && global(memo, storage_class) &&
               text(memo, key) && text(memo, location) && integer(numel) && storage_end(memo) && integer(offset) &&
               integers(memo, shape_, dims_) && integers(memo, strides_, stride_dims_) && flag() && no_hooks(memo) &&
               (!v3 || global(memo, dtype_global)) && next(opcode::tuple) && put(memo) && next(opcode::reduce) &&
               (size = at_) != 0;
    }

private:
    static constexpr std::size_t most_dims = 8, most_puts = 8;

    /// What may differ from one tensor to the next that is like it.
    struct hole {
        enum class what : std::uint8_t { key, put, storage };
        std::size_t at = 0, size = 0;
        what kind = what::key;
    };
    void add_hole(std::size_t at, hole::what kind) { holes_[hole_count_++] = {at, at_ - at, kind}; }

    bool follow(std::string_view old, const pickle_recall& memo) {
        hole holes[most_puts + 2];
        std::string_view key_now = key;
        std::size_t storage_now = 0, from = 0;
        at_ = 0;
        put_count_ = 0;
        const auto same_until = [&](std::size_t end) {
            const std::size_t n = end - from;
            if (code_.size() - at_ < n || std::memcmp(code_.data() + at_, old.data() + from, n) != 0) return false;
            at_ += n;
            from = end;
            return true;
        };
        for (std::size_t i = 0; i < hole_count_; ++i) {
            const hole& h = holes_[i];
            if (!same_until(h.at)) return false;
            from += h.size;
            const std::size_t begin = at_;
            if (h.kind == hole::what::key && !literal(key_now)) return false;
            if (h.kind == hole::what::put && (!number_put(memo) || at_ == begin)) return false;
            if (h.kind == hole::what::storage) storage_now = at_;
            holes[i] = {begin, at_ - begin, h.kind};
        }
        if (!same_until(size)) return false;
        std::copy(holes, holes + hole_count_, holes_);
        key = key_now;
        storage_at = storage_now;
        size = at_;
        return true;
    }

    template <class T>
    std::optional<T> number() {
        if (code_.size() - at_ < sizeof(T)) return std::nullopt;
        T n{};
        std::memcpy(&n, code_.data() + at_, sizeof(T));
        at_ += sizeof(T);
        return n;
    }
    [[nodiscard]] bool is(opcode op) const {
        return at_ < code_.size() && static_cast<opcode>(static_cast<unsigned char>(code_[at_])) == op;
    }
    bool next(opcode op) {
        if (!is(op)) return false;
        ++at_;
        return true;
    }

    /// A value that the memo has.
    const node* recalled(const pickle_recall& memo) {
        std::optional<std::uint64_t> index;
        if (next(opcode::binget))
            index = number<std::uint8_t>();
        else if (next(opcode::long_binget))
            index = number<std::uint32_t>();
        return index ? memo.peek(*index) : nullptr;
    }
    /// A value may be remembered, under a number that is free.
    bool put(const pickle_recall& memo) {
        const std::size_t begin = at_;
        if (!number_put(memo)) return false;
        if (at_ != begin) add_hole(begin, hole::what::put);
        return true;
    }
    bool number_put(const pickle_recall& memo) {
        std::optional<std::uint64_t> index;
        const bool memoized = is(opcode::memoize);
        if (next(opcode::binput))
            index = number<std::uint8_t>();
        else if (next(opcode::long_binput))
            index = number<std::uint32_t>();
        else if (next(opcode::memoize))
            index = memo.count() + put_count_;
        else
            return true;
        // Numbers of both kinds in one phrase would not follow each other.
        if (put_count_ != 0 && memoized != memoized_) return false;
        memoized_ = memoized;
        if (!index || put_count_ == most_puts || !memo.is_free(*index)) return false;
        puts_[put_count_++] = *index;
        return true;
    }

    bool word(const pickle_recall& memo, std::string_view wanted) {
        const node* n = recalled(memo);
        return n != nullptr && n->kind == value_kind::string && n->str() == wanted;
    }
    bool global(const pickle_recall& memo, const node*& to) {
        to = recalled(memo);
        return to != nullptr && to->kind == value_kind::global;
    }
    /// Printable ASCII, as keys and locations are.
    bool literal(std::string_view& to) {
        std::optional<std::size_t> length;
        if (next(opcode::binunicode))
            length = number<std::uint32_t>();
        else if (next(opcode::short_binunicode))
            length = number<std::uint8_t>();
        if (!length || *length > code_.size() - at_) return false;
        to = code_.substr(at_, *length);
        at_ += *length;
        for (const char c : to)
            if (c < ' ' || c > '~') return false;
        return true;
    }
    bool text(const pickle_recall& memo, std::string_view& to) {
        if (!is(opcode::binunicode) && !is(opcode::short_binunicode)) {
            const node* n = recalled(memo);
            if (n == nullptr || n->kind != value_kind::string) return false;
            to = n->str();
            return true;
        }
        const std::size_t begin = at_;
        if (!literal(to)) return false;
        if (&to == &key) add_hole(begin, hole::what::key);
        return put(memo);
    }
    bool integer(std::int64_t& to) {
        std::optional<std::int64_t> n;
        if (next(opcode::binint1)) {
            n = number<std::uint8_t>();
        } else if (next(opcode::binint2)) {
            n = number<std::uint16_t>();
        } else if (next(opcode::binint)) {
            n = number<std::int32_t>();
        } else if (next(opcode::long1)) {
            const auto bytes = number<std::uint8_t>();
            if (!bytes || *bytes == 0 || *bytes > 8 || *bytes > code_.size() - at_) return false;
            std::uint64_t u = 0;
            std::memcpy(&u, code_.data() + at_, *bytes);
            at_ += *bytes;
            const int unused = 64 - 8 * *bytes;
            n = static_cast<std::int64_t>(u << unused) >> unused;
        }
        to = n.value_or(0);
        return n.has_value();
    }
    bool integers(const pickle_recall& memo, std::int64_t* to, std::size_t& count) {
        count = 0;
        if (next(opcode::empty_tuple)) return true;
        const bool marked = next(opcode::mark);
        for (; count < most_dims; ++count)
            if (!integer(to[count])) break;
        const bool ended = marked       ? next(opcode::tuple)
                           : count == 1 ? next(opcode::tuple1)
                           : count == 2 ? next(opcode::tuple2)
                                        : count == 3 && next(opcode::tuple3);
        return ended && put(memo);
    }
    bool flag() {
        requires_grad = is(opcode::newtrue);
        return next(opcode::newtrue) || next(opcode::newfalse);
    }
    /// The legacy format's persistent ids have a sixth element: that the storage is no part of another one.
    bool storage_end(const pickle_recall& memo) {
        next(opcode::none);
        if (!next(opcode::tuple) || !put(memo)) return false;
        storage_at = at_;
        add_hole(at_, hole::what::storage);
        return next(opcode::binpersid);
    }
    bool no_hooks(const pickle_recall& memo) {
        const node* cls = nullptr;
        return global(memo, cls) && lookup(cls) == known::ordered_dict && next(opcode::empty_tuple) &&
               next(opcode::reduce) && put(memo);
    }

    std::string_view code_;
    std::size_t at_ = 0;
    std::int64_t shape_[most_dims] = {}, strides_[most_dims] = {};
    std::size_t dims_ = 0, stride_dims_ = 0;
    std::uint64_t puts_[most_puts] = {};
    std::size_t put_count_ = 0;
    bool memoized_ = false, v3_ = false;
    hole holes_[most_puts + 2];
    std::size_t hole_count_ = 0;
};

/// The phrases of a pickle's last tensors that differed: a few shapes take turns.
class recent_phrases {
public:
    /// The phrase that `code` begins with, or null. Valid until the next call.
    [[nodiscard]] const tensor_phrase* read(std::string_view code, const pickle_recall& memo, bool v3) {
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t at = (last_ + i) % count;
            if (phrases_[at].again(code, memo, v3)) return &phrases_[last_ = at];
        }
        tensor_phrase& oldest = phrases_[last_ = (last_ + count - 1) % count];
        return oldest.read(code, memo, v3) ? &oldest : nullptr;
    }

private:
    static constexpr std::size_t count = 4;
    tensor_phrase phrases_[count];
    std::size_t last_ = 0;
};

}  // namespace tarc::detail
