#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/key.hpp>
#include <tarc/archive/python_repr.hpp>
#include <tarc/container/known_globals.hpp>
#include <tarc/limits.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/value.hpp>
#include <tarc/value/walk.hpp>

namespace tarc {

/// One line of what is in an archive: a tensor, a scalar, an empty container, or an object that tarc knows by name
/// only. Copies are cheap but for the path; the views in it live as long as what it came from (the archive, the
/// entry_list).
struct entry {
    /// Keys and indices from the root.
    std::vector<key> path;
    /// `tensor` also for a bare storage (one dimension, of its class's dtype) and for a NumPy array; `string` also for
    /// torch's own constants such as torch.float16; a container only when it is empty, `dict` also for an object
    /// without attributes; `object` for what stays opaque.
    value_kind kind = value_kind::none;
    /// The value itself, without tensor bytes.
    tarc::value value;
    /// Beside the state_dict: what a TorchScript module has besides parameters, buffers and modules. May be a tensor.
    bool attribute = false;
    /// Of an object or a class: "module.name". Of a constant of torch: as Python prints it ("torch.float16", "cuda:0").
    std::string_view text;

    // Of a tensor only:
    tarc::dtype dtype{};
    bool requires_grad = false;
    std::span<const std::int64_t> shape, strides;  ///< elements
    std::int64_t offset = 0;                       ///< elements
    std::string_view location;                     ///< the tag in the file: "cpu", "cuda:1"
    /// Equal numbers share one storage; 0, 1, … by first appearance. A storage without bytes, one of "meta", and a
    /// NumPy array are never shared.
    std::size_t storage = 0;
    std::uint64_t nbytes = 0;  ///< of the logical elements; UINT64_MAX when they are even more

    /// The path as one text, steps joined by "/".
    [[nodiscard]] std::string path_text() const { return detail::path_text(path); }
    [[nodiscard]] bool is_tensor() const noexcept { return kind == value_kind::tensor; }
};

namespace detail {

/// Walks a tree entry by entry, each path once, in file order; the elements of a set in the order of (type name,
/// repr()). A few bytes of pickle can make a tree with billions of paths, or of long ones: besides limits::nodes and
/// limits::depth, the walk ends with errc::limit_exceeded where a listing is out of all proportion to the tree's own
/// memory.
class entry_walker {
public:
    /// Texts and shapes that are not in the tree go into `texts`.
    entry_walker(std::shared_ptr<const tree> values, const limits& limit, arena& texts)
        : values_(std::move(values)),
          limit_(limit),
          texts_(texts),
          room_((std::uint64_t{64} << 20) + 8 * values_->memory.capacity()),
          repr_((std::uint64_t{1} << 20) + 4 * values_->memory.capacity()),
          numbers_(values_->storages().size(), SIZE_MAX) {
        limit_.nodes = std::min<std::uint64_t>(limit_.nodes, (std::uint64_t{1} << 18) + values_->memory.capacity() / 8);
    }

    /// Calls `use(const entry&)` for each; the entry is the walker's own and changes after the call. Before the entries
    /// of a container, or of an object that shows as what it holds, `enter(path, node)` is called for it.
    template <class Use, class Enter>
    void for_each(Use&& use, Enter&& enter) {
        if (values_->root == nullptr) return;
        walk(
            *values_->root, limit_,
            [&](std::span<const step> path, const node& n) {
                while (e_.path.size() >= path.size() && !e_.path.empty()) e_.path.pop_back();
                if (!path.empty()) e_.path.push_back(key_of(path.back()));
                if (path.size() <= aside_) aside_ = !path.empty() && path.back().aside ? path.size() : SIZE_MAX;
                const bool inside = visit(n, use);
                const bool entry_itself = n.kind == value_kind::object && stand_in_of(n) == nullptr;
                if (inside && !entry_itself) enter(std::as_const(e_.path), n);
                return inside;
            },
            [&](const node& n, vec<child>& out) { list(n, out); });
    }
    template <class Use>
    void for_each(Use&& use) {
        for_each(static_cast<Use&&>(use), [](const std::vector<key>&, const node&) {});
    }

private:
    void charge(std::uint64_t bytes) {
        if (bytes > room_)
            raise(errc::limit_exceeded, "a listing of these values is out of all proportion to the file");
        room_ -= bytes;
    }

    key key_of(const step& s) {
        charge(sizeof(key));
        if (s.key == nullptr) return s.label.empty() ? key(s.index) : key(s.label);
        switch (s.key->kind) {
            case value_kind::string: charge(s.key->size); return s.key->str();
            case value_kind::boolean: return s.key->boolean;
            case value_kind::integer:
                return s.key->big ? key::large_integer(repr_.digits(*s.key)) : key(s.key->integer);
            default: return repr_(*s.key);
        }
    }

    /// Whether to go into the node's children.
    template <class Use>
    bool visit(const node& n, Use&& use) {
        switch (n.kind) {
            case value_kind::list:
            case value_kind::tuple:
            case value_kind::set:
                if (n.list->size != 0) return true;
                break;
            case value_kind::dict:
                if (n.dict->size != 0) return true;
                break;
            case value_kind::object: return object(n, use);
            case value_kind::global: named(n, use); return false;
            case value_kind::tensor: tensor(n, use); return false;
            case value_kind::storage: bare(n, use); return false;
            default: break;
        }
        begin(n, n.kind);
        use(std::as_const(e_));
        return false;
    }

    template <class Use>
    bool object(const node& n, Use&& use) {
        if (const node* s = stand_in_of(n)) {
            if ((s->kind == value_kind::dict ? s->dict->size : s->list->size) != 0) return true;
            begin(*s, s->kind);
            use(std::as_const(e_));
            return false;
        }
        if (is_blank(*n.object) && !text_of(n)) {
            begin(n, value_kind::dict);
            use(std::as_const(e_));
            return false;
        }
        named(n, use);
        return e_.kind == value_kind::object;
    }

    /// An instance without attributes: Python does not write the empty state of one.
    static bool is_blank(const object_body& o) {
        return o.args != nullptr && o.args->kind == value_kind::tuple && o.args->list->size == 0 &&
               o.state == nullptr && o.items == nullptr && o.pairs == nullptr;
    }

    /// A class, a function, an opaque object, or a constant of torch.
    template <class Use>
    void named(const node& n, Use&& use) {
        const auto constant = text_of(n);
        const std::string text = constant ? *constant : class_text(n);
        charge(text.size());
        begin(n, constant ? value_kind::string : value_kind::object);
        e_.text = texts_.copy(text);
        use(std::as_const(e_));
    }

    template <class Use>
    void tensor(const node& n, Use&& use) {
        const tensor_body& t = *n.tensor;
        begin(n, value_kind::tensor);
        e_.dtype = t.type;
        e_.requires_grad = t.requires_grad;
        e_.shape = t.shape;
        e_.strides = t.strides;
        e_.offset = t.offset;
        e_.location = t.storage == nullptr ? std::string_view("meta") : t.storage->location;
        e_.storage = number(t.storage);
        if (__builtin_mul_overflow(static_cast<std::uint64_t>(count_elements(t.shape)), size_of(t.type), &e_.nbytes))
            e_.nbytes = UINT64_MAX;
        use(std::as_const(e_));
    }

    template <class Use>
    void bare(const node& n, Use&& use) {
        const storage_body& s = *n.storage;
        begin(n, value_kind::tensor);
        e_.dtype = s.type.value_or(dtype::uint8);
        charge(2 * sizeof(std::int64_t));
        auto* dims = texts_.array<std::int64_t>(2);
        dims[0] = static_cast<std::int64_t>(s.nbytes / size_of(e_.dtype));
        dims[1] = 1;
        e_.shape = {dims, 1};
        e_.strides = {dims + 1, 1};
        e_.location = s.location;
        e_.storage = number(&s);
        e_.nbytes = s.nbytes;
        use(std::as_const(e_));
    }

    /// All but the path as in a new entry.
    void begin(const node& n, value_kind kind) {
        tarc::entry fresh;
        fresh.path = std::move(e_.path);
        fresh.kind = kind;
        fresh.attribute = aside_ != SIZE_MAX;
        fresh.value = tarc::value(values_, &n);
        e_ = std::move(fresh);
    }

    std::size_t number(const storage_body* s) {
        const bool meta = s == nullptr || (s->live.defined() && s->live.device().type == device_type::meta);
        const bool in_pickle = !meta && s->live.defined() && s->key.empty();
        if (meta || in_pickle || s->nbytes == 0 || s->index >= numbers_.size()) return count_++;
        std::size_t& known = numbers_[s->index];
        if (known == SIZE_MAX) known = count_++;
        return known;
    }

    void list(const node& n, vec<child>& out) {
        if (n.kind == value_kind::set) return list_set(*n.list, out);
        if (n.kind != value_kind::object || stand_in_of(n) != nullptr) return list_children(n, out);
        const object_body& o = *n.object;
        const bool aside = o.stated != object_body::not_scripted;
        if (o.args != nullptr && (o.args->kind != value_kind::tuple || o.args->list->size != 0))
            out.push_back({{nullptr, 0, "args", aside}, o.args});
        if (o.state != nullptr) out.push_back({{nullptr, 0, "state", aside}, o.state});
        if (o.items != nullptr) list_children(*o.items, out);
        if (o.pairs != nullptr) list_children(*o.pairs, out);
    }

    void list_set(const list_body& set, vec<child>& out) {
        struct element {
            std::string_view type;
            std::string repr;
        };
        vec<element> elements;
        elements.reserve(set.size);
        for (std::size_t i = 0; i < set.size; ++i) elements.push_back({type_name(*set[i]), repr_(*set[i])});
        const vec<std::size_t> order = sorted_numbers(set.size, [&](std::size_t a, std::size_t b) {
            const int types = elements[a].type.compare(elements[b].type);
            return types != 0 ? types < 0 : elements[a].repr < elements[b].repr;
        });
        for (std::size_t i = 0; i < order.size(); ++i) out.push_back({{nullptr, i, {}}, set[order[i]]});
    }

    std::shared_ptr<const tree> values_;
    limits limit_;
    arena& texts_;
    std::uint64_t room_;
    python_repr repr_;
    vec<std::size_t> numbers_;
    std::size_t count_ = 0;
    std::size_t aside_ = SIZE_MAX;  // how deep the attribute stands that the walk is in
    tarc::entry e_;
};

}  // namespace detail

/// All entries of a tree, in file order. Immutable; any number of threads may read it.
class entry_list {
public:
    /// Errors: errc::limit_exceeded, errc::bad_pickle for a container that holds itself.
    explicit entry_list(std::shared_ptr<const detail::tree> values, const limits& limit = {}) {
        std::uint64_t room = (std::uint64_t{64} << 20) + 8 * values->memory.capacity();
        detail::entry_walker walker(std::move(values), limit, texts_);
        walker.for_each([&](const entry& e) {
            std::uint64_t bytes = e.path.size() * sizeof(key);
            for (const key& k : e.path) bytes += k.name().size();
            if (bytes > room)
                detail::raise(errc::limit_exceeded, "a listing of these values is out of all proportion to the file");
            room -= bytes;
            entries_.push_back(e);
        });
    }

    [[nodiscard]] std::span<const entry> get() const noexcept { return entries_; }

private:
    detail::arena texts_;
    std::vector<entry> entries_;
};

}  // namespace tarc
