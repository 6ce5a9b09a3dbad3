#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/visit.hpp>

namespace tarc {

/// A parameter of a model: its dotted key in the state_dict, and a handle on its tensor.
struct parameter {
    std::string name;
    any_tensor tensor;
    std::vector<std::string> other_names = {};  ///< of tensors tied to it, and what older files call it (renamed_from)
};

namespace detail {

class parameter_list {
public:
    /// A module's own tensors come before those of its children, as torch.nn.Module.named_parameters() yields them.
    /// `keys` are those of the object, the one of today first.
    void add(const type_facts& t, void* object, const std::vector<std::string>& keys) {
        for_each_part(t, object, [&](void* part, const type_facts& type, std::string_view name) {
            if (is_own(type)) own(type, part, below(keys, t, name));
        });
        for_each_part(t, object, [&](void* part, const type_facts& type, std::string_view name) {
            if (!is_own(type)) add(type, part, below(keys, t, name));
        });
    }
    [[nodiscard]] std::vector<parameter> take() { return std::move(found_); }

private:
    static std::vector<std::string> below(const std::vector<std::string>& keys, const type_facts& t,
                                          std::string_view name) {
        if (name.empty()) return keys;
        std::vector<std::string> made;
        const auto add = [&](std::string_view step) {
            for (const std::string& k : keys)
                made.push_back(k.empty() ? std::string(step) : k + "." + std::string(step));
        };
        add(name);
        if (t.kind == kind::aggregate)
            for (const member& m : t.members)
                if (m.name == name && !m.transient)
                    for (const std::string_view old : m.old_names) add(old);
        return made;
    }
    static bool is_own(const type_facts& t) {
        return t.kind == kind::tensor || (t.kind == kind::optional && t.element->kind == kind::tensor);
    }

    void own(const type_facts& t, void* part, std::vector<std::string> names) {
        const type_facts& type = t.kind == kind::tensor ? t : *t.element;
        void* at = t.kind == kind::tensor ? part : t.get(part);
        if (at == nullptr || type.is_buffer) return;
        const tensor_base& x = *type.tensor(at);
        const dtype_class c = facts(x.dtype()).kind;
        if (!x.defined() || (c != dtype_class::floating && c != dtype_class::complex)) return;
        for (parameter& p : found_)
            if (same(p.tensor, x)) {  // tied: PyTorch numbers it once
                p.other_names.insert(p.other_names.end(), names.begin(), names.end());
                return;
            }
        std::string name = std::move(names.front());
        names.erase(names.begin());
        found_.push_back({std::move(name), any_tensor(x), std::move(names)});
    }
    static bool same(const tensor_base& a, const tensor_base& b) {
        return a.storage() == b.storage() && a.offset() == b.offset() && a.dtype() == b.dtype() &&
               std::equal(a.shape().begin(), a.shape().end(), b.shape().begin(), b.shape().end()) &&
               std::equal(a.strides().begin(), a.strides().end(), b.strides().begin(), b.strides().end());
    }

    std::vector<parameter> found_;
};

}  // namespace detail

/// The parameters of a model in the order in which torch.optim numbers them: floating-point and complex tensors that
/// are no `buffer`, each module's own before its children's, tied ones once.
template <class Model>
[[nodiscard]] std::vector<parameter> parameters(const Model& model) {
    detail::require_archivable<Model>();
    detail::parameter_list list;
    if constexpr (detail::archivable<Model>)
        list.add(detail::facts_of<Model>, const_cast<Model*>(&model), {std::string()});
    return list.take();
}

}  // namespace tarc
