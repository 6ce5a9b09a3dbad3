#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_keys.hpp>
#include <tarc/container/pickle_memo.hpp>
#include <tarc/container/pickle_opcodes.hpp>
#include <tarc/container/pickle_path.hpp>
#include <tarc/container/pickle_stream.hpp>
#include <tarc/container/pickle_tensors.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

struct pickled {
    vec<std::byte> bytes;
    vec<const storage_body*> storages;  // in order of first reference; their keys are "0", "1", …
};

class pickle_writer {
public:
    pickle_writer(const node& root, const limits& limit) : root_(root), limit_(limit), tensors_(out_, root) {}

    pickled write() {
        try {
            out_.op(opcode::proto);
            out_.little(2, 1);
            enter(root_);
            while (!frames_.empty()) step();
            out_.op(opcode::stop);
            if (out_.bytes.size() > limit_.pickle_bytes)
                raise(errc::limit_exceeded, "the pickle is longer than limits::pickle_bytes");
        } catch (error& e) {
            e.at_field(path());
            throw;
        }
        return {std::move(out_.bytes), tensors_.storages()};
    }

private:
    // A value whose parts are being written.
    struct frame {
        enum class part : std::uint8_t { items, entries, state, call, attributes };
        const node* of;
        part what;
        bool hashed = false;  // its items are within a dict key or set element
        std::size_t next = 0;
    };
    static constexpr std::uint32_t fresh = UINT32_MAX, in_progress = UINT32_MAX - 1;
    static constexpr std::size_t short_text = 512;

    [[noreturn]] static void fail(std::string message) { raise(errc::unsavable, std::move(message)); }

    std::string path() const {
        std::string text;
        const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "/") + part; };
        for (const frame& f : frames_) {
            if (f.next == 0) continue;
            if (f.what == frame::part::items)
                add(std::to_string(f.next - 1));
            else if (f.what == frame::part::entries)
                add(path_step(*(*f.of->dict)[(f.next - 1) / 2].key));
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

    void open(const node& n, frame::part what, bool hashed = false) { frames_.push_back({&n, what, hashed}); }

    // -- one value

    /// Writes a value that has no parts; opens any other.
    void enter(const node& value, bool hashed = false) {
        if (++nodes_ > limit_.nodes) raise(errc::limit_exceeded, "more values than limits::nodes");
        const node* stand_in = writable_stand_in(value);
        const node& n = stand_in != nullptr ? *stand_in : value;
        if (hashed && (n.kind == value_kind::list || n.kind == value_kind::set || n.kind == value_kind::dict))
            fail("a dict key or set element would be written as " + describe_key(n) + ", which Python cannot hash");
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
                if (n.list->size != 0) items(n, n.list->size > 1, false);
                break;
            case value_kind::tuple: tuple(n, hashed); break;
            case value_kind::set:
                if (repeated(n)) break;
                out_.global("__builtin__", "set");
                out_.op(opcode::empty_list);
                items(n, n.list->size > 1, true);
                break;
            case value_kind::dict: dict(n); break;
            case value_kind::tensor: tensor(n); break;
            case value_kind::storage: tensors_.storage(*n.storage, n.storage->type); break;
            case value_kind::global: global(*n.global); break;
            case value_kind::object: object(n); break;
        }
    }

    void items(const node& n, bool mark, bool hashed) {
        if (mark) out_.op(opcode::mark);
        open(n, frame::part::items, hashed);
    }

    void integer(const node& n) {
        if (!n.big) return out_.integer(n.integer);
        if (n.size > 255) fail("an integer of " + std::to_string(n.size) + " bytes: PyTorch reads at most 255");
        out_.long_integer(n.str());
    }

    void check_length(std::size_t bytes) {
        if (bytes > UINT32_MAX)
            fail("a text or bytes of more than 4 GiB cannot be pickled: put it in a tensor of uint8");
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

    void tuple(const node& n, bool hashed) {
        if (n.list->size == 0 && !n.named) return out_.op(opcode::empty_tuple);
        if (repeated(n)) return;
        if (n.named) out_.global("torch", "Size");
        items(n, n.list->size > 3, hashed);
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
                             k == known::ordered_dict || k == known::counter || k == known::size ||
                             k == known::tensor || k == known::device || k == known::parameter ||
                             (g.module == "torch" && dtype_of_storage_class(g.name));
        if (!allowed) fail(refusal(std::string(g.module) + "." + std::string(g.name)));
        out_.global(g.module, g.name);
    }

    static std::string refusal(const std::string& name) {
        return name +
               " is not among the classes that torch.load(weights_only=True) accepts, and tarc does not know what it "
               "holds";
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
        // torch._utils has (layout, parts); TorchScript's pickles call a function of that name with other arguments
        if (k == known::rebuild_sparse && (o.args->kind != value_kind::tuple || o.args->list->size != 2))
            fail("a sparse tensor of a TorchScript archive cannot be written: torch.save has another form for it");
        if (repeated(n)) return;
        out_.global(o.cls->global->module, o.cls->global->name);
        open(n, frame::part::call);
    }

    // -- tensors

    static bool holds_something(const node* attributes) {
        return attributes != nullptr && attributes->kind != value_kind::none &&
               !(attributes->kind == value_kind::dict && attributes->dict->size == 0);
    }
    void tensor(const node& n) {
        const tensor_body& t = *n.tensor;
        const bool attributes = holds_something(t.attributes);
        if (!t.parameter && !attributes) {
            std::uint32_t& state = memo_.at(&n, fresh);
            if (state != fresh) return out_.get(state);
            tensors_.tensor(t, tensors_.differentiable(t));
            state = out_.put();
            return;
        }
        if (repeated(n)) return;
        if (t.parameter) {
            out_.global("torch._utils", attributes ? "_rebuild_parameter_with_state" : "_rebuild_parameter");
            if (attributes) out_.op(opcode::mark);
            tensors_.function(t);
            tensors_.arguments(t, false);
            out_.op(opcode::reduce);
            out_.boolean(tensors_.differentiable(t));
            out_.empty_ordered_dict();
            if (attributes) return open(n, frame::part::attributes);
            out_.op(opcode::tuple3);
            out_.op(opcode::reduce);
            return put(n);
        }
        out_.global("torch._tensor", "_rebuild_from_type_v2");
        out_.op(opcode::mark);
        tensors_.function(t);
        out_.global("torch", "Tensor");
        tensors_.arguments(t, tensors_.differentiable(t));
        open(n, frame::part::attributes);
    }

    // -- parts

    void step() {
        frame& f = frames_.back();
        const node& n = *f.of;
        switch (f.what) {
            case frame::part::items:
                if (f.next < n.list->size) return enter(*(*n.list)[f.next++], f.hashed);
                close_items(n);
                break;
            case frame::part::entries:
                if (f.next < n.dict->size * 2) {
                    const entry& e = (*n.dict)[f.next / 2];
                    const bool key = f.next++ % 2 == 0;
                    return enter(key ? *e.key : *e.value, key);
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
    vec<frame> frames_;
    pickle_tensors tensors_;
    address_map<std::uint32_t> memo_;
    std::uint64_t nodes_ = 0;
};

/// A tree as a pickle of protocol 2 that torch.load(weights_only=True) reads. The same tree gives the same bytes. What
/// is reachable twice is written once and stays shared, cycles through lists and dicts included. A frozenset becomes a
/// set, a defaultdict a dict, an object that is nothing but its state that dict. Of each storage, the bytes [begin,
/// end) are written, and its tensors' offsets are counted from there. Errors: errc::unsavable with the path of the
/// value, errc::bad_tensor, errc::limit_exceeded.
[[nodiscard]] inline pickled write_pickle(const node& root, const limits& limit) {
    return pickle_writer(root, limit).write();
}

}  // namespace tarc::detail
