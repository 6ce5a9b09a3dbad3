#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_builtins.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_numpy.hpp>
#include <tarc/container/pickle_text.hpp>
#include <tarc/container/tensor_phrase.hpp>
#include <tarc/container/torch_rebuild.hpp>
#include <tarc/container/torch_states.hpp>

namespace tarc::detail {

/// What a pickle's classes, functions, calls and states come to: known data, or opaque objects. Nothing is executed.
class pickle_objects {
public:
    explicit pickle_objects(pickle_context& context)
        : c_(context), builtins_(context), torch_(context), states_(context, torch_), numpy_(context) {}

    node* global(std::string_view module, std::string_view name) {
        if (module.empty() || name.empty() || find_bad_utf8(module) != std::string_view::npos ||
            find_bad_utf8(name) != std::string_view::npos)
            c_.fail("the name of a class or function is empty or not UTF-8");
        return c_.into.global(module, name);
    }

    /// The result of function(args), or of cls.__new__(cls, *args): known data, or an opaque object.
    node* call(node* function, node* args, bool as_constructor) {
        // torch/csrc/jit/serialization/pickler.cpp gives the class of an enum its value, not a tuple of it
        if (args->kind != value_kind::tuple && function->kind == value_kind::global &&
            function->global->module.starts_with("__torch__")) {
            node* tuple = c_.into.sequence(value_kind::tuple);
            tuple->list->push_back(c_.into.memory, args);
            args = tuple;
        }
        if (args->kind != value_kind::tuple) c_.fail("a class or function is given arguments that are not a tuple");
        if (function->kind != value_kind::global && function->kind != value_kind::object)
            c_.fail("the pickle calls " + describe_key(*function) + ", which is neither a class nor a function");
        c_.count();
        const known k = lookup(function);
        const list_body& a = *args->list;
        if (k == known::new_object && !as_constructor && a.size != 0) return new_object(a);
        node* made = nullptr;
        if (k != known::nothing && (!as_constructor || is_class(k))) {
            made = builtins_.make(k, a);
            if (made == nullptr) made = torch_.make(k, a);
            if (made == nullptr) made = states_.make(k, a);
            if (made == nullptr) made = numpy_.make(k, a);
            if (made == nullptr && k == known::reconstruct_object) made = reconstruct(a);
        } else if (function->kind == value_kind::global && function->global->module == "torch.return_types" &&
                   a.size == 2 && a[0]->kind == value_kind::tuple) {  // a named tuple
            made = a[0];
        }
        return made != nullptr ? made : c_.into.object(function, args);
    }

    /// The tensor of a phrase, or null where the machine must read it.
    node* call(const tensor_phrase& phrase, std::uint64_t begin) { return torch_.make(phrase, begin); }

    /// BUILD: gives `target` its state.
    void build(node& target, node* state) {
        if (target.kind == value_kind::object) {
            if (target.object->state != nullptr) c_.fail("an object is given its state twice");
            if (state->kind == value_kind::tuple && state->list->size == 2 &&
                (*state->list)[0]->kind == value_kind::none && (*state->list)[1]->kind == value_kind::dict)
                state = (*state->list)[1];  // of a class that has __slots__ and no __dict__
            if (!numpy_.build(target, *state) && !states_.build(target, state)) target.object->state = state;
        } else if (target.kind == value_kind::dict && target.dict->cls != dict_class::plain) {
            if (state->kind != value_kind::dict && state->kind != value_kind::none)
                c_.fail("the state of a dict is not a dict");
            if (target.dict->state != nullptr) c_.fail("a dict is given its state twice");
            if (state->kind == value_kind::dict) target.dict->state = state;
        } else if (target.kind == value_kind::tensor) {
            states_.build(target, state);
        } else {
            c_.fail("a state is given to " + describe_key(target) + ", which has none");
        }
    }

    /// An instance that an unknown class made of arguments, and that got nothing more, is one of a class derived from
    /// tuple, str, int or another such type: it counts as a plain value of that type, a named tuple as its elements.
    void settle(node& n) {
        const object_body& o = *n.object;
        if (lookup(o.cls) != known::nothing || o.state != nullptr || o.items != nullptr || o.pairs != nullptr) return;
        const list_body& args = *o.args->list;
        const node& first = *args[0];
        switch (args.size == 1 ? first.kind : value_kind::none) {
            case value_kind::boolean:
            case value_kind::integer:
            case value_kind::real:
            case value_kind::complex:
            case value_kind::string:
            case value_kind::bytes: n = first; return;
            case value_kind::tuple: n = first; return;
            default: n = *o.args; return;
        }
    }

    /// What a persistent id stands for.
    node* persistent(const node& id) {
        if (c_.site.ids != nullptr) return (*c_.site.ids)(c_, id);
        // Legacy files name the class of a module together with its source text.
        if (id.kind == value_kind::tuple && id.list->size == 4 && (*id.list)[0]->kind == value_kind::string &&
            (*id.list)[0]->str() == "module")
            return (*id.list)[1];
        return torch_.storage(id);
    }

private:
    // copyreg.__newobj__(cls, *args), as protocols 0 and 1 have NEWOBJ.
    node* new_object(const list_body& a) {
        c_.charge(a.size * sizeof(node*));
        node* const args = c_.into.sequence(value_kind::tuple);
        for (std::size_t i = 1; i < a.size; ++i) c_.into.append(args, a[i]);
        return call(a[0], args, true);
    }

    // copyreg._reconstructor(cls, base, state), of protocols 0 and 1.
    node* reconstruct(const list_body& a) {
        if (a.size != 3 || a[0]->kind != value_kind::global || lookup(a[1]) != known::object) return nullptr;
        return c_.into.object(a[0], c_.into.sequence(value_kind::tuple));
    }

    pickle_context& c_;
    pickle_builtins builtins_;
    torch_rebuild torch_;
    torch_states states_;
    pickle_numpy numpy_;
};

}  // namespace tarc::detail
