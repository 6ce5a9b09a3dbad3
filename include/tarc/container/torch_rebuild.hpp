#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/tensor_phrase.hpp>
#include <tarc/error.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Tensors and storages from what PyTorch's pickles say of them, checked: torch/_utils.py `_rebuild_*`, and
/// torch/serialization.py `persistent_load` for storages.
class torch_rebuild {
public:
    explicit torch_rebuild(pickle_context& context) : c_(context) {}

    /// The storage of a persistent id ("storage", class, key, location, numel); one for each key. The legacy format's
    /// sixth element is None, or, before PyTorch 0.4, what makes it a part of that storage: (its key, offset, numel).
    node* storage(const node& id) {
        if (id.kind != value_kind::tuple || id.list->size == 0 || !is_text((*id.list)[0], "storage"))
            c_.fail("a persistent id is not a tuple (\"storage\", …), as PyTorch's are");
        const list_body& part = *id.list;
        if (part.size != 5 && part.size != 6)
            c_.fail("a persistent id has " + std::to_string(part.size) + " elements, not 5");
        const bool is_part = part.size == 6 && part[5]->kind != value_kind::none;
        if (is_part && !c_.site.parts)
            c_.fail("a storage is saved as a part of another storage, as PyTorch before 0.4 did", errc::unsupported);

        if (part[1] != class_) {
            type_ = class_of_storage(*part[1]);
            class_ = part[1];
        }
        const auto [type, cpp_type] = type_;
        if (part[3]->kind != value_kind::string)
            c_.fail("the location of storage " + describe_key(*part[2]) + " is not a string");
        const std::uint64_t nbytes = bytes_of(part[4], cpp_type ? cpp_type : type, *part[2]);
        const auto [body, fresh] = storage_of(part[2], type, part[3]->str(), nbytes);
        if (body->whole != nullptr) c_.fail("storage " + describe_key(*part[2]) + " is a part of another one");
        node* const made = c_.into.bare_storage(is_part ? part_of(*body, *part[5]) : body);
        if (cpp_type) cpp_types_[made] = *cpp_type;
        return made;
    }

    /// The tensor of a whole phrase that begins at `begin`, or null where its classes are not ones of plain tensors.
    node* make(const tensor_phrase& p, std::uint64_t begin) {
        if (p.shape().size() > c_.limit.rank || p.strides().size() > c_.limit.rank) return nullptr;
        c_.at = begin + p.storage_at;
        if (p.storage_class != class_) {
            if (p.storage_class->kind != value_kind::global) return nullptr;
            type_ = class_of_storage(*p.storage_class);
            class_ = p.storage_class;
        }
        if (type_.cpp) return nullptr;
        tensor_body t{};
        if (p.dtype_global != nullptr) {
            const auto type = dtype_of_global(*p.dtype_global);
            if (!type) return nullptr;
            t.type = *type;
        } else {
            t.type = type_.python.value_or(dtype::uint8);
        }
        std::uint64_t nbytes = 0;
        if (p.numel < 0 || __builtin_mul_overflow(static_cast<std::uint64_t>(p.numel),
                                                  type_.python ? size_of(*type_.python) : 1, &nbytes))
            return nullptr;
        c_.count(12 + 2 * p.shape().size());  // as many as the machine makes of it
        storage_body& storage = *storage_of(p.key, type_.python, p.location, nbytes).body;
        if (storage.whole != nullptr) return nullptr;
        c_.at = begin + p.size - 1;
        t.offset = p.offset;
        t.shape = p.shape();
        t.strides = p.strides();
        t.requires_grad = p.requires_grad;
        return view(storage, t);
    }

    /// Of the elements of a storage: by its class in PyTorch, or by one that only libtorch has; neither where it is
    /// untyped.
    struct storage_type {
        std::optional<dtype> python, cpp;
    };

    storage_type class_of_storage(const node& cls) {
        if (cls.kind == value_kind::global) {
            const global_body& g = *cls.global;
            const bool torch = g.module == "torch" || g.module == "torch.storage" || g.module == "torch.cuda";
            if (torch && (g.name == "UntypedStorage" || g.name == "_UntypedStorage")) return {};
            if (const auto type = torch ? dtype_of_storage_class(g.name) : std::nullopt) return {type, {}};
            if (const auto type = torch ? class_of_libtorch(g.name) : std::nullopt) return {{}, type};
        }
        c_.fail(describe_key(cls) + " is not a storage class of PyTorch that tarc knows");
    }

    bool flag(const node* n, const char* what) {
        if (n->kind == value_kind::boolean) return n->boolean;
        if (n->kind == value_kind::integer && !n->big) return n->integer != 0;
        c_.fail(std::string(what) + " is not a bool");
    }

    /// A tensor, or errc::bad_tensor where it does not lie inside its storage. `shape` and `strides` are copied.
    node* view(storage_body& storage, const tensor_body& like) {
        tensor_body t = like;
        t.storage = &storage;
        check_shape(t.shape, t.strides);
        if (t.offset < 0) c_.fail("a tensor has the negative offset " + std::to_string(t.offset), errc::bad_tensor);
        const std::int64_t extent = extent_of(t.shape, t.strides);
        const std::uint64_t have = storage.nbytes / size_of(t.type);
        std::int64_t end = 0;
        if (extent != 0 && (__builtin_add_overflow(t.offset, extent, &end) || static_cast<std::uint64_t>(end) > have))
            c_.fail("a tensor of shape " + shape_text(t.shape) + " with strides " + shape_text(t.strides) +
                        " at offset " + std::to_string(t.offset) + " reaches past the " + std::to_string(have) +
                        " elements of storage \"" + std::string(storage.key) + "\"",
                    errc::bad_tensor);
        return c_.into.tensor(t);
    }
    /// The same before PyTorch 0.4, which had no tensors of no dimensions: one that finds no element is empty.
    node* old_view(storage_body& storage, tensor_body t) {
        static constexpr std::int64_t none = 0, one = 1;
        const std::uint64_t have = storage.nbytes / size_of(t.type);
        if (t.shape.empty() && t.strides.empty() && t.offset >= 0 && static_cast<std::uint64_t>(t.offset) >= have) {
            t.shape = {&none, 1};
            t.strides = {&one, 1};
        }
        return view(storage, t);
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

    std::uint64_t bytes_of(const node* numel, std::optional<dtype> type, const node& key) {
        const std::int64_t n = integer(numel, "the size of a storage");
        std::uint64_t nbytes = 0;
        if (n < 0 || __builtin_mul_overflow(static_cast<std::uint64_t>(n), type ? size_of(*type) : 1, &nbytes))
            c_.fail("storage " + describe_key(key) + " has the impossible size " + std::to_string(n));
        return nbytes;
    }

    struct found {
        storage_body* body;
        bool fresh;
    };
    /// The storage of that key, and whether it is new. Errors: errc::bad_pickle where it is not like this.
    found storage_of(const node* key, std::optional<dtype> type, std::string_view location, std::uint64_t nbytes) {
        if (key->kind == value_kind::integer && !key->big)
            return storage_of(std::to_string(key->integer), type, location, nbytes);
        if (key->kind != value_kind::string) c_.fail("the key of a storage is not a string");
        return storage_of(key->str(), type, location, nbytes);
    }
    found storage_of(std::string_view text, std::optional<dtype> type, std::string_view location,
                     std::uint64_t nbytes) {
        storage_body*& known = slot_of(text);
        const bool fresh = known == nullptr;
        if (fresh) {
            known = &c_.into.add_storage(text, location, nbytes);
            known->type = type;
        }
        storage_body& body = *known;
        // PyTorch itself mixes ByteStorage and UntypedStorage, which have the same elements.
        if (body.nbytes != nbytes || body.type.value_or(dtype::uint8) != type.value_or(dtype::uint8))
            c_.fail("storage \"" + std::string(body.key) + "\" appears twice, with different sizes or classes");
        if (body.location != location)
            c_.fail("storage \"" + std::string(body.key) + "\" appears twice, with different locations");
        return {&body, fresh};
    }

    /// Where the storage of a key is noted. PyTorch counts them.
    storage_body*& slot_of(std::string_view key) {
        std::size_t number = 0;
        bool counted = !key.empty() && key.size() <= 9 && (key.size() == 1 || key[0] != '0');
        for (const char d : key) {
            counted = counted && d >= '0' && d <= '9';
            number = number * 10 + static_cast<std::size_t>(d - '0');
        }
        if (counted && number < storages_.size() && storages_[number] != nullptr) return storages_[number];
        if (storage_body** const other = other_storages_.find(key)) return *other;
        if (!counted || number > storages_.size() * 2 + 64) return other_storages_[c_.into.memory.copy(key)];
        if (number >= storages_.size()) storages_.resize(number + 1);
        return storages_[number];
    }

    // (key, offset, numel): PyTorch makes a storage of its own of these elements.
    storage_body* part_of(const storage_body& whole, const node& view) {
        if (view.kind != value_kind::tuple || view.list->size != 3)
            c_.fail("what makes a storage a part of storage \"" + std::string(whole.key) +
                    "\" is not a tuple (key, offset, size)");
        node* const key = (*view.list)[0];
        const std::uint64_t at = bytes_of((*view.list)[1], whole.type, *key),
                            nbytes = bytes_of((*view.list)[2], whole.type, *key);
        if (at > whole.nbytes || nbytes > whole.nbytes - at)
            c_.fail("storage " + describe_key(*key) + " is a part of storage \"" + std::string(whole.key) +
                        "\" that reaches past its end",
                    errc::bad_tensor);
        const auto [body, fresh] = storage_of(key, whole.type, whole.location, nbytes);
        if (fresh) {
            body->whole = &whole;
            body->at = at;
        }
        if (body->whole != &whole || body->at != at)
            c_.fail("storage \"" + std::string(body->key) + "\" appears twice, as different parts");
        return body;
    }

    /// libtorch has a storage class for each dtype, by its own name for the dtype (c10::toString): torch.UInt16Storage,
    /// torch.Float8_e5m2Storage. PyTorch has none for those; their storages count as untyped.
    static std::optional<dtype> class_of_libtorch(std::string_view cls) {
        constexpr std::string_view ending = "Storage";
        if (!cls.ends_with(ending)) return std::nullopt;
        std::string name(cls.substr(0, cls.size() - ending.size()));
        if (name == "ComplexHalf") return dtype::complex32;
        for (char& c : name)
            if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        const auto type = parse_dtype(name);
        return type && facts(*type).storage.empty() ? type : std::nullopt;
    }

    std::int64_t integer(const node* n, const char* what) {
        if (n->kind != value_kind::integer) c_.fail(std::string(what) + " is not an integer");
        if (n->big) c_.fail(std::string(what) + " does not fit 64 bits");
        return n->integer;
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
        if (const dtype* type = v3 || storage.type ? nullptr : cpp_types_.find(args[0])) t.type = *type;
        t.offset = integer(args[1], "the offset of a tensor");
        t.shape = shape;
        t.strides = strides;
        if (least > 4) t.requires_grad = flag(args[4], "requires_grad");
        if (args.size == most && least > 4) metadata(*args[most - 1], t);
        return least == 4 ? old_view(storage, t) : view(storage, t);
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
    const node* class_ = nullptr;   // the last storage class, which most storages share
    storage_type type_;             // what it is
    address_map<dtype> cpp_types_;  // of storage nodes
    vec<storage_body*> storages_;   // by their keys, where these are numbers
    numbered_map<std::string_view, storage_body*> other_storages_;
};

}  // namespace tarc::detail
