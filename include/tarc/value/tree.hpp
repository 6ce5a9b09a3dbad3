#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <tarc/tensor/shape.hpp>
#include <tarc/util/stable_row.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/node.hpp>

namespace tarc::detail {

/// The owner of nodes and of the storages they refer to. Not thread-safe while it is being built; afterwards any number
/// of threads may read it.
class tree {
public:
    tree() = default;
    tree(const tree&) = delete;
    tree& operator=(const tree&) = delete;

    arena memory;
    node* root = nullptr;

    [[nodiscard]] node* make(value_kind k) {
        node* n = memory.make<node>();
        n->kind = k;
        return n;
    }
    [[nodiscard]] node* none() { return make(value_kind::none); }
    [[nodiscard]] node* boolean(bool b) {
        node* n = make(value_kind::boolean);
        n->boolean = b;
        return n;
    }
    [[nodiscard]] node* integer(std::int64_t i) {
        node* n = make(value_kind::integer);
        n->integer = i;
        return n;
    }
    [[nodiscard]] node* unsigned_integer(std::uint64_t u) {
        if (u <= static_cast<std::uint64_t>(INT64_MAX)) return integer(static_cast<std::int64_t>(u));
        char bytes[9] = {};
        std::memcpy(bytes, &u, 8);
        return big_integer({bytes, 9});
    }
    /// Two's complement, little-endian, any length; becomes an ordinary integer where it fits.
    [[nodiscard]] node* big_integer(std::string_view bytes) {
        const auto sign = [&](std::size_t i) { return (static_cast<unsigned char>(bytes[i]) & 0x80u) != 0; };
        while (bytes.size() > 1 && static_cast<unsigned char>(bytes.back()) == (sign(bytes.size() - 2) ? 0xff : 0x00))
            bytes.remove_suffix(1);
        if (bytes.size() <= 8) {
            std::uint64_t u = !bytes.empty() && sign(bytes.size() - 1) ? ~std::uint64_t{0} : 0;
            std::memcpy(&u, bytes.data(), bytes.size());
            return integer(static_cast<std::int64_t>(u));
        }
        node* n = text_node(value_kind::integer, bytes);
        n->big = true;
        return n;
    }
    [[nodiscard]] node* real(double d) {
        node* n = make(value_kind::real);
        n->real = d;
        return n;
    }
    [[nodiscard]] node* complex(double re, double im) {
        node* n = make(value_kind::complex);
        n->complex[0] = re;
        n->complex[1] = im;
        return n;
    }
    [[nodiscard]] node* string(std::string_view s) { return text_node(value_kind::string, s); }
    [[nodiscard]] node* bytes(std::string_view s, bool bytearray = false) {
        node* n = text_node(value_kind::bytes, s);
        n->mutable_ = bytearray;
        return n;
    }
    [[nodiscard]] node* sequence(value_kind k) {  // list, tuple, set
        node* n = make(k);
        n->list = memory.make<list_body>();
        n->mutable_ = k != value_kind::tuple;
        return n;
    }
    [[nodiscard]] node* dict(dict_class c = dict_class::plain) {
        node* n = make(value_kind::dict);
        n->dict = memory.make<dict_body>();
        n->dict->cls = c;
        return n;
    }
    [[nodiscard]] node* global(std::string_view module, std::string_view name) {
        node* n = make(value_kind::global);
        n->global = memory.make<global_body>();
        *n->global = {memory.copy(module), memory.copy(name)};
        return n;
    }
    [[nodiscard]] node* object(node* cls, node* args) {
        node* n = make(value_kind::object);
        n->object = memory.make<object_body>();
        n->object->cls = cls;
        n->object->args = args;
        return n;
    }
    [[nodiscard]] node* tensor(const tensor_body& t) {
        node* n = make(value_kind::tensor);
        n->tensor = memory.make<tensor_body>(t);
        n->tensor->shape = copy(t.shape);
        n->tensor->strides = copy(t.strides);
        return n;
    }
    [[nodiscard]] node* bare_storage(storage_body* s) {
        node* n = make(value_kind::storage);
        n->storage = s;
        return n;
    }
    void append(node* list, node* item) { list->list->push_back(memory, item); }
    void insert(node* dict, node* key, node* item) { dict->dict->push_back(memory, {key, item}); }
    void insert(node* dict, std::string_view key, node* item) { insert(dict, string(key), item); }

    [[nodiscard]] std::span<const std::int64_t> copy(std::span<const std::int64_t> s) {
        auto* p = memory.array<std::int64_t>(s.size());
        copy_dims(s, p);
        return {p, s.size()};
    }

    /// A new storage of this tree; the reference stays valid. Text is copied into the arena.
    [[nodiscard]] storage_body& add_storage(std::string_view key, std::string_view location, std::uint64_t nbytes) {
        return new_storage(memory.copy(key), memory.copy(location), nbytes);
    }
    /// The one storage of this tree that stands for a storage in memory.
    [[nodiscard]] storage_body& storage_of(const tarc::storage& live) {
        storage_body*& known = by_identity_[live.identity()];
        if (known == nullptr) {
            const device d = live.device();
            if (last_location_.empty() || d != last_device_) {
                last_location_ = memory.copy(d.location());
                last_device_ = d;
            }
            known = &new_storage({}, last_location_, live.nbytes());
            known->live = live;
        }
        return *known;
    }
    [[nodiscard]] stable_row<storage_body>& storages() { return storages_; }
    [[nodiscard]] const stable_row<storage_body>& storages() const { return storages_; }

private:
    storage_body& new_storage(std::string_view key, std::string_view location, std::uint64_t nbytes) {
        storage_body& s = storages_.add();
        s.key = key;
        s.location = location;
        s.nbytes = s.end = nbytes;
        s.index = storages_.size() - 1;
        return s;
    }
    node* text_node(value_kind k, std::string_view s) {
        node* n = make(k);
        s = memory.copy(s);
        n->text = s.data();
        n->size = s.size();
        return n;
    }

    stable_row<storage_body> storages_;
    address_map<storage_body*> by_identity_;
    device last_device_;  // of a storage in memory, and its tag
    std::string_view last_location_;
};

}  // namespace tarc::detail
