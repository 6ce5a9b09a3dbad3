#pragma once

#include <memory>  // std::unique_ptr
#include <type_traits>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/visit.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

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
            if (host_accessible(s.device()))
                copy_bytes(made.data(), s.device(), s.data(), s.device(), s.nbytes());
            else if (s.nbytes() != 0)
                queue(s.device()).copy_within(made.data(), s.data(), s.nbytes());
        }
        return made;
    }

    /// Returns when the copies on devices are done.
    void finish() {
        for (const on_device& o : queues_) o.queue->finish();
    }

    void clone(const type_facts& t, void* object) {
        if (!t.has_tensor) return;
        if (t.kind == kind::tensor)
            return detail_access::set_storage(*t.tensor(object), copy(t.tensor(object)->storage()));
        if (t.clone_leaf != nullptr) return t.clone_leaf(object, *this);
        for_each_part(t, object, [&](void* part, const type_facts& type, auto&&) { clone(type, part); });
    }

private:
    struct on_device {
        device on;
        std::unique_ptr<copy_queue> queue;
    };

    copy_queue& queue(device d) {
        for (const on_device& o : queues_)
            if (o.on == d) return *o.queue;
        backend& b = backend_for(d);
        b.settle(d);  // what is copied may still be under way
        queues_.push_back({d, b.queue(d)});
        return *queues_.back().queue;
    }

    address_map<storage> copies_;
    vec<on_device> queues_;  // behind the copies: it goes first, and waits for what is under way
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
            detail::storage_cloner cloner;
            cloner.clone(detail::facts_of<T>, &copy);
            cloner.finish();
            return copy;
        }
    }
    detail::raise(errc::invalid_argument, "not reached: it did not compile");
}

}  // namespace tarc
