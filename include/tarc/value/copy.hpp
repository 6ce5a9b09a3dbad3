#pragma once

#include <cstddef>

#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// Copies values from one tree into another; nodes and storages that are shared stay shared, over all calls of one
/// copier.
class tree_copier {
public:
    explicit tree_copier(tree& to) : to_(to) {}

    /// Iterative, and linear in the number of distinct nodes; cycles are copied as cycles.
    [[nodiscard]] node* copy(const node* from) {
        node* root = shell(from);
        while (!todo_.empty()) {
            const auto [source, target] = todo_.back();
            todo_.pop_back();
            fill(*source, *target);
        }
        return root;
    }

    /// The copy of a storage of the other tree; one that is in memory is recognized by its identity.
    [[nodiscard]] storage_body& copy(const storage_body& from) {
        storage_body*& known = storages_[&from];
        if (known != nullptr) return *known;
        if (from.live.defined()) {
            known = &to_.storage_of(from.live);
            if (!from.location.empty()) known->location = to_.memory.copy(from.location);
        } else {
            known = &to_.add_storage(from.key, from.location, from.nbytes);
            known->record = from.record;
            known->origin = &from;
        }
        known->type = from.type;
        return *known;
    }

private:
    node* shell(const node* from) {
        if (from == nullptr) return nullptr;
        node*& known = nodes_[from];
        if (known != nullptr) return known;
        known = to_.make(from->kind);
        todo_.push_back({from, known});
        return known;
    }

    void fill(const node& from, node& n) {
        node* const keep = &n;
        switch (from.kind) {
            case value_kind::string:
            case value_kind::bytes:
                *keep = from;
                keep->text = to_.memory.copy(from.str()).data();
                break;
            case value_kind::integer:
                *keep = from;
                if (from.big) keep->text = to_.memory.copy(from.str()).data();
                break;
            case value_kind::list:
            case value_kind::tuple:
            case value_kind::set:
                *keep = from;
                keep->list = copy(*from.list);
                break;
            case value_kind::dict:
                *keep = from;
                keep->dict = copy(*from.dict);
                break;
            case value_kind::tensor: {
                *keep = from;
                tensor_body* t = to_.memory.make<tensor_body>(*from.tensor);
                t->shape = to_.copy(t->shape);
                t->strides = to_.copy(t->strides);
                if (t->storage != nullptr) t->storage = &copy(*t->storage);
                t->attributes = shell(t->attributes);
                keep->tensor = t;
                break;
            }
            case value_kind::storage:
                *keep = from;
                keep->storage = &copy(*from.storage);
                break;
            case value_kind::global:
                *keep = from;
                keep->global = to_.memory.make<global_body>();
                *keep->global = {to_.memory.copy(from.global->module), to_.memory.copy(from.global->name)};
                break;
            case value_kind::object: {
                *keep = from;
                object_body* o = to_.memory.make<object_body>(*from.object);
                o->cls = shell(o->cls);
                o->args = shell(o->args);
                o->state = shell(o->state);
                o->items = shell(o->items);
                o->pairs = shell(o->pairs);
                keep->object = o;
                break;
            }
            default: *keep = from; break;
        }
    }

    list_body* copy(const list_body& from) {
        auto* l = to_.memory.make<list_body>();
        l->reserve(to_.memory, from.size);
        for (node* item : from) l->push_back(to_.memory, shell(item));
        return l;
    }
    dict_body* copy(const dict_body& from) {
        auto* d = to_.memory.make<dict_body>();
        d->cls = from.cls;
        d->state = shell(from.state);
        d->reserve(to_.memory, from.size);
        for (const entry& e : from) d->push_back(to_.memory, {shell(e.key), shell(e.value)});
        return d;
    }

    struct job {
        const node* source;
        node* target;
    };
    tree& to_;
    address_map<node*> nodes_;
    address_map<storage_body*> storages_;
    vec<job> todo_;
};

}  // namespace tarc::detail
