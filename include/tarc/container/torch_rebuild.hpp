#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/error.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Tensors and storages from what PyTorch's pickles say of them, checked: torch/_utils.py `_rebuild_*`, and
/// torch/serialization.py `persistent_load` for storages.
class torch_rebuild {
public:
    explicit torch_rebuild(pickle_context& context) : c_(context) {}

    /// The storage of a persistent id ("storage", class, key, location, numel); one for each key. The legacy format's
    /// sixth element may be None.
    node* storage(const node& id) {
        if (id.kind != value_kind::tuple || id.list->size == 0 || !is_text((*id.list)[0], "storage"))
            c_.fail("a persistent id is not a tuple (\"storage\", …), as PyTorch's are");
        const list_body& part = *id.list;
        if (part.size != 5 && part.size != 6)
            c_.fail("a persistent id has " + std::to_string(part.size) + " elements, not 5");
        if (part.size == 6 && part[5]->kind != value_kind::none)
            c_.fail("a storage is saved as a part of another storage, as PyTorch before 0.4 did", errc::unsupported);

        const std::optional<dtype> type = class_of_storage(*part[1]);
        std::string number;
        std::string_view key;
        if (part[2]->kind == value_kind::string) {
            key = part[2]->str();
        } else if (part[2]->kind == value_kind::integer && !part[2]->big) {
            key = number = std::to_string(part[2]->integer);
        } else {
            c_.fail("the key of a storage is not a string");
        }
        if (part[3]->kind != value_kind::string)
            c_.fail("the location of storage \"" + std::string(key) + "\" is not a string");
        const std::int64_t numel = integer(part[4], "the size of a storage");
        std::uint64_t nbytes = 0;
        if (numel < 0 || __builtin_mul_overflow(static_cast<std::uint64_t>(numel), type ? size_of(*type) : 1, &nbytes))
            c_.fail("storage \"" + std::string(key) + "\" has the impossible size " + std::to_string(numel));

        const auto [slot, fresh] = c_.keys.insert(&storages_, number.empty() ? part[2] : c_.into.string(key));
        if (fresh) {
            storage_body& made = c_.into.add_storage(key, part[3]->str(), nbytes);
            made.type = type;
            slot->value = &made;
        }
        auto& body = *static_cast<storage_body*>(slot->value);
        // PyTorch itself mixes ByteStorage and UntypedStorage, which have the same elements.
        if (body.nbytes != nbytes || body.type.value_or(dtype::uint8) != type.value_or(dtype::uint8))
            c_.fail("storage \"" + std::string(key) + "\" appears twice, with different sizes or classes");
        if (body.location != part[3]->str())
            c_.fail("storage \"" + std::string(key) + "\" appears twice, with different locations");
        return c_.into.bare_storage(&body);
    }

    /// What a rebuild function makes of its arguments, or null for those that stay opaque (sparse, quantized, nested,
    /// subclasses). Errors: errc::bad_pickle for wrong arguments, errc::bad_tensor for a view outside its storage.
    node* make(known function, const list_body& args) {
        switch (function) {
            case known::rebuild_tensor: return strided(args, "_rebuild_tensor", 4, 4);
            case known::rebuild_tensor_v2: return strided(args, "_rebuild_tensor_v2", 6, 7);
            case known::rebuild_tensor_v3: return strided(args, "_rebuild_tensor_v3", 7, 8);
            case known::rebuild_meta: return meta(args);
            case known::rebuild_parameter: return parameter(args, "_rebuild_parameter", 3);
            case known::rebuild_parameter_with_state: return parameter(args, "_rebuild_parameter_with_state", 4);
            case known::rebuild_from_type:
            case known::rebuild_from_type_v2: return from_type(args);
            case known::rebuild_from_cpu: return from_cpu(args);
            default: return nullptr;
        }
    }

private:
    static bool is_text(const node* n, std::string_view text) {
        return n->kind == value_kind::string && n->str() == text;
    }

    std::optional<dtype> class_of_storage(const node& cls) {
        if (cls.kind == value_kind::global) {
            const global_body& g = *cls.global;
            const bool torch = g.module == "torch" || g.module == "torch.storage" || g.module == "torch.cuda";
            if (torch && (g.name == "UntypedStorage" || g.name == "_UntypedStorage")) return std::nullopt;
            if (const auto type = torch ? dtype_of_storage_class(g.name) : std::nullopt) return type;
        }
        c_.fail(describe_key(cls) + " is not a storage class of PyTorch that tarc knows");
    }

    std::int64_t integer(const node* n, const char* what) {
        if (n->kind != value_kind::integer) c_.fail(std::string(what) + " is not an integer");
        if (n->big) c_.fail(std::string(what) + " does not fit 64 bits");
        return n->integer;
    }
    bool flag(const node* n, const char* what) {
        if (n->kind == value_kind::boolean) return n->boolean;
        if (n->kind == value_kind::integer && !n->big) return n->integer != 0;
        c_.fail(std::string(what) + " is not a bool");
    }
    vec<std::int64_t> integers(const node* n, const char* what) {
        if (n->kind != value_kind::tuple && n->kind != value_kind::list) c_.fail(std::string(what) + " is not a tuple");
        if (n->list->size > c_.limit.rank)
            c_.fail("a tensor has " + std::to_string(n->list->size) + " dimensions; limits::rank is " +
                        std::to_string(c_.limit.rank),
                    errc::limit_exceeded);
        vec<std::int64_t> values;
        values.reserve(n->list->size);
        for (const node* i : *n->list) values.push_back(integer(i, what));
        return values;
    }
    void expect(const list_body& args, const char* function, std::size_t least, std::size_t most) {
        if (args.size < least || args.size > most)
            c_.fail(std::string(function) + " is given " + std::to_string(args.size) + " arguments, not " +
                    std::to_string(least));
    }
    dtype type_of(const node& n) {
        if (const auto type = dtype_of_global(n)) return *type;
        c_.fail(describe_key(n) + " is not a dtype that tarc knows");
    }

    void check_shape(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
        if (shape.size() != strides.size())
            c_.fail("a tensor has " + std::to_string(shape.size()) + " sizes and " + std::to_string(strides.size()) +
                        " strides",
                    errc::bad_tensor);
        for (const std::int64_t s : strides)
            if (s < 0) c_.fail("strides " + shape_text(strides) + " are negative", errc::bad_tensor);
        (void)count_elements(shape);
    }

    // (storage, offset, size, stride[, requires_grad, hooks[, dtype][, metadata]])
    node* strided(const list_body& args, const char* function, std::size_t least, std::size_t most) {
        expect(args, function, least, most);
        if (args[0]->kind != value_kind::storage)
            c_.fail(std::string(function) + " is given something that is not a storage");
        storage_body& storage = *args[0]->storage;
        const vec<std::int64_t> shape = integers(args[2], "a size of a tensor"),
                                strides = integers(args[3], "a stride of a tensor");
        tensor_body t{};
        const bool v3 = least == 7;
        t.type = v3 ? type_of(*args[6]) : storage.type.value_or(dtype::uint8);
        t.storage = &storage;
        t.offset = integer(args[1], "the offset of a tensor");
        t.shape = shape;
        t.strides = strides;
        if (least > 4) t.requires_grad = flag(args[4], "requires_grad");
        if (args.size == most && least > 4) metadata(*args[most - 1], t);
        check_shape(shape, strides);
        if (t.offset < 0) c_.fail("a tensor has the negative offset " + std::to_string(t.offset), errc::bad_tensor);
        const std::int64_t extent = extent_of(shape, strides);
        const std::uint64_t have = storage.nbytes / size_of(t.type);
        std::int64_t end = 0;
        if (extent != 0 && (__builtin_add_overflow(t.offset, extent, &end) || static_cast<std::uint64_t>(end) > have))
            c_.fail("a tensor of shape " + shape_text(shape) + " with strides " + shape_text(strides) + " at offset " +
                        std::to_string(t.offset) + " reaches past the " + std::to_string(have) +
                        " elements of storage \"" + std::string(storage.key) + "\"",
                    errc::bad_tensor);
        return c_.into.tensor(t);
    }

    // {"conj": True, "neg": True}: PyTorch ignores other keys.
    void metadata(const node& n, tensor_body& t) {
        if (n.kind == value_kind::none) return;
        if (n.kind != value_kind::dict) c_.fail("the metadata of a tensor is not a dict");
        for (const entry& e : *n.dict) {
            if (is_text(e.key, "conj")) t.conj = flag(e.value, "the conj bit of a tensor");
            if (is_text(e.key, "neg")) t.neg = flag(e.value, "the neg bit of a tensor");
        }
        if (t.conj && facts(t.type).kind != dtype_class::complex)
            c_.fail("a tensor of " + std::string(to_string(t.type)) + " has the conj bit", errc::bad_tensor);
    }

    node* meta(const list_body& args) {
        expect(args, "_rebuild_meta_tensor_no_storage", 4, 4);
        const vec<std::int64_t> shape = integers(args[1], "a size of a tensor"),
                                strides = integers(args[2], "a stride of a tensor");
        check_shape(shape, strides);
        (void)extent_of(shape, strides);
        tensor_body t{};
        t.type = type_of(*args[0]);
        t.meta = true;
        t.shape = shape;
        t.strides = strides;
        t.requires_grad = flag(args[3], "requires_grad");
        return c_.into.tensor(t);
    }

    node* copy_of(const node& tensor) {
        node* made = c_.into.make(value_kind::tensor);
        made->tensor = c_.into.memory.make<tensor_body>(*tensor.tensor);
        return made;
    }

    // (tensor, requires_grad, hooks[, state])
    node* parameter(const list_body& args, const char* function, std::size_t count) {
        expect(args, function, count, count);
        if (args[0]->kind == value_kind::object) return nullptr;  // of a sparse tensor, for example
        if (args[0]->kind != value_kind::tensor)
            c_.fail(std::string(function) + " is given something that is not a tensor");
        node* made = copy_of(*args[0]);
        made->tensor->parameter = true;
        made->tensor->requires_grad = flag(args[1], "requires_grad");
        if (count == 4) made->tensor->attributes = args[3];
        return made;
    }

    // (function, type, arguments, state)
    node* from_type(const list_body& args) {
        expect(args, "_rebuild_from_type_v2", 4, 4);
        const known inner = lookup(args[0]), type = lookup(args[1]);
        const bool tensors = inner == known::rebuild_tensor || inner == known::rebuild_tensor_v2 ||
                             inner == known::rebuild_tensor_v3 || inner == known::rebuild_parameter ||
                             inner == known::rebuild_meta;
        if (!tensors || (type != known::tensor && type != known::parameter)) return nullptr;
        if (args[2]->kind != value_kind::tuple)
            c_.fail("_rebuild_from_type_v2 is given arguments that are not a tuple");
        node* made = make(inner, *args[2]->list);
        if (made == nullptr) return nullptr;
        if (type == known::parameter) made->tensor->parameter = true;
        made->tensor->attributes = args[3];
        return made;
    }

    // (tensor, dtype, device, requires_grad): saved from a device without storages of its own; the bytes are the
    // tensor's.
    node* from_cpu(const list_body& args) {
        expect(args, "_rebuild_device_tensor_from_cpu_tensor", 4, 4);
        if (args[0]->kind != value_kind::tensor || dtype_of_global(*args[1]) != args[0]->tensor->type) return nullptr;
        node* made = copy_of(*args[0]);
        made->tensor->requires_grad = flag(args[3], "requires_grad");
        return made;
    }

    pickle_context& c_;
    char storages_ = 0;  // its address stands for "the storages" among the owners of keys
};

}  // namespace tarc::detail
