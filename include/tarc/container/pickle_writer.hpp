#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_keys.hpp>
#include <tarc/container/pickle_memo.hpp>
#include <tarc/container/pickle_path.hpp>
#include <tarc/container/pickle_stream.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

struct pickled {
    std::vector<std::byte> bytes;
    std::vector<const storage_body*> storages;  // in order of first reference; their keys are "0", "1", …
};

class pickle_writer {
public:
    pickle_writer(const node& root, const limits& limit) : root_(root), limit_(limit) {}

    pickled write() {
        out_.op(opcode::proto);
        out_.little(2, 1);
        enter(root_);
        while (!frames_.empty()) step();
        out_.op(opcode::stop);
        if (out_.bytes.size() > limit_.pickle_bytes) fail("the pickle is longer than limits::pickle_bytes", errc::limit_exceeded);
        pickled result;
        result.bytes = std::move(out_.bytes);
        for (const claim& c : claims_) result.storages.push_back(c.storage);
        return result;
    }

private:
    // A value whose parts are being written.
    struct frame {
        enum class part : std::uint8_t { items, entries, state, call, attributes };
        const node* of;
        part what;
        std::size_t next = 0;
    };
    struct claim {
        const storage_body* storage;
        dtype type;  // uint8 for an untyped one
    };
    static constexpr std::uint32_t fresh = UINT32_MAX, in_progress = UINT32_MAX - 1;
    static constexpr std::size_t short_text = 512;

    [[noreturn]] void fail(const std::string& message, errc code = errc::unsavable) const {
        error e(code, message);
        throw std::move(e.at_field(path()));
    }

    std::string path() const {
        std::string text;
        const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "/") + part; };
        for (const frame& f : frames_) {
            if (f.next == 0) continue;
            if (f.what == frame::part::items) add(std::to_string(f.next - 1));
            else if (f.what == frame::part::entries) add(path_step(*(*f.of->dict)[(f.next - 1) / 2].key));
        }
        return text;
    }

    void put(const node& n) { memo_.at(&n, fresh) = out_.put(); }

    /// True when `n` was written before and is now referred to; else it is being written from now on.
    bool repeated(const node& n) {
        std::uint32_t& state = memo_.at(&n, fresh);
        if (state == in_progress) fail("a value that contains itself through a tuple, set or tensor cannot be pickled");
        if (state != fresh) {
            out_.get(state);
            return true;
        }
        state = in_progress;
        return false;
    }

    void open(const node& n, frame::part what) { frames_.push_back({&n, what}); }

    // -- one value -----------------------------------------------------------------------------------------------------

    /// Writes a value that has no parts; opens any other.
    void enter(const node& value) {
        if (++nodes_ > limit_.nodes) fail("more values than limits::nodes", errc::limit_exceeded);
        const node* state = transparent_state(value);
        const node& n = state != nullptr ? *state : value;
        switch (n.kind) {
            case value_kind::none: out_.op(opcode::none); break;
            case value_kind::boolean: out_.boolean(n.boolean); break;
            case value_kind::integer: integer(n); break;
            case value_kind::real: out_.real(n.real); break;
            case value_kind::complex:
                out_.global("__builtin__", "complex");
                out_.real(n.complex[0]);
                out_.real(n.complex[1]);
                out_.op(opcode::tuple2);
                out_.op(opcode::reduce);
                break;
            case value_kind::string: string(n); break;
            case value_kind::bytes: bytes(n); break;
            case value_kind::list:
                if (repeated(n)) break;
                out_.op(opcode::empty_list);
                put(n);
                if (n.list->size != 0) items(n, n.list->size > 1);
                break;
            case value_kind::tuple: tuple(n); break;
            case value_kind::set:
                if (repeated(n)) break;
                out_.global("__builtin__", "set");
                out_.op(opcode::empty_list);
                items(n, n.list->size > 1);
                break;
            case value_kind::dict: dict(n); break;
            case value_kind::tensor: tensor(n); break;
            case value_kind::storage: storage(*n.storage, n.storage->type); break;
            case value_kind::global: global(*n.global); break;
            case value_kind::object: object(n); break;
        }
    }

    void items(const node& n, bool mark) {
        if (mark) out_.op(opcode::mark);
        open(n, frame::part::items);
    }

    void integer(const node& n) {
        if (!n.big) return out_.integer(n.integer);
        if (n.size > 255) fail("an integer of " + std::to_string(n.size) + " bytes: PyTorch reads at most 255");
        out_.long_integer(n.str());
    }

    void check_length(std::size_t bytes) {
        if (bytes > UINT32_MAX) fail("a text or bytes of more than 4 GiB cannot be pickled: put it in a tensor of uint8");
    }

    void string(const node& n) {
        check_length(n.size);
        if (n.size > short_text && repeated(n)) return;
        if (find_bad_utf8(n.str()) != std::string_view::npos)
            fail("a string is not UTF-8: hold it as bytes (std::vector<std::byte>)");
        if (n.size <= short_text) return out_.shared_unicode(n.str());
        out_.unicode(n.str());
        put(n);
    }

    // Python's own form for b"" is refused by weights_only; _codecs.encode("", "latin1") is not.
    void bytes(const node& n) {
        if (repeated(n)) return;
        out_.global(n.mutable_ ? "__builtin__" : "_codecs", n.mutable_ ? "bytearray" : "encode");
        const std::string text = latin1_to_utf8(n.str());
        check_length(text.size());
        out_.unicode(text);
        out_.shared_unicode("latin1");
        out_.op(opcode::tuple2);
        out_.op(opcode::reduce);
        put(n);
    }

    void tuple(const node& n) {
        if (n.list->size == 0 && !n.named) return out_.op(opcode::empty_tuple);
        if (repeated(n)) return;
        if (n.named) out_.global("torch", "Size");
        items(n, n.list->size > 3);
    }

    void dict(const node& n) {
        if (repeated(n)) return;
        switch (n.dict->cls) {
            case dict_class::ordered: out_.empty_ordered_dict(); break;
            case dict_class::counter:
                out_.global("collections", "Counter");
                out_.op(opcode::empty_tuple);
                out_.op(opcode::reduce);
                break;
            default: out_.op(opcode::empty_dict); break;
        }
        put(n);
        if (n.dict->size > 1) out_.op(opcode::mark);
        open(n, frame::part::entries);
    }

    void global(const global_body& g) {
        const known k = lookup(g);
        const torch_constant constant = constant_of(g);
        const bool allowed = constant == torch_constant::dtype || constant == torch_constant::qscheme ||
                             k == known::ordered_dict || k == known::counter || k == known::size || k == known::tensor ||
                             k == known::device || k == known::parameter ||
                             (g.module == "torch" && dtype_of_storage_class(g.name));
        if (!allowed) fail(refusal(std::string(g.module) + "." + std::string(g.name)));
        out_.global(g.module, g.name);
    }

    static std::string refusal(const std::string& name) {
        return name + " is not among the classes that torch.load(weights_only=True) accepts, and tarc does not know what it holds";
    }

    // Calls that weights_only allows: their arguments are written as they are.
    void object(const node& n) {
        const object_body& o = *n.object;
        const known k = lookup(o.cls);
        const bool allowed = k == known::device || k == known::layout || k == known::rebuild_sparse ||
                             k == known::rebuild_qtensor || k == known::rebuild_nested || k == known::rebuild_parameter;
        const bool plain = o.state == nullptr && o.items == nullptr && o.pairs == nullptr && o.args != nullptr;
        if (!allowed || !plain) {
            const bool named = o.cls != nullptr && o.cls->kind == value_kind::global;
            fail(refusal(named ? describe_key(*o.cls) : "an object"));
        }
        if (repeated(n)) return;
        out_.global(o.cls->global->module, o.cls->global->name);
        open(n, frame::part::call);
    }

    // -- tensors -------------------------------------------------------------------------------------------------------

    static bool holds_something(const node* attributes) {
        return attributes != nullptr && attributes->kind != value_kind::none &&
               !(attributes->kind == value_kind::dict && attributes->dict->size == 0);
    }
    // PyTorch refuses the flag on other dtypes.
    static bool differentiable(const tensor_body& t) {
        const dtype_class c = facts(t.type).kind;
        return t.requires_grad && (c == dtype_class::floating || c == dtype_class::complex);
    }

    void tensor(const node& n) {
        if (repeated(n)) return;
        const tensor_body& t = *n.tensor;
        const bool attributes = holds_something(t.attributes);
        if (t.parameter) {
            out_.global("torch._utils", attributes ? "_rebuild_parameter_with_state" : "_rebuild_parameter");
            if (attributes) out_.op(opcode::mark);
            function(t);
            arguments(t, false);
            out_.op(opcode::reduce);
            out_.boolean(differentiable(t));
            out_.empty_ordered_dict();
            if (attributes) return open(n, frame::part::attributes);
            out_.op(opcode::tuple3);
        } else if (attributes) {
            out_.global("torch._tensor", "_rebuild_from_type_v2");
            out_.op(opcode::mark);
            function(t);
            out_.global("torch", "Tensor");
            arguments(t, differentiable(t));
            return open(n, frame::part::attributes);
        } else {
            function(t);
            arguments(t, differentiable(t));
        }
        out_.op(opcode::reduce);
        put(n);
    }

    static bool untyped(const tensor_body& t) { return facts(t.type).storage.empty(); }

    void function(const tensor_body& t) {
        out_.global("torch._utils", t.meta         ? "_rebuild_meta_tensor_no_storage"
                                    : untyped(t) ? "_rebuild_tensor_v3"
                                                   : "_rebuild_tensor_v2");
    }

    void arguments(const tensor_body& t, bool requires_grad) {
        out_.op(opcode::mark);
        if (t.meta) {
            out_.global("torch", to_string(t.type));
            out_.integers(t.shape);
            out_.integers(t.strides);
            out_.boolean(requires_grad);
        } else {
            const std::int64_t offset = rebased_offset(t);
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

    /// In elements from the first byte that is written.
    std::int64_t rebased_offset(const tensor_body& t) {
        const storage_body& s = *t.storage;
        const std::uint64_t size = size_of(t.type);
        if (s.begin > s.end || s.end > s.nbytes) fail("a storage's range to save is not within it", errc::invalid_argument);
        const auto extent = static_cast<std::uint64_t>(extent_of(t.shape, t.strides));
        const std::uint64_t have = (s.end - s.begin) / size, first = s.begin / size;
        const auto at = static_cast<std::uint64_t>(t.offset);
        if (t.offset >= 0 && at >= first && at - first <= have && extent <= have - (at - first)) {
            if (s.begin % size == 0) return static_cast<std::int64_t>(at - first);
        } else if (extent == 0) {
            return 0;
        }
        fail("a tensor of shape " + shape_text(t.shape) + " at offset " + std::to_string(t.offset) +
                 " is not within the bytes of its storage that are saved",
             errc::bad_tensor);
    }

    // ("storage", class, key, location, size)
    void storage(const storage_body& s, std::optional<dtype> type) {
        const dtype as = type.value_or(dtype::uint8);
        std::uint32_t& index = claimed_.at(&s, static_cast<std::uint32_t>(claims_.size()));
        if (index == claims_.size()) claims_.push_back({&s, s.type.value_or(as)});
        const dtype before = claims_[index].type;
        if (before != as) {
            const std::string other = find_path(root_, &s);
            fail("elements of " + std::string(to_string(as)) + " stand in a storage that holds " +
                 std::string(to_string(before)) + (other.empty() ? "" : " at \"" + other + "\"") +
                 ": PyTorch reads one dtype from one storage; clone one of the tensors");
        }
        const std::uint64_t size = type ? size_of(*type) : 1, nbytes = s.end - s.begin;
        if (s.begin > s.end || s.end > s.nbytes || nbytes % size != 0)
            fail("a storage of " + std::to_string(nbytes) + " bytes to save does not hold whole elements of " +
                 std::string(to_string(as)));
        out_.op(opcode::mark);
        out_.shared_unicode("storage");
        if (type) out_.global("torch", facts(*type).storage);
        else out_.global("torch.storage", "UntypedStorage");
        out_.unicode(std::to_string(index));
        location(s.location);
        out_.unsigned_integer(nbytes / size);
        out_.op(opcode::tuple);
        out_.op(opcode::binpersid);
    }

    void location(std::string_view tag) {
        check_length(tag.size());
        if (find_bad_utf8(tag) != std::string_view::npos) fail("the location of a storage is not UTF-8");
        if (tag.size() <= short_text) out_.shared_unicode(tag);
        else out_.unicode(tag);
    }

    // -- parts ---------------------------------------------------------------------------------------------------------

    void step() {
        frame& f = frames_.back();
        const node& n = *f.of;
        switch (f.what) {
            case frame::part::items:
                if (f.next < n.list->size) return enter(*(*n.list)[f.next++]);
                close_items(n);
                break;
            case frame::part::entries:
                if (f.next < n.dict->size * 2) {
                    const entry& e = (*n.dict)[f.next / 2];
                    return enter(f.next++ % 2 == 0 ? *e.key : *e.value);
                }
                if (n.dict->size != 0) out_.op(n.dict->size == 1 ? opcode::setitem : opcode::setitems);
                if (n.dict->state != nullptr &&
                    (n.dict->cls == dict_class::ordered || n.dict->cls == dict_class::counter)) {
                    f.what = frame::part::state;
                    f.next = 0;
                    return;
                }
                break;
            case frame::part::state:
                if (f.next++ == 0) return enter(*n.dict->state);
                out_.op(opcode::build);
                break;
            case frame::part::call:
                if (f.next++ == 0) return enter(*n.object->args);
                out_.op(opcode::reduce);
                put(n);
                break;
            case frame::part::attributes:
                if (f.next++ == 0) return enter(*n.tensor->attributes);
                out_.op(opcode::tuple);
                out_.op(opcode::reduce);
                put(n);
                break;
        }
        frames_.pop_back();
    }

    void close_items(const node& n) {
        const std::size_t size = n.list->size;
        if (n.kind == value_kind::tuple) {
            out_.close_tuple(size);
            if (!n.named) return put(n);
        } else if (size != 0) {
            out_.op(size == 1 ? opcode::append : opcode::appends);
        }
        if (n.kind == value_kind::list) return;
        out_.op(opcode::tuple1);  // set([…]), torch.Size((…))
        out_.op(opcode::reduce);
        put(n);
    }

    const node& root_;
    const limits& limit_;
    pickle_stream out_;
    std::vector<frame> frames_;
    address_map memo_, claimed_;
    std::vector<claim> claims_;
    std::uint64_t nodes_ = 0;
};

/// A tree as a pickle of protocol 2 that torch.load(weights_only=True) reads. The same tree gives the same bytes. What is
/// reachable twice is written once and stays shared, cycles through lists and dicts included. A frozenset becomes a set, a
/// defaultdict a dict, an object that is nothing but its state that dict. Of each storage, the bytes [begin, end) are
/// written, and its tensors' offsets are counted from there.
/// Errors: errc::unsavable with the path of the value, errc::bad_tensor, errc::limit_exceeded.
[[nodiscard]] inline pickled write_pickle(const node& root, const limits& limit) {
    return pickle_writer(root, limit).write();
}

}  // namespace tarc::detail
