#pragma once

#include <memory>  // std::unique_ptr
#include <optional>

#include <tarc/reflect/archivable.hpp>
#include <tarc/reflect/visit.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

namespace detail {

/// Copies storages, each once, so that ties among tensors stay ties among their copies: where they are, or to a device,
/// where what is there already stays as it is.
class storage_cloner {
public:
    explicit storage_cloner(std::optional<device> to = {}) : to_(to) {}
    storage_cloner(const storage_cloner&) = delete;
    storage_cloner& operator=(const storage_cloner&) = delete;
    virtual ~storage_cloner() = default;

    [[nodiscard]] virtual storage copy(const storage& s) {
        if (!s.defined() || s.device().type == device_type::meta || s.device() == to_) return s;
        storage& made = copies_[s.identity()];
        if (made.defined()) return made;
        made = storage::allocate(s.nbytes(), to_.value_or(s.device()));
        if (s.nbytes() != 0 && made.device().type != device_type::meta) start(made, s);
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
        if (t.kind == kind::stand_in) {
            temporary made(*t.element);
            t.save_as(object, made.object);
            clone(*t.element, made.object);
            return t.load_as(made.object, object);
        }
        for_each_part(t, object, [&](void* part, const type_facts& type, auto&&) { clone(type, part); });
    }

private:
    struct on_device {
        device on;
        std::unique_ptr<copy_queue> queue;
    };

    void start(const storage& to, const storage& from) {
        const bool leaves = !host_accessible(from.device()), arrives = !host_accessible(to.device());
        if (leaves && from.device() == to.device())
            queue(from.device()).copy_within(to.data(), from.data(), from.nbytes());
        else if (arrives && !leaves)
            queue(to.device()).copy_in(to.data(), static_cast<const std::byte*>(from.data()), from.nbytes());
        else if (leaves && !arrives)
            queue(from.device()).copy_out(static_cast<std::byte*>(to.data()), from.data(), from.nbytes());
        else
            copy_bytes(to.data(), to.device(), from.data(), from.device(), from.nbytes());
    }

    copy_queue& queue(device d) {
        for (const on_device& o : queues_)
            if (o.on == d) return *o.queue;
        backend& b = backend_for(d);
        b.settle(d);  // what is copied may still be under way
        queues_.push_back({d, b.queue(d)});
        return *queues_.back().queue;
    }

    std::optional<device> to_;
    address_map<storage> copies_;
    vec<on_device> queues_;  // behind the copies: it goes first, and waits for what is under way
};

/// A copy of a struct whose storages a cloner has made.
template <class T>
T copy_struct(const T& object, std::optional<device> to) {
    require_archivable<T>();
    if constexpr (archivable<T>) {
        constexpr bool can_be_copied = copyable<T>();
        static_assert(can_be_copied, "tarc: clone needs a struct that can be copied -- a field of this one cannot");
        if constexpr (can_be_copied) {
            T copy = object;
            storage_cloner cloner(to);
            cloner.clone(facts_of<T>, &copy);
            cloner.finish();
            return copy;
        }
    }
    raise(errc::invalid_argument, "not reached: it did not compile");
}

}  // namespace detail

/// A copy of a whole struct with storages of its own; tensors that share a storage share its copy. `T best =
/// clone(model)` is a snapshot, where `T best = model` is another handle on the tensors that training goes on changing.
/// Errors: errc::out_of_memory.
template <class T>
[[nodiscard]] T clone(const T& object) {
    return detail::copy_struct(object, std::nullopt);
}

/// A whole struct on a device: `model = tarc::to(model, tarc::device::cuda(0))`. Tensors that share a storage share it
/// there too, which `to` of each tensor would undo; what is on the device already is not copied. Errors:
/// errc::no_device, errc::out_of_memory.
template <class T>
[[nodiscard]] T to(const T& object, device d) {
    return detail::copy_struct(object, d);
}

}  // namespace tarc
