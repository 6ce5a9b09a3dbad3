#pragma once

#include <string_view>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/torch_rebuild.hpp>

namespace tarc::detail {

/// Tensors that a pickle makes first and then gives a state (BUILD). Today the state is a dict of attributes. Before
/// PyTorch 0.4 a Variable or Parameter was made around a tensor and given (requires_grad, volatile, hooks); still
/// earlier it was made around nothing and given (data, grad, hooks, requires_grad, volatile), and a tensor was made
/// empty and given (storage, offset, size, stride). torch/_tensor.py `Tensor.__setstate__` reads them all.
class torch_states {
public:
    torch_states(pickle_context& context, torch_rebuild& tensors) : c_(context), tensors_(tensors) {}

    /// Variable(data), Parameter(data) and Parameter(data, requires_grad); null for anything else.
    node* make(known cls, const list_body& args) {
        const bool parameter = cls == known::parameter;
        if (!parameter && cls != known::variable) return nullptr;
        if (args.size < 1 || args.size > 2 || args[0]->kind != value_kind::tensor) return nullptr;
        node* made = c_.into.make(value_kind::tensor);
        fill(*made, *args[0], parameter);
        if (args.size == 2) made->tensor->requires_grad = tensors_.flag(args[1], "requires_grad");
        return made;
    }

    /// Whether this was a tensor's state.
    bool build(node& target, node* state) {
        if (target.kind == value_kind::tensor) {
            give(*target.tensor, state);
            return true;
        }
        const object_body& o = *target.object;
        if (state->kind != value_kind::tuple || o.args == nullptr || o.args->kind != value_kind::tuple ||
            o.args->list->size != 0)
            return false;
        const list_body& s = *state->list;
        const known cls = lookup(o.cls);
        if ((cls == known::parameter || cls == known::variable) && s.size == 5 && s[0]->kind == value_kind::tensor) {
            fill(target, *s[0], cls == known::parameter);
            target.tensor->requires_grad = tensors_.flag(s[3], "requires_grad");
            return true;
        }
        if (!is_tensor_class(*o.cls) || s.size != 4 || s[0]->kind != value_kind::storage) return false;
        fill(target, *tensors_.make(known::rebuild_tensor, s), false);
        return true;
    }

private:
    void fill(node& target, const node& data, bool parameter) {
        target.tensor = c_.into.memory.make<tensor_body>(*data.tensor);
        target.kind = value_kind::tensor;
        target.tensor->parameter = parameter;
        target.tensor->requires_grad = parameter;
    }

    void give(tensor_body& t, node* state) {
        if (state->kind == value_kind::tuple && state->list->size == 3) {
            t.requires_grad = tensors_.flag((*state->list)[0], "requires_grad");
            return;
        }
        if (state->kind != value_kind::dict) c_.fail("the state of a tensor is not a dict of attributes");
        if (t.attributes != nullptr) c_.fail("a tensor is given its attributes twice");
        t.attributes = state;
    }

    // torch.FloatTensor, torch.cuda.LongTensor
    static bool is_tensor_class(const node& cls) {
        if (cls.kind != value_kind::global) return false;
        const std::string_view module = cls.global->module;
        return (module == "torch" || module == "torch.cuda") && cls.global->name.ends_with("Tensor");
    }

    pickle_context& c_;
    torch_rebuild& tensors_;
};

}  // namespace tarc::detail
