#pragma once

#include <type_traits>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/visit.hpp>
#include <tarc/util/table.hpp>

namespace tarc {

namespace detail {

/// Copies storages, each once, so that ties among tensors stay ties among their copies.
class storage_cloner {
public:
    [[nodiscard]] storage copy(const storage& s) {
        if (!s.defined() || s.device().type == device_type::meta) return s;
        storage& made = copies_[s.identity()];
        if (!made.defined()) {
            made = storage::allocate(s.nbytes(), s.device());
            copy_bytes(made.data(), s.device(), s.data(), s.device(), s.nbytes());
        }
        return made;
    }

    void clone(const type_facts& t, void* object) {
        if (!t.has_tensor) return;
        if (t.kind == kind::tensor)
            return detail_access::set_storage(*t.tensor(object), copy(t.tensor(object)->storage()));
        if (t.clone_leaf != nullptr) return t.clone_leaf(object, *this);
        for_each_part(t, object, [&](void* part, const type_facts& type, auto&&) { clone(type, part); });
    }

private:
    address_map<storage> copies_;
};

}  // namespace detail

/// A copy of a whole struct with storages of its own; tensors that share a storage share its copy. `T best =
/// clone(model)` is a snapshot, where `T best = model` is another handle on the tensors that training goes on changing.
/// Errors: errc::out_of_memory.
template <class T>
[[nodiscard]] T clone(const T& object) {
    detail::require_archivable<T>();
    if constexpr (detail::archivable<T>) {
        constexpr bool can_be_copied = detail::copyable<T>();
        static_assert(can_be_copied, "tarc: clone needs a struct that can be copied -- a field of this one cannot");
        if constexpr (can_be_copied) {
            T copy = object;
            detail::storage_cloner().clone(detail::facts_of<T>, &copy);
            return copy;
        }
    }
    detail::raise(errc::invalid_argument, "not reached: it did not compile");
}

}  // namespace tarc
