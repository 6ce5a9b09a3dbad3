#pragma once

#include <algorithm>  // std::max
#include <bit>        // std::bit_cast
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memchr, std::memcpy
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_builtins.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_numpy.hpp>
#include <tarc/container/pickle_opcodes.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/container/torch_rebuild.hpp>
#include <tarc/error.hpp>
#include <tarc/limits.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// The pickle machine over a value tree. It has a stack of its own and calls nothing that a pickle names.
class pickle_reader {
public:
    pickle_reader(std::span<const std::byte> bytes, tree& into, const limits& limit, std::string_view record)
        : in_(reinterpret_cast<const char*>(bytes.data()), bytes.size()), c_(into, limit, record, bytes.size()) {}

    node* read(std::size_t* consumed) {
        try {
            if (in_.size() > c_.limit.pickle_bytes)
                c_.fail("a pickle of " + std::to_string(in_.size()) + " bytes (limits::pickle_bytes)", errc::limit_exceeded);
            while (step()) {
            }
            if (!marks_.empty() || stack_.size() != 1)
                c_.fail("the pickle ends with " + std::to_string(stack_.size()) + " values, not one");
            if (consumed != nullptr) *consumed = pos_;
            else if (pos_ != in_.size())
                c_.fail(std::to_string(in_.size() - pos_) + " bytes follow the end of the pickle");
            return stack_[0];
        } catch (error& e) {
            if (e.record().empty() && !c_.record.empty()) e.in_record(c_.record);
            if (!e.offset()) e.at_offset(c_.at);
            throw;
        }
    }

private:
    // -- input ---------------------------------------------------------------------------------------------------------

    std::string_view take(std::uint64_t n) {
        if (n > in_.size() - pos_)
            c_.fail("the pickle ends early: " + std::to_string(n) + " bytes are announced, " +
                    std::to_string(in_.size() - pos_) + " are left");
        const std::string_view r = in_.substr(pos_, static_cast<std::size_t>(n));
        pos_ += static_cast<std::size_t>(n);
        return r;
    }
    template <class T>
    T number() {
        T value{};
        std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
        return value;
    }
    // Up to the newline, which is consumed and not part of it.
    std::string_view line() {
        const void* end = std::memchr(in_.data() + pos_, '\n', in_.size() - pos_);
        if (end == nullptr) c_.fail("the pickle ends early, within a line of text");
        const std::string_view r = take(static_cast<std::uint64_t>(static_cast<const char*>(end) - in_.data()) - pos_);
        ++pos_;
        return r;
    }

    // -- stack ---------------------------------------------------------------------------------------------------------

    std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
    void need(std::size_t n) {
        if (stack_.size() - floor() < n) c_.fail("the pickle takes a value from an empty stack");
    }
    void push(node* n) { stack_.push_back(n); }
    void push_new(node* n) {
        c_.count();
        stack_.push_back(n);
    }
    node* pop() {
        need(1);
        node* n = stack_.back();
        stack_.pop_back();
        return n;
    }
    node*& top() {
        need(1);
        return stack_.back();
    }
    // The values above the last mark, which is taken away; they stay valid until the next push.
    std::span<node* const> pop_mark() {
        if (marks_.empty()) c_.fail("the pickle has an instruction that needs a MARK, and no MARK");
        const std::size_t from = marks_.back();
        marks_.pop_back();
        popped_.assign(stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
        stack_.resize(from);
        return popped_;
    }

    // -- memo ----------------------------------------------------------------------------------------------------------

    void remember(std::uint64_t index) {
        node* n = top();
        if (index < memo_.size()) {
            memo_[static_cast<std::size_t>(index)] = n;
        } else if (index <= memoized_ * 2 + 64) {  // in order, but some writers leave gaps
            memo_.resize(static_cast<std::size_t>(index) + 1);
            memo_.back() = n;
        } else {
            far_memo_[index] = n;
        }
        ++memoized_;
    }
    node* recall(std::uint64_t index) {
        if (index < memo_.size() && memo_[static_cast<std::size_t>(index)] != nullptr)
            return memo_[static_cast<std::size_t>(index)];
        const auto found = far_memo_.find(index);
        if (found == far_memo_.end()) c_.fail("the pickle refers to memo " + std::to_string(index) + ", which was never set");
        return found->second;
    }
    std::uint64_t memo_index(std::string_view text) {
        std::uint64_t value = 0;
        if (text.empty() || text.size() > 18) c_.fail("a memo index is not a number");
        for (const char d : text) {
            if (d < '0' || d > '9') c_.fail("a memo index is not a number");
            value = value * 10 + static_cast<std::uint64_t>(d - '0');
        }
        return value;
    }

    // -- scalars -------------------------------------------------------------------------------------------------------

    node* text(std::string_view s) {
        if (const std::size_t bad = find_bad_utf8(s); bad != std::string_view::npos)
            c_.fail("a string is not UTF-8 (byte " + std::to_string(bad) + " of " + std::to_string(s.size()) + ")");
        return c_.into.string(s);
    }
    // A Python 2 str is text or bytes: nobody knows.
    node* python2_str(std::string_view s) {
        return find_bad_utf8(s) == std::string_view::npos ? c_.into.string(s) : c_.into.bytes(s);
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
        if (!value) c_.fail("an integer is malformed, or has more than " + std::to_string(max_decimal_digits) + " digits");
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

    // -- containers ----------------------------------------------------------------------------------------------------

    node* sequence(value_kind kind, std::span<node* const> items) {
        node* n = c_.into.sequence(kind);
        n->list->reserve(c_.into.memory, items.size());
        for (node* i : items) n->list->push_back(c_.into.memory, i);
        return n;
    }
    node* set_of(std::span<node* const> items, bool is_mutable) {
        node* n = c_.into.sequence(value_kind::set);
        n->mutable_ = is_mutable;
        for (node* i : items) c_.add(*n->list, i);
        return n;
    }
    void tuple_of(std::size_t n) {
        need(n);
        node* made = sequence(value_kind::tuple, std::span(stack_).last(n));
        stack_.resize(stack_.size() - n);
        push_new(made);
    }
    void append(node& to, std::span<node* const> items, const char* op) {
        list_body* list = to.kind == value_kind::list ? to.list : nullptr;
        if (to.kind == value_kind::object) {
            if (to.object->items == nullptr) to.object->items = c_.into.memory.make<list_body>();
            list = to.object->items;
        }
        if (list == nullptr) c_.fail(std::string(op) + " on " + describe_key(to) + ", which is not a list");
        if (list->capacity - list->size < items.size())
            list->reserve(c_.into.memory, std::max(list->size + items.size(), list->capacity * 2));
        for (node* i : items) list->push_back(c_.into.memory, i);
    }
    void set_items(node& to, std::span<node* const> items) {
        dict_body* dict = to.kind == value_kind::dict ? to.dict : nullptr;
        if (to.kind == value_kind::object) {
            if (to.object->pairs == nullptr) to.object->pairs = c_.into.memory.make<dict_body>();
            dict = to.object->pairs;
        }
        if (dict == nullptr) c_.fail("items are set on " + describe_key(to) + ", which is not a dict");
        if (items.size() % 2 != 0) c_.fail("a key without a value");
        for (std::size_t i = 0; i < items.size(); i += 2) c_.insert(*dict, items[i], items[i + 1]);
    }
    void add_items(node& to, std::span<node* const> items) {
        if (to.kind == value_kind::object) return append(to, items, "ADDITEMS");
        if (to.kind != value_kind::set || !to.mutable_) c_.fail("ADDITEMS on " + describe_key(to));
        for (node* i : items) c_.add(*to.list, i);
    }

    // -- classes and functions -----------------------------------------------------------------------------------------

    node* global(std::string_view module, std::string_view name) {
        if (module.empty() || name.empty() || find_bad_utf8(module) != std::string_view::npos ||
            find_bad_utf8(name) != std::string_view::npos)
            c_.fail("the name of a class or function is empty or not UTF-8");
        return c_.into.global(module, name);
    }

    /// The result of function(args), or of cls.__new__(cls, *args): known data, or an opaque object.
    node* call(node* function, node* args, bool as_constructor) {
        if (args->kind != value_kind::tuple) c_.fail("a class or function is given arguments that are not a tuple");
        if (function->kind != value_kind::global && function->kind != value_kind::object)
            c_.fail("the pickle calls " + describe_key(*function) + ", which is neither a class nor a function");
        c_.count();
        const known k = lookup(function);
        const list_body& a = *args->list;
        node* made = nullptr;
        if (k != known::nothing && (!as_constructor || is_class(k))) {
            made = builtins_.make(k, a);
            if (made == nullptr) made = torch_.make(k, a);
            if (made == nullptr) made = numpy_.make(k, a);
            if (made == nullptr && k == known::reconstruct_object) made = reconstruct(a);
        }
        return made != nullptr ? made : c_.into.object(function, args);
    }

    // copyreg._reconstructor(cls, base, state), of protocols 0 and 1.
    node* reconstruct(const list_body& a) {
        if (a.size != 3 || a[0]->kind != value_kind::global || lookup(a[1]) != known::object) return nullptr;
        return c_.into.object(a[0], c_.into.sequence(value_kind::tuple));
    }

    void build(node& target, node* state) {
        if (target.kind == value_kind::object) {
            if (target.object->state != nullptr) c_.fail("an object is given its state twice");
            if (!numpy_.build(target, *state)) target.object->state = state;
        } else if (target.kind == value_kind::dict && target.dict->cls != dict_class::plain) {
            if (state->kind != value_kind::dict && state->kind != value_kind::none)
                c_.fail("the state of a dict is not a dict");
            if (target.dict->state != nullptr) c_.fail("a dict is given its state twice");
            if (state->kind == value_kind::dict) target.dict->state = state;
        } else if (target.kind == value_kind::tensor) {
            if (state->kind != value_kind::dict) c_.fail("the state of a tensor is not a dict of attributes");
            if (target.tensor->attributes != nullptr) c_.fail("a tensor is given its attributes twice");
            target.tensor->attributes = state;
        } else {
            c_.fail("a state is given to " + describe_key(target) + ", which has none");
        }
    }

    node* persistent(const node& id) {
        // Legacy files name the class of a module together with its source text.
        if (id.kind == value_kind::tuple && id.list->size == 4 && (*id.list)[0]->kind == value_kind::string &&
            (*id.list)[0]->str() == "module")
            return (*id.list)[1];
        return torch_.storage(id);
    }

    // -- the machine ---------------------------------------------------------------------------------------------------

    bool step() {
        c_.at = pos_;
        if (pos_ == in_.size()) c_.fail("the pickle ends early: there is no STOP");
        const auto op = static_cast<opcode>(static_cast<unsigned char>(in_[pos_++]));
        switch (op) {
            case opcode::stop: return false;
            case opcode::proto: {
                const unsigned version = number<std::uint8_t>();
                if (version > 5) c_.fail("pickle protocol " + std::to_string(version), errc::unsupported);
                break;
            }
            case opcode::frame:
                if (const auto n = number<std::uint64_t>(); n > in_.size() - pos_)
                    c_.fail("a frame of " + std::to_string(n) + " bytes, but " + std::to_string(in_.size() - pos_) + " are left");
                break;

            case opcode::none: push_new(c_.into.none()); break;
            case opcode::newtrue: push_new(c_.into.boolean(true)); break;
            case opcode::newfalse: push_new(c_.into.boolean(false)); break;
            case opcode::binint: push_new(c_.into.integer(number<std::int32_t>())); break;
            case opcode::binint1: push_new(c_.into.integer(number<std::uint8_t>())); break;
            case opcode::binint2: push_new(c_.into.integer(number<std::uint16_t>())); break;
            case opcode::long1: push_new(integer(take(number<std::uint8_t>()))); break;
            case opcode::long4: {
                const auto n = number<std::int32_t>();
                if (n < 0) c_.fail("an integer has a negative length");
                push_new(integer(take(static_cast<std::uint64_t>(n))));
                break;
            }
            case opcode::int_text: {
                const std::string_view s = line();
                push_new(s == "00" ? c_.into.boolean(false) : s == "01" ? c_.into.boolean(true) : decimal(s));
                break;
            }
            case opcode::long_text: {
                std::string_view s = line();
                if (s.ends_with("L")) s.remove_suffix(1);
                push_new(decimal(s));
                break;
            }
            case opcode::binfloat: {
                std::uint64_t bits = 0;
                for (const char b : take(8)) bits = bits << 8 | static_cast<unsigned char>(b);
                push_new(c_.into.real(std::bit_cast<double>(bits)));
                break;
            }
            case opcode::float_text: push_new(real_text(line())); break;

            case opcode::binunicode: push_new(text(take(number<std::uint32_t>()))); break;
            case opcode::short_binunicode: push_new(text(take(number<std::uint8_t>()))); break;
            case opcode::binunicode8: push_new(text(take(number<std::uint64_t>()))); break;
            case opcode::unicode_text:
                push_new(c_.into.string(decoded(decode_raw_unicode_escape(line()), "a string")));
                break;
            case opcode::string_text: push_new(python2_str(decoded(decode_python_repr(line()), "a string"))); break;
            case opcode::binstring: push_new(python2_str(take(length4()))); break;
            case opcode::short_binstring: push_new(python2_str(take(number<std::uint8_t>()))); break;
            case opcode::binbytes: push_new(c_.into.bytes(take(number<std::uint32_t>()))); break;
            case opcode::short_binbytes: push_new(c_.into.bytes(take(number<std::uint8_t>()))); break;
            case opcode::binbytes8: push_new(c_.into.bytes(take(number<std::uint64_t>()))); break;
            case opcode::bytearray8: push_new(c_.into.bytes(take(number<std::uint64_t>()), true)); break;

            case opcode::empty_list: push_new(c_.into.sequence(value_kind::list)); break;
            case opcode::empty_tuple: push_new(c_.into.sequence(value_kind::tuple)); break;
            case opcode::empty_set: push_new(c_.into.sequence(value_kind::set)); break;
            case opcode::empty_dict: push_new(c_.into.dict()); break;
            case opcode::list: push_new(sequence(value_kind::list, pop_mark())); break;
            case opcode::tuple: push_new(sequence(value_kind::tuple, pop_mark())); break;
            case opcode::tuple1: tuple_of(1); break;
            case opcode::tuple2: tuple_of(2); break;
            case opcode::tuple3: tuple_of(3); break;
            case opcode::frozenset: push_new(set_of(pop_mark(), false)); break;
            case opcode::dict: {
                const auto items = pop_mark();
                node* n = c_.into.dict();
                set_items(*n, items);
                push_new(n);
                break;
            }
            case opcode::append: {
                node* const item = pop();
                append(*top(), std::span(&item, 1), "APPEND");
                break;
            }
            case opcode::appends: {
                const auto items = pop_mark();
                append(*top(), items, "APPENDS");
                break;
            }
            case opcode::setitem: {
                node* const value = pop();
                node* const pair[2] = {pop(), value};
                set_items(*top(), pair);
                break;
            }
            case opcode::setitems: {
                const auto items = pop_mark();
                set_items(*top(), items);
                break;
            }
            case opcode::additems: {
                const auto items = pop_mark();
                add_items(*top(), items);
                break;
            }

            case opcode::mark: marks_.push_back(stack_.size()); break;
            case opcode::pop:
                if (!marks_.empty() && marks_.back() == stack_.size()) marks_.pop_back();  // as Python does
                else pop();
                break;
            case opcode::pop_mark: pop_mark(); break;
            case opcode::dup: push(top()); break;
            case opcode::put: remember(memo_index(line())); break;
            case opcode::binput: remember(number<std::uint8_t>()); break;
            case opcode::long_binput: remember(number<std::uint32_t>()); break;
            case opcode::memoize: remember(memoized_); break;
            case opcode::get: push(recall(memo_index(line()))); break;
            case opcode::binget: push(recall(number<std::uint8_t>())); break;
            case opcode::long_binget: push(recall(number<std::uint32_t>())); break;

            case opcode::global: {
                const std::string_view module = line();
                push_new(global(module, line()));
                break;
            }
            case opcode::stack_global: {
                const node *const name = pop(), *const module = pop();
                if (name->kind != value_kind::string || module->kind != value_kind::string)
                    c_.fail("the name of a class or function is not a string");
                push_new(global(module->str(), name->str()));
                break;
            }
            case opcode::reduce: {
                node* const args = pop();
                top() = call(top(), args, false);
                break;
            }
            case opcode::newobj: {
                node* const args = pop();
                top() = call(top(), args, true);
                break;
            }
            case opcode::newobj_ex: {
                const node* const named = pop();
                node* args = pop();
                if (named->kind != value_kind::dict) c_.fail("an object is given named arguments that are not a dict");
                if (args->kind != value_kind::tuple) c_.fail("a class is given arguments that are not a tuple");
                if (named->dict->size == 0) {
                    top() = call(top(), args, true);
                    break;
                }
                node* all[2] = {args, const_cast<node*>(named)};  // opaque: both stand as they are
                c_.count();
                top() = c_.into.object(top(), sequence(value_kind::tuple, all));
                break;
            }
            case opcode::inst: {
                const std::string_view module = line();
                node* const cls = global(module, line());
                push(call(cls, sequence(value_kind::tuple, pop_mark()), true));
                break;
            }
            case opcode::obj: {
                const auto items = pop_mark();
                if (items.empty()) c_.fail("OBJ without a class");
                push(call(items[0], sequence(value_kind::tuple, items.subspan(1)), true));
                break;
            }
            case opcode::build: {
                node* const state = pop();
                build(*top(), state);
                break;
            }
            case opcode::binpersid: {
                const node* const id = pop();
                push_new(persistent(*id));
                break;
            }
            case opcode::persid: c_.fail("a persistent id is text, which PyTorch never writes");
            case opcode::ext1:
            case opcode::ext2:
            case opcode::ext4:
                c_.fail("an extension code, which means something only to the program that wrote it", errc::unsupported);
            case opcode::next_buffer:
            case opcode::readonly_buffer: c_.fail("a buffer that is not in the pickle", errc::unsupported);
            default:
                c_.fail("byte " + std::to_string(static_cast<unsigned>(op)) + " is no pickle instruction: this is not a pickle, or it is damaged");
        }
        return true;
    }

    std::uint64_t length4() {
        const auto n = number<std::int32_t>();
        if (n < 0) c_.fail("a string has a negative length");
        return static_cast<std::uint64_t>(n);
    }

    std::string_view in_;
    std::size_t pos_ = 0;
    pickle_context c_;
    pickle_builtins builtins_{c_};
    torch_rebuild torch_{c_};
    pickle_numpy numpy_{c_};
    std::vector<node*> stack_, popped_, memo_;
    std::vector<std::size_t> marks_;
    std::map<std::uint64_t, node*> far_memo_;  // any other index, at no more cost than an entry
    std::uint64_t memoized_ = 0;
};

/// Reads one pickle into `into` (whose root stays as it is) and returns its value. Nothing is executed: a class or function
/// that tarc does not know becomes an opaque node. Storages get their key, tag, class and size; their bytes, and whether
/// the archive has so many, are the caller's. `consumed` takes the number of bytes read; without it, anything behind the
/// pickle is an error.
/// Errors: errc::bad_pickle, errc::bad_tensor, errc::unsupported, errc::limit_exceeded, with record and byte offset.
[[nodiscard]] inline node* read_pickle(std::span<const std::byte> bytes, tree& into, const limits& limit,
                                       std::string_view record = "data.pkl", std::size_t* consumed = nullptr) {
    return pickle_reader(bytes, into, limit, record).read(consumed);
}

}  // namespace tarc::detail
