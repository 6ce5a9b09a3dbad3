#pragma once

#include <bit>  // std::bit_cast
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>  // std::move

#include <tarc/container/pickle_containers.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_machine.hpp>
#include <tarc/container/pickle_objects.hpp>
#include <tarc/container/pickle_opcodes.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// The pickle machine over a value tree. It has a stack of its own and calls nothing that a pickle names.
class pickle_reader {
public:
    pickle_reader(std::span<const std::byte> bytes, tree& into, const limits& limit, const pickle_site& site)
        : c_(into, limit, site, bytes.size()), in_(c_, bytes) {}

    node* read() {
        try {
            if (in_.left() > c_.limit.pickle_bytes)
                c_.fail("a pickle of " + std::to_string(in_.left()) + " bytes (limits::pickle_bytes)",
                        errc::limit_exceeded);
            while (step()) {
            }
            if (stack_.marked() || stack_.size() != 1)
                c_.fail("the pickle ends with " + std::to_string(stack_.size()) + " values, not one");
            if (in_.left() != 0) c_.fail(std::to_string(in_.left()) + " bytes follow the end of the pickle");
            for (node* n : instances_) objects_.settle(*n);
            return stack_.top();
        } catch (error& e) {
            e.in_record(c_.site.record).at_offset(c_.at);
            throw;
        }
    }

private:
    void push_new(node* n) {
        c_.count();
        stack_.push(n);
    }

    // -- scalars

    node* text(std::string_view s) {
        if (const std::size_t bad = find_bad_utf8(s); bad != std::string_view::npos)
            c_.fail("a string is not UTF-8 (byte " + std::to_string(bad) + " of " + std::to_string(s.size()) + ")");
        return c_.into.string(s);
    }
    // A Python 2 str is text or bytes: nobody knows.
    node* python2_str(std::string_view s) {
        return find_bad_utf8(s) == std::string_view::npos ? c_.into.string(s) : c_.into.bytes(s);
    }
    node* small_integer(std::uint8_t i) {
        if (small_[i] == nullptr) small_[i] = c_.into.integer(i);
        return small_[i];
    }
    node* integer(std::string_view little_endian) {
        if (little_endian.empty()) return c_.into.integer(0);
        if (little_endian.size() > c_.limit.integer_bytes)
            c_.fail("an integer of " + std::to_string(little_endian.size()) + " bytes (limits::integer_bytes)",
                    errc::limit_exceeded);
        return c_.into.big_integer(little_endian);
    }
    node* decimal(std::string_view digits) {
        const auto value = parse_decimal(digits);
        if (!value)
            c_.fail("an integer is malformed, or has more than " + std::to_string(max_decimal_digits) + " digits");
        return integer(*value);
    }
    node* real_text(std::string_view digits) {
        const auto value = parse_real(digits);
        if (!value) c_.fail("a float is malformed");
        return c_.into.real(*value);
    }
    template <class T>
    T decoded(std::optional<T> value, const char* what) {
        if (!value) c_.fail(std::string(what) + " is malformed");
        return *std::move(value);
    }

    node* named(std::string_view module, std::string_view name) {
        node* const g = objects_.global(module, name);
        const known k = lookup(g);
        if (k == known::rebuild_tensor_v2) rebuild_v2_ = g;
        if (k == known::rebuild_tensor_v3) rebuild_v3_ = g;
        return g;
    }

    // -- the memo, and tensors at once

    void remember(std::uint64_t index) {
        if (phrases_ && memo_.holds(index)) {  // what is deferred may be made of it
            phrases_ = false;
            for (std::uint64_t i = 0; i < memo_.end(); ++i) unfold(i);
        }
        memo_.put(index, stack_.top());
    }
    void memoize() { remember(unfolding_ ? (*unfolding_)++ : memo_.count()); }
    void recall(std::uint64_t index) {
        unfold(index);
        stack_.push(memo_.get(index));
    }

    // The MARK in hand may begin all the arguments of a tensor.
    bool tensor_at_once() {
        const bool v3 = rebuild_v3_ != nullptr && stack_.is_on_top(rebuild_v3_);
        const bool v2 = rebuild_v2_ != nullptr && stack_.is_on_top(rebuild_v2_);
        if (!phrases_ || !(v2 || v3)) return false;
        const std::size_t begin = in_.position() - 1;
        in_.seek(begin);
        const tensor_phrase* const phrase = recent_phrases_.read(in_.rest(), memo_, v3);
        node* const made = phrase != nullptr ? objects_.call(*phrase, c_.site.begin + begin) : nullptr;
        in_.seek(made == nullptr ? begin + 1 : begin + phrase->size);
        if (made == nullptr) return false;
        stack_.top() = made;
        for (const std::uint64_t index : phrase->puts()) memo_.defer(index, begin);
        return true;
    }
    // Makes the values inside of a phrase, where `index` is one of them.
    void unfold(std::uint64_t index) {
        const auto begin = memo_.deferred(index);
        if (!begin) return;
        const std::uint64_t at = c_.at;
        const std::size_t back = in_.position();
        const bool phrases = std::exchange(phrases_, false);
        std::uint64_t first = index;  // that MEMOIZE gave inside of it
        while (first != 0 && memo_.deferred(first - 1) == begin) --first;
        unfolding_ = first;
        in_.seek(*begin);
        const std::size_t arguments = stack_.size() + 1;
        do step();
        while (stack_.size() != arguments || !in_.rest().starts_with(static_cast<char>(opcode::reduce)));
        stack_.pop();
        in_.seek(back);
        unfolding_.reset();
        phrases_ = phrases;
        c_.at = at;
    }

    // Instead of the class on the stack, the instance that its __new__ makes.
    void construct(node* args) {
        node* const made = objects_.call(stack_.top(), args, true);
        stack_.top() = made;
        if (made->kind == value_kind::object && made->object->args->list->size != 0) instances_.push_back(made);
    }

    // -- the machine

    bool step() {
        c_.at = c_.site.begin + in_.position();
        if (in_.left() == 0) c_.fail("the pickle ends early: there is no STOP");
        const auto op = static_cast<opcode>(in_.number<std::uint8_t>());
        switch (op) {
            case opcode::stop: return false;
            case opcode::proto: {
                const unsigned version = in_.number<std::uint8_t>();
                if (version > 5) c_.fail("pickle protocol " + std::to_string(version), errc::unsupported);
                break;
            }
            case opcode::frame:
                if (const auto n = in_.number<std::uint64_t>(); n > in_.left())
                    c_.fail("a frame of " + std::to_string(n) + " bytes, but " + std::to_string(in_.left()) +
                            " are left");
                break;

            case opcode::none: push_new(none_); break;
            case opcode::newtrue: push_new(true_); break;
            case opcode::newfalse: push_new(false_); break;
            case opcode::binint: push_new(c_.into.integer(in_.number<std::int32_t>())); break;
            case opcode::binint1: push_new(small_integer(in_.number<std::uint8_t>())); break;
            case opcode::binint2: push_new(c_.into.integer(in_.number<std::uint16_t>())); break;
            case opcode::long1: push_new(integer(in_.take(in_.number<std::uint8_t>()))); break;
            case opcode::long4: {
                const auto n = in_.number<std::int32_t>();
                if (n < 0) c_.fail("an integer has a negative length");
                push_new(integer(in_.take(static_cast<std::uint64_t>(n))));
                break;
            }
            case opcode::int_text: {
                const std::string_view s = in_.line();
                push_new(s == "00" ? c_.into.boolean(false) : s == "01" ? c_.into.boolean(true) : decimal(s));
                break;
            }
            case opcode::long_text: {
                std::string_view s = in_.line();
                if (s.ends_with("L")) s.remove_suffix(1);
                push_new(decimal(s));
                break;
            }
            case opcode::binfloat: {
                std::uint64_t bits = 0;
                for (const char b : in_.take(8)) bits = bits << 8 | static_cast<unsigned char>(b);
                push_new(c_.into.real(std::bit_cast<double>(bits)));
                break;
            }
            case opcode::float_text: push_new(real_text(in_.line())); break;

            case opcode::binunicode: push_new(text(in_.take(in_.number<std::uint32_t>()))); break;
            case opcode::short_binunicode: push_new(text(in_.take(in_.number<std::uint8_t>()))); break;
            case opcode::binunicode8: push_new(text(in_.take(in_.number<std::uint64_t>()))); break;
            case opcode::unicode_text:
                push_new(c_.into.string(decoded(decode_raw_unicode_escape(in_.line()), "a string")));
                break;
            case opcode::string_text: push_new(python2_str(decoded(decode_python_repr(in_.line()), "a string"))); break;
            case opcode::binstring: push_new(python2_str(in_.take(in_.length4("a string")))); break;
            case opcode::short_binstring: push_new(python2_str(in_.take(in_.number<std::uint8_t>()))); break;
            case opcode::binbytes: push_new(c_.into.bytes(in_.take(in_.number<std::uint32_t>()))); break;
            case opcode::short_binbytes: push_new(c_.into.bytes(in_.take(in_.number<std::uint8_t>()))); break;
            case opcode::binbytes8: push_new(c_.into.bytes(in_.take(in_.number<std::uint64_t>()))); break;
            case opcode::bytearray8: push_new(c_.into.bytes(in_.take(in_.number<std::uint64_t>()), true)); break;

            case opcode::empty_list: push_new(c_.into.sequence(value_kind::list)); break;
            case opcode::empty_tuple: push_new(c_.into.sequence(value_kind::tuple)); break;
            case opcode::empty_set: push_new(c_.into.sequence(value_kind::set)); break;
            case opcode::empty_dict: push_new(c_.into.dict()); break;
            case opcode::list: push_new(containers_.sequence(value_kind::list, stack_.pop_mark())); break;
            case opcode::tuple: push_new(containers_.sequence(value_kind::tuple, stack_.pop_mark())); break;
            case opcode::tuple1: push_new(containers_.sequence(value_kind::tuple, stack_.pop(1))); break;
            case opcode::tuple2: push_new(containers_.sequence(value_kind::tuple, stack_.pop(2))); break;
            case opcode::tuple3: push_new(containers_.sequence(value_kind::tuple, stack_.pop(3))); break;
            case opcode::frozenset: push_new(containers_.set_of(stack_.pop_mark(), false)); break;
            case opcode::dict: {
                const auto items = stack_.pop_mark();
                node* n = c_.into.dict();
                containers_.set_items(*n, items);
                push_new(n);
                break;
            }
            case opcode::append: {
                node* const item = stack_.pop();
                containers_.append(*stack_.top(), std::span(&item, 1), "APPEND");
                break;
            }
            case opcode::appends: {
                const auto items = stack_.pop_mark();
                containers_.append(*stack_.top(), items, "APPENDS");
                break;
            }
            case opcode::setitem: {
                node* const value = stack_.pop();
                node* const pair[2] = {stack_.pop(), value};
                containers_.set_items(*stack_.top(), pair);
                break;
            }
            case opcode::setitems: {
                const auto items = stack_.pop_mark();
                containers_.set_items(*stack_.top(), items);
                break;
            }
            case opcode::additems: {
                const auto items = stack_.pop_mark();
                containers_.add_items(*stack_.top(), items);
                break;
            }

            case opcode::mark:
                if (!tensor_at_once()) stack_.mark();
                break;
            case opcode::pop:
                if (!stack_.drop_mark()) stack_.pop();  // Python takes the mark, too
                break;
            case opcode::pop_mark: stack_.pop_mark(); break;
            case opcode::dup: stack_.push(stack_.top()); break;
            case opcode::put: remember(memo_.index(in_.line())); break;
            case opcode::binput: remember(in_.number<std::uint8_t>()); break;
            case opcode::long_binput: remember(in_.number<std::uint32_t>()); break;
            case opcode::memoize: memoize(); break;
            case opcode::get: recall(memo_.index(in_.line())); break;
            case opcode::binget: recall(in_.number<std::uint8_t>()); break;
            case opcode::long_binget: recall(in_.number<std::uint32_t>()); break;

            case opcode::global: {
                const std::string_view module = in_.line();
                push_new(named(module, in_.line()));
                break;
            }
            case opcode::stack_global: {
                const node *const name = stack_.pop(), *const module = stack_.pop();
                if (name->kind != value_kind::string || module->kind != value_kind::string)
                    c_.fail("the name of a class or function is not a string");
                push_new(named(module->str(), name->str()));
                break;
            }
            case opcode::reduce: {
                node* const args = stack_.pop();
                stack_.top() = objects_.call(stack_.top(), args, false);
                break;
            }
            case opcode::newobj: {
                node* const args = stack_.pop();
                construct(args);
                break;
            }
            case opcode::newobj_ex: {
                const node* const named = stack_.pop();
                node* args = stack_.pop();
                if (named->kind != value_kind::dict) c_.fail("an object is given named arguments that are not a dict");
                if (args->kind != value_kind::tuple) c_.fail("a class is given arguments that are not a tuple");
                if (named->dict->size == 0) {
                    construct(args);
                    break;
                }
                node* all[2] = {args, const_cast<node*>(named)};  // opaque: both stand as they are
                c_.count();
                stack_.top() = c_.into.object(stack_.top(), containers_.sequence(value_kind::tuple, all));
                break;
            }
            case opcode::inst: {
                const std::string_view module = in_.line();
                node* const cls = objects_.global(module, in_.line());
                stack_.push(objects_.call(cls, containers_.sequence(value_kind::tuple, stack_.pop_mark()), true));
                break;
            }
            case opcode::obj: {
                const auto items = stack_.pop_mark();
                if (items.empty()) c_.fail("OBJ without a class");
                stack_.push(objects_.call(items[0], containers_.sequence(value_kind::tuple, items.subspan(1)), true));
                break;
            }
            case opcode::build: {
                node* const state = stack_.pop();
                objects_.build(*stack_.top(), state);
                break;
            }
            case opcode::binpersid: {
                const node* const id = stack_.pop();
                push_new(objects_.persistent(*id));
                break;
            }
            case opcode::persid:
                if (c_.site.ids == nullptr)
                    c_.fail("a persistent id is text, which PyTorch never writes: this is not a pickle of PyTorch's");
                push_new(objects_.persistent(*text(in_.line())));
                break;
            case opcode::ext1:
            case opcode::ext2:
            case opcode::ext4:
                c_.fail("an extension code, which means something only to the program that wrote it",
                        errc::unsupported);
            case opcode::next_buffer:
            case opcode::readonly_buffer: c_.fail("a buffer that is not in the pickle", errc::unsupported);
            default:
                c_.fail("byte " + std::to_string(static_cast<unsigned>(op)) +
                        " is no pickle instruction: this is not a pickle, or it is damaged");
        }
        return true;
    }

    pickle_context c_;
    pickle_cursor in_;
    pickle_stack stack_{c_};
    pickle_recall memo_{c_};
    std::optional<std::uint64_t> unfolding_;  // the number of the next MEMOIZE
    recent_phrases recent_phrases_;
    bool phrases_ = c_.site.phrases && c_.site.ids == nullptr;  // whether they are to be looked for
    const node *rebuild_v2_ = nullptr, *rebuild_v3_ = nullptr;  // the functions that phrases are for
    pickle_containers containers_{c_};
    pickle_objects objects_{c_};
    // Constants, one node each: what a tensor's shape and flags are made of.
    node *none_ = c_.into.none(), *true_ = c_.into.boolean(true), *false_ = c_.into.boolean(false);
    vec<node*> small_ = vec<node*>(256);
    vec<node*> instances_;  // of unknown classes, made with arguments
};

/// Reads one pickle into `into` (whose root stays as it is) and returns its value. Nothing is executed: a class or
/// function that tarc does not know becomes an opaque node. Storages get their key, tag, class and size; their bytes,
/// and whether the archive has so many, are the caller's. Anything behind the pickle is an error. Errors:
/// errc::bad_pickle, errc::bad_tensor, errc::unsupported, errc::limit_exceeded, with record and byte offset.
[[nodiscard]] inline node* read_pickle(std::span<const std::byte> bytes, tree& into, const limits& limit,
                                       const pickle_site& site) {
    return pickle_reader(bytes, into, limit, site).read();
}
[[nodiscard]] inline node* read_pickle(std::span<const std::byte> bytes, tree& into, const limits& limit,
                                       std::string_view record = "data.pkl") {
    pickle_site site;
    site.record = record;
    return read_pickle(bytes, into, limit, site);
}

}  // namespace tarc::detail
