#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_text.hpp>

/// Python's own containers and scalars, from the class and the arguments that a pickle gives for them.
namespace tarc::detail {

class pickle_builtins {
public:
    explicit pickle_builtins(pickle_context& context) : c_(context) {}

    /// The value, or null where tarc does not know these arguments: the caller then keeps class and arguments as they
    /// are.
    node* make(known cls, const list_body& args) {
        switch (cls) {
            case known::ordered_dict: return dict(dict_class::ordered, args);
            case known::counter: return dict(dict_class::counter, args);
            case known::dict: return dict(dict_class::plain, args);
            case known::default_dict: return args.size <= 1 ? c_.into.dict(dict_class::default_dict) : nullptr;
            case known::set: return sequence(value_kind::set, args, true);
            case known::frozenset: return sequence(value_kind::set, args, false);
            case known::list: return sequence(value_kind::list, args, true);
            case known::tuple: return sequence(value_kind::tuple, args, false);
            case known::size: return size(args);
            case known::complex: return complex(args);
            case known::bytes: return args.size == 0 ? c_.into.bytes({}) : bytes(args, false);
            case known::bytearray: return args.size == 0 ? c_.into.bytes({}, true) : bytes(args, true);
            case known::encode: return args.size == 2 ? bytes(args, false) : nullptr;
            case known::jit_list: return args.size == 1 && args[0]->kind == value_kind::list ? args[0] : nullptr;
            case known::jit_tag: return args.size == 2 ? args[0] : nullptr;
            default: return nullptr;
        }
    }

private:
    static bool holds_items(const node& n) {
        return n.kind == value_kind::list || n.kind == value_kind::tuple || n.kind == value_kind::set;
    }

    // Python 2 pickles an OrderedDict as OrderedDict([[key, value], …]), a Counter stands as Counter({…}).
    node* dict(dict_class cls, const list_body& args) {
        if (args.size > 1) return nullptr;
        node* made = c_.into.dict(cls);
        if (args.size == 0) return made;
        if (args[0]->kind == value_kind::dict) {
            const dict_body& from = *args[0]->dict;
            c_.charge(from.size * sizeof(entry));
            for (const entry& e : from) c_.insert(*made->dict, e.key, e.value);
            return made;
        }
        if (cls == dict_class::counter || (args[0]->kind != value_kind::list && args[0]->kind != value_kind::tuple))
            return nullptr;
        c_.charge(args[0]->list->size * sizeof(entry));
        for (const node* pair : *args[0]->list) {
            if ((pair->kind != value_kind::list && pair->kind != value_kind::tuple) || pair->list->size != 2)
                c_.fail("a dict is made from something that is not a list of pairs");
            c_.insert(*made->dict, (*pair->list)[0], (*pair->list)[1]);
        }
        return made;
    }

    node* sequence(value_kind kind, const list_body& args, bool is_mutable) {
        if (args.size > 1 || (args.size == 1 && !holds_items(*args[0]))) return nullptr;
        node* made = c_.into.sequence(kind);
        made->mutable_ = is_mutable;
        if (args.size == 0) return made;
        c_.charge(args[0]->list->size * sizeof(node*));
        for (node* item : *args[0]->list) {
            if (kind == value_kind::set)
                c_.add(*made->list, item);
            else
                made->list->push_back(c_.into.memory, item);
        }
        return made;
    }

    node* size(const list_body& args) {
        node* made = sequence(value_kind::tuple, args, false);
        if (made == nullptr) return nullptr;
        for (const node* n : *made->list)
            if (n->kind != value_kind::integer || n->big)
                c_.fail("a torch.Size holds something that is not an integer");
        made->named = true;
        return made;
    }

    node* complex(const list_body& args) {
        double part[2] = {};
        if (args.size > 2) return nullptr;
        for (std::size_t i = 0; i < args.size; ++i) {
            if (args[i]->kind == value_kind::real)
                part[i] = args[i]->real;
            else if (args[i]->kind == value_kind::integer && !args[i]->big)
                part[i] = static_cast<double>(args[i]->integer);
            else
                return nullptr;
        }
        return c_.into.complex(part[0], part[1]);
    }

    // bytes(b), bytearray(b), bytearray(text, "latin-1"), _codecs.encode(text, "latin1"). Never a length:
    // bytearray(2**40) stays an opaque object.
    node* bytes(const list_body& args, bool is_array) {
        if (args.size == 1 && args[0]->kind == value_kind::bytes) {
            c_.charge(args[0]->size);
            return c_.into.bytes(args[0]->str(), is_array);
        }
        if (args.size != 2 || args[0]->kind != value_kind::string || args[1]->kind != value_kind::string)
            return nullptr;
        if (args[1]->str() != "latin1" && args[1]->str() != "latin-1") return nullptr;
        c_.charge(args[0]->size);
        const auto plain = utf8_to_latin1(args[0]->str());
        if (!plain) c_.fail("bytes are given as text with characters above U+00FF");
        return c_.into.bytes(*plain, is_array);
    }

    pickle_context& c_;
};

}  // namespace tarc::detail
