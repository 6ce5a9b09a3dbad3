#pragma once

#include <algorithm>  // std::ranges::equal
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/pickle_path.hpp>
#include <tarc/container/pickle_stream.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/error.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// Tensors and storages as torch.save 2.13 pickles them (torch/_tensor.py `_reduce_ex_internal`, torch/serialization.py
/// `persistent_id`). Errors are thrown without the path of the value.
class pickle_tensors {
public:
    pickle_tensors(pickle_stream& out, const node& root) : out_(out), root_(root) {}

    /// In order of first reference.
    [[nodiscard]] vec<const storage_body*> storages() const {
        vec<const storage_body*> all;
        all.reserve(claims_.size());
        for (const claimant& c : claims_) all.push_back(c.storage);
        return all;
    }

    /// Whether requires_grad is written: PyTorch refuses the flag on other dtypes.
    static bool differentiable(const tensor_body& t) {
        const dtype_class c = facts(t.type).kind;
        return t.requires_grad && (c == dtype_class::floating || c == dtype_class::complex);
    }

    /// Puts a tensor on the stack as one like it was put there before, only with a storage of its own: most tensors of
    /// a checkpoint differ in nothing else. False, and nothing is written, where there was none.
    bool again(const tensor_body& t, bool requires_grad) {
        if (t.meta || t.storage == nullptr) return false;
        const phrase& p = phrases_[place(t)];
        if (p.like == nullptr || p.requires_grad != requires_grad || !alike(p, t)) return false;
        char digits[20];
        const std::size_t number = claim(*t.storage, untyped(t) ? std::nullopt : std::optional(t.type));
        const auto n = static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, number).ptr - digits);
        std::byte* to = out_.bytes.extend(p.key - p.begin + n + (p.end - p.after_key));
        const std::byte* const from = out_.bytes.data();
        const auto add = [&](const void* bytes, std::size_t size) {
            std::memcpy(to, bytes, size);
            to += size;
        };
        add(from + p.begin, p.key - p.begin - 4);
        const auto length = static_cast<std::uint32_t>(n);
        add(&length, 4);
        add(digits, n);
        add(from + p.after_key, p.end - p.after_key);
        return true;
    }

    /// Puts a tensor on the stack.
    void tensor(const tensor_body& t, bool requires_grad) {
        if (again(t, requires_grad)) return;
        phrase p;
        p.begin = out_.bytes.size();
        const std::uint32_t remembered = out_.next();
        function(t);
        arguments(t, requires_grad);
        out_.op(opcode::reduce);
        if (t.meta || out_.next() != remembered) return;  // the next one refers to what is new here
        p.key = key_;
        p.after_key = after_key_;
        p.end = out_.bytes.size();
        p.like = &t;
        p.offset = rebased_offset(t, *t.storage);
        p.requires_grad = requires_grad;
        phrases_[place(t)] = p;
    }

    /// Puts the function that rebuilds `t` on the stack.
    void function(const tensor_body& t) {
        out_.global("torch._utils", t.meta       ? "_rebuild_meta_tensor_no_storage"
                                    : untyped(t) ? "_rebuild_tensor_v3"
                                                 : "_rebuild_tensor_v2");
    }

    /// Puts its arguments on the stack, as a tuple.
    void arguments(const tensor_body& t, bool requires_grad) {
        out_.op(opcode::mark);
        if (t.meta) {
            out_.global("torch", to_string(t.type));
            out_.integers(t.shape);
            out_.integers(t.strides);
            out_.boolean(requires_grad);
        } else {
            if (t.storage == nullptr) raise(errc::unsavable, "a tensor is undefined: it has no storage");
            const std::int64_t offset = rebased_offset(t, *t.storage);
            storage(*t.storage, untyped(t) ? std::nullopt : std::optional(t.type));
            out_.integer(offset);
            out_.integers(t.shape);
            out_.integers(t.strides);
            out_.boolean(requires_grad);
            out_.empty_ordered_dict();
            if (untyped(t)) out_.global("torch", to_string(t.type));
            if (t.conj || t.neg) {
                out_.op(opcode::empty_dict);
                for (const auto& [name, set] : {std::pair("conj", t.conj), std::pair("neg", t.neg)}) {
                    if (!set) continue;
                    out_.unicode(name);
                    out_.boolean(true);
                    out_.op(opcode::setitem);
                }
            }
        }
        out_.op(opcode::tuple);
    }

    /// Puts a storage on the stack, as typed or untyped: the persistent id ("storage", class, key, location, size).
    void storage(const storage_body& s, std::optional<dtype> type) {
        const std::size_t number = claim(s, type);
        const std::uint64_t size = type ? size_of(*type) : 1, nbytes = s.end - s.begin;
        out_.op(opcode::mark);
        out_.shared_unicode("storage");
        if (type)
            out_.global("torch", facts(*type).storage);
        else
            out_.global("torch.storage", "UntypedStorage");
        const std::string key = std::to_string(number);
        out_.unicode(key);
        after_key_ = out_.bytes.size();
        key_ = after_key_ - key.size();
        if (s.location.size() > UINT32_MAX || find_bad_utf8(s.location) != std::string_view::npos)
            raise(errc::unsavable, "the location of a storage is not UTF-8");
        out_.shared_unicode(s.location);
        out_.unsigned_integer(nbytes / size);
        out_.op(opcode::tuple);
        out_.op(opcode::binpersid);
    }

private:
    static bool untyped(const tensor_body& t) { return facts(t.type).storage.empty(); }

    /// The number of a storage, which is its key.
    std::size_t claim(const storage_body& s, std::optional<dtype> type) {
        const dtype as = type.value_or(dtype::uint8);
        const numbered slot = claimed_.add(&s);
        if (slot.fresh) claims_.push_back({&s, s.type.value_or(as)});
        const dtype before = claims_[slot.number].type;
        if (before != as) {
            const std::string other = find_path(root_, &s);
            raise(errc::unsavable, "elements of " + std::string(to_string(as)) + " stand in a storage that holds " +
                                       std::string(to_string(before)) + (other.empty() ? "" : " at \"" + other + "\"") +
                                       ": PyTorch reads one dtype from one storage; clone one of the tensors");
        }
        const std::uint64_t size = type ? size_of(*type) : 1, nbytes = s.end - s.begin;
        if (s.begin > s.end || s.end > s.nbytes || nbytes % size != 0)
            raise(errc::unsavable, "a storage of " + std::to_string(nbytes) +
                                       " bytes to save does not hold whole elements of " + std::string(to_string(as)));
        return slot.number;
    }

    // In elements from the first byte that is written.
    static std::int64_t rebased_offset(const tensor_body& t, const storage_body& s) {
        const std::uint64_t size = size_of(t.type);
        if (s.begin > s.end || s.end > s.nbytes)
            raise(errc::invalid_argument, "a storage's range to save is not within it");
        const auto extent = static_cast<std::uint64_t>(extent_of(t.shape, t.strides));
        const std::uint64_t have = (s.end - s.begin) / size, first = s.begin / size;
        const auto at = static_cast<std::uint64_t>(t.offset);
        if (t.offset >= 0 && at >= first && at - first <= have && extent <= have - (at - first)) {
            if (s.begin % size == 0) return static_cast<std::int64_t>(at - first);
        } else if (extent == 0) {
            return 0;
        }
        raise(errc::bad_tensor, "a tensor of shape " + shape_text(t.shape) + " at offset " + std::to_string(t.offset) +
                                    " is not within the bytes of its storage that are saved");
    }

    /// The instructions of a tensor that refer to nothing new.
    struct phrase {
        const tensor_body* like = nullptr;
        bool requires_grad = false;
        std::int64_t offset = 0;                                 // from the first byte that is written
        std::size_t begin = 0, key = 0, after_key = 0, end = 0;  // in the stream
    };
    static std::size_t place(const tensor_body& t) {
        std::uint64_t h = static_cast<std::uint64_t>(t.type);
        for (const std::int64_t n : t.shape) h = (h ^ static_cast<std::uint64_t>(n)) * 0x9e3779b97f4a7c15u;
        return static_cast<std::size_t>(h >> 60);
    }
    static bool alike(const phrase& p, const tensor_body& b) {
        const tensor_body& a = *p.like;
        const storage_body &s = *a.storage, &r = *b.storage;
        return a.type == b.type && a.conj == b.conj && a.neg == b.neg && std::ranges::equal(a.shape, b.shape) &&
               std::ranges::equal(a.strides, b.strides) && s.end - s.begin == r.end - r.begin &&
               s.location == r.location && p.offset == rebased_offset(b, r);
    }

    struct claimant {
        const storage_body* storage;
        dtype type;  // uint8 for an untyped one
    };

    pickle_stream& out_;
    const node& root_;
    address_set claimed_;
    vec<claimant> claims_;
    std::size_t key_ = 0, after_key_ = 0;  // of the last storage
    phrase phrases_[16];
};

}  // namespace tarc::detail
