#pragma once

#include <cstddef>
#include <span>
#include <string>

#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_keys.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// Lists, tuples, sets and dicts from the values on a pickle's stack. Objects of unknown classes take items as well.
class pickle_containers {
public:
    explicit pickle_containers(pickle_context& context) : c_(context) {}

    node* sequence(value_kind kind, std::span<node* const> items) {
        node* n = c_.into.sequence(kind);
        n->list->append(c_.into.memory, items.data(), items.size());
        return n;
    }
    node* set_of(std::span<node* const> items, bool is_mutable) {
        node* n = c_.into.sequence(value_kind::set);
        n->mutable_ = is_mutable;
        for (node* i : items) c_.add(*n->list, i);
        return n;
    }
    void append(node& to, std::span<node* const> items, const char* op) {
        list_body* list = to.kind == value_kind::list ? to.list : nullptr;
        if (to.kind == value_kind::object) {
            if (to.object->items == nullptr) to.object->items = c_.into.sequence(value_kind::list);
            list = to.object->items->list;
        }
        if (list == nullptr) c_.fail(std::string(op) + " on " + describe_key(to) + ", which is not a list");
        list->append(c_.into.memory, items.data(), items.size());
    }
    void set_items(node& to, std::span<node* const> items) {
        dict_body* dict = to.kind == value_kind::dict ? to.dict : nullptr;
        if (to.kind == value_kind::object) {
            if (to.object->pairs == nullptr) to.object->pairs = c_.into.dict();
            dict = to.object->pairs->dict;
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

private:
    pickle_context& c_;
};

}  // namespace tarc::detail
