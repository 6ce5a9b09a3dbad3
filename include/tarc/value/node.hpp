#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/storage.hpp>
#include <tarc/value/arena.hpp>

namespace tarc {

/// What a value of the dynamic tree is, in Python's terms.
// clang-format off
enum class value_kind : std::uint8_t {
    none, boolean, integer, real, complex, string, bytes,
    list, tuple, set, dict,
    tensor,
    storage,  ///< a bare storage
    global,   ///< a class or function by name, never called
    object,   ///< an instance of a class, or the result of a function, that tarc does not know
};
// clang-format on

namespace detail {

struct node;

struct entry {
    node* key;
    node* value;
};

enum class dict_class : std::uint8_t { plain, ordered, counter, default_dict };

struct list_body : arena_vector<node*> {};

struct dict_body : arena_vector<entry> {
    dict_class cls = dict_class::plain;
    node* state = nullptr;  // of an OrderedDict that carries attributes: {"_metadata": …}
};

/// One storage that a tree's tensors refer to. Where its bytes are is one of: live (host or device memory), the file
/// that the tree came from (in_file), neither (meta).
struct storage_body {
    std::string_view key;             // the persistent id's key: "0"
    std::string_view location;        // the tag: "cpu", "cuda:1", or anything else
    std::optional<tarc::dtype> type;  // of a typed storage class; none for UntypedStorage
    std::uint64_t nbytes = 0;         // of the whole storage, as its file or its memory says
    tarc::storage live;
    std::uint64_t begin = 0, end = 0;      // the bytes that a save writes (compact views); [0, nbytes) unless set
    std::size_t index = 0;                 // in tree::storages()
    std::size_t record = SIZE_MAX;         // in the archive's directory; SIZE_MAX where the file has none
    std::uint64_t at = UINT64_MAX;         // where the bytes begin: in the record, else in the file
    const storage_body* whole = nullptr;   // of which this one is a part (files of before PyTorch 0.4)
    const storage_body* origin = nullptr;  // the storage of another tree that this one was copied from
    std::uint8_t swap = 1;                 // bytes to reverse together when reading (files from big-endian machines)

    [[nodiscard]] bool in_file() const { return at != UINT64_MAX; }
};

struct tensor_body {
    tarc::dtype type;
    bool requires_grad = false, parameter = false, conj = false, neg = false;
    bool meta = false;                // saved without storage: shape only
    storage_body* storage = nullptr;  // null only for meta
    std::int64_t offset = 0;          // elements
    std::span<const std::int64_t> shape, strides;
    node* attributes = nullptr;  // Python attributes of a Parameter or Tensor
};

struct global_body {
    std::string_view module, name;
};

struct object_body {
    node* cls = nullptr;    // usually a global
    node* args = nullptr;   // tuple of the call, or null
    node* state = nullptr;  // what BUILD gave it, or null
    node* items = nullptr;  // list of what APPEND(S) gave it, or null
    node* pairs = nullptr;  // dict of what SETITEM(S) gave it, or null
    // Of an object in a TorchScript archive: how many entries of its state, the first ones, are of its state_dict; the
    // others are attributes. not_scripted for any other object.
    std::size_t stated = not_scripted;
    static constexpr std::size_t not_scripted = SIZE_MAX;
};

/// A value in a tree. Lives in the tree's arena; children are shared where the pickle shared them, so a tree is a
/// directed graph that may even have cycles: whoever walks it counts its steps (value/walk.hpp).
struct node {
    value_kind kind = value_kind::none;
    bool big = false;  // integer: outside int64, `text` has it little-endian in two's complement, as short as can be
    bool mutable_ = false;           // bytes: a bytearray; set: not a frozenset
    bool named = false;              // tuple: a torch.Size
    mutable std::uint32_t hash = 0;  // of a dict key or set element, while a pickle is being read; 0: not known
    std::size_t size = 0;            // of text
    union {
        bool boolean;
        std::int64_t integer;
        double real;
        double complex[2];
        const char* text;  // string (UTF-8, lone surrogates encoded as if they were characters), bytes, big integer
        list_body* list;   // list, tuple, set
        dict_body* dict;
        tensor_body* tensor;
        storage_body* storage;
        global_body* global;
        object_body* object;
    };

    node() : complex{0, 0} {}
    [[nodiscard]] std::string_view str() const { return {text, size}; }
};

}  // namespace detail
}  // namespace tarc
