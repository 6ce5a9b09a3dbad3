#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <tarc/archive/key_map.hpp>
#include <tarc/archive/path_filter.hpp>
#include <tarc/archive/report.hpp>
#include <tarc/limits.hpp>
#include <tarc/reflect/leaves.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/value.hpp>

namespace tarc::detail {

/// A value made beside its target, to be moved in when everything else has succeeded.
class staged_object {
public:
    staged_object(const type_facts& t, void* object, void* target) : type_(&t), object_(object), target_(target) {}
    staged_object(staged_object&& o) noexcept
        : type_(o.type_), object_(std::exchange(o.object_, nullptr)), target_(o.target_) {}
    staged_object& operator=(staged_object&&) = delete;
    ~staged_object() {
        if (object_ != nullptr) type_->destroy(object_);
    }
    void commit() { type_->move(object_, target_); }

private:
    const type_facts* type_;
    void* object_;
    void* target_;
};

/// What binding a tree to a struct yields: the report, the tensors to be loaded, and the values to be moved in.
struct binding {
    struct tensor_job {
        tensor_base* target;  // null for the tensors of a tarc::value
        const tensor_body* source;
        std::string_view path;  // from the file's root
        dtype as;               // of the target; another one than the source's is converted
        bool hidden = false;    // the target is of no concern to anybody before the load has succeeded
    };
    /// An object to be made of what its type is archived as, once that has its tensors; those inside come before those
    /// around them.
    struct stand_in_job {
        const type_facts* type;
        std::unique_ptr<temporary> made;
        void* target;
    };
    /// A scalar of the file that goes into the bytes of a 0-d tensor on the host.
    struct element_job {
        any_tensor target, made;
    };
    load_report report;
    vec<tensor_job> tensors;
    vec<element_job> elements;
    vec<stand_in_job> stand_ins;
    vec<staged_object> objects;
    std::shared_ptr<tree> values = std::make_shared<tree>();  // what members of type tarc::value hold
    tree_copier copier{*values};
    arena texts;
};

struct bind_options {
    bool strict = true;
    bool in_place = false;
    std::string_view strip_prefix;
    key_map keys;
    const path_filter* filter = nullptr;  // a binder needs one
    dtype_policy dtypes = dtype_policy::exact;
    std::string at;       // where in the file the root node stands
    bool dotted = false;  // the file's format has no containers: what was in one has its name and a dot before it
    tarc::limits limit;
    std::uint64_t tree_bytes = 0;  // memory of the file's tree
    void* context = nullptr;
    /// Reads a tensor of one element, for a scalar field that a 0-d tensor fills.
    any_tensor (*read_element)(void* context, const tensor_body&) = nullptr;
};

/// Two bytes of a pickle can repeat a value of any size, so what a bind visits and the text it copies are held in
/// proportion to the limits and to the tree's own memory. Errors: errc::limit_exceeded.
class bind_budget {
public:
    explicit bind_budget(const bind_options& o)
        : nodes_(o.limit.nodes), leaves_(o.limit.nodes), text_((std::uint64_t{64} << 20) + 8 * o.tree_bytes) {}

    /// Before a container of the struct grows to `n` elements, which stand in `body` of the tree.
    void grow(const type_facts& element, const void* body, std::uint64_t n) {
        const std::uint64_t leaves = checked_mul(n, leaves_of(element), "the size of a list");
        if (leaves > leaves_)
            raise(errc::limit_exceeded, "the lists of the file would fill more than tarc::limits::nodes fields");
        leaves_ -= leaves;
        if (!bodies_.insert(body).second) text(checked_mul(leaves, leaf_bytes, "the size of a list"));
    }
    /// The same for elements that stand nowhere in the file, in front of some that do.
    void holes(const type_facts& element, std::uint64_t n) {
        text(checked_mul(checked_mul(n, leaves_of(element), "the size of a list"), leaf_bytes, "the size of a list"));
    }

    void visit(std::uint64_t nodes = 1) {
        if (nodes > nodes_)
            raise(errc::limit_exceeded, "the file repeats its values until they are more than tarc::limits::nodes");
        nodes_ -= nodes;
    }
    void text(std::uint64_t bytes) {
        if (bytes > text_)
            raise(errc::limit_exceeded, "the file repeats its texts until they are out of all proportion to its size");
        text_ -= bytes;
    }

private:
    static constexpr std::uint64_t leaf_bytes = 64;  // about what a field takes

    /// How many fields one object of a type has, arrays included.
    static std::uint64_t leaves_of(const type_facts& t) {
        std::uint64_t n = 1;
        switch (t.kind) {
            case kind::aggregate:
            case kind::tuple:
            case kind::variant:
                for (const member& m : t.members)
                    if (!m.transient) n = checked_add(n, leaves_of(*m.type), "the size of a struct");
                return n;
            case kind::array:
                return checked_add(n, checked_mul(t.count, leaves_of(*t.element), "the size of an array"), "an array");
            case kind::optional:
            case kind::stand_in: return leaves_of(*t.element);
            default: return n;
        }
    }

    std::uint64_t nodes_, leaves_, text_;
    std::unordered_set<const void*> bodies_;  // lists that were bound before: their pickle is paid for once
};

}  // namespace tarc::detail
