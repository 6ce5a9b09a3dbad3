#pragma once

#include <charconv>  // std::from_chars
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/known_globals.hpp>
#include <tarc/container/pickle_context.hpp>
#include <tarc/container/pickle_extent.hpp>
#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/tar_reader.hpp>
#include <tarc/container/torch_rebuild.hpp>
#include <tarc/error.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/io/source_window.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// Opens what torch.save wrote before PyTorch 0.1.10: a tar file (torch/serialization.py `legacy_load`). Its members
/// "storages" and "tensors" are pickles with raw numbers between them; the "pickle" refers to both by their numbers, as
/// persistent ids. All numbers are little-endian.
class torch_tar_opener {
public:
    torch_tar_opener(std::shared_ptr<source> file, const limits& limit)
        : file_(std::move(file)), limits_(limit), members_(*file_, limits_), values_(std::make_shared<tree>()) {}

    [[nodiscard]] opened_file open() && {
        read_storages();
        read_tensors();
        read_object();
        return {file_format::torch_tar, std::move(file_), limits_, std::move(values_)};
    }

private:
    /// One member, read in order.
    struct part {
        part(torch_tar_opener& o, const tar_member& m)
            : opener(o), in(*o.file_, m.offset, m.size, m.name), c(o.others_, o.limits_, site_of(m), m.size) {}

        torch_tar_opener& opener;
        source_window in;
        pickle_context c;  // of what stands between the pickles

        const node& pickle() {
            c.at = in.position();
            return *read_next_pickle(in, opener.others_, opener.limits_);
        }
        std::uint64_t count() {
            const node& n = pickle();
            if (n.kind != value_kind::integer || n.big || n.integer < 0) c.fail("a number of items is no such number");
            return static_cast<std::uint64_t>(n.integer);
        }
        const list_body& items(const node& n, std::size_t size, const char* what) {
            if ((n.kind != value_kind::tuple && n.kind != value_kind::list) || n.list->size != size)
                c.fail(std::string("what should be ") + what + " is something else");
            return *n.list;
        }
        std::int64_t integer(const node* n, const char* what) {
            if (n->kind != value_kind::integer || n->big) c.fail(std::string(what) + " is not an integer");
            return n->integer;
        }
        void require_end() {
            if (in.left() != 0) in.fail(errc::bad_archive, std::to_string(in.left()) + " bytes follow the last item");
        }
        static pickle_site site_of(const tar_member& m) {
            pickle_site site;
            site.record = m.name;
            return site;
        }
    };

    storage_body& add_storage(part& p, std::int64_t number, std::string_view location, std::optional<dtype> type,
                              std::uint64_t nbytes, std::uint64_t at) {
        storage_body& s = values_->add_storage(std::to_string(number), location, nbytes);
        s.type = type;
        s.at = at;
        add(p, number, values_->bare_storage(&s));
        return s;
    }
    void add(part& p, std::int64_t number, node* n) {
        node*& known = objects_[number];
        if (known != nullptr)
            p.c.fail("two storages or tensors have the number " + std::to_string(number), errc::duplicate_name);
        known = n;
    }
    storage_body& storage_numbered(part& p, const node* id) {
        const std::int64_t number = p.integer(id, "the number of a storage");
        node* const* known = objects_.find(number);
        if (known == nullptr || (*known)->kind != value_kind::storage)
            p.c.fail("there is no storage with the number " + std::to_string(number), errc::no_record);
        return *(*known)->storage;
    }

    void read_storages() {
        part p(*this, members_.get("storages"));
        torch_rebuild classes(p.c);
        for (std::uint64_t left = p.count(); left != 0; --left) {
            const list_body& facts = p.items(p.pickle(), 3, "a storage's number, location and class");
            const std::int64_t number = p.integer(facts[0], "the number of a storage");
            if (facts[1]->kind != value_kind::string) p.c.fail("the location of a storage is not a string");
            const std::optional<dtype> type = classes.class_of_storage(*facts[2]).python;
            p.c.at = p.in.position();
            const auto elements = p.in.number<std::uint64_t>();
            std::uint64_t nbytes = 0;
            if (__builtin_mul_overflow(elements, type ? size_of(*type) : 1, &nbytes))
                p.c.fail("a storage has the impossible size " + std::to_string(elements), errc::bad_tensor);
            add_storage(p, number, facts[1]->str(), type, nbytes, p.in.offset());
            p.in.skip(nbytes);
        }
        const node& views = p.pickle();
        if (views.kind != value_kind::list) p.c.fail("the views of storages are not a list");
        for (const node* view : *views.list) {
            const list_body& facts = p.items(*view, 4, "a storage's view");
            const storage_body& root = storage_numbered(p, facts[1]);
            const std::uint64_t element = root.type ? size_of(*root.type) : 1;
            const std::int64_t offset = p.integer(facts[2], "the offset of a view"),
                               size = p.integer(facts[3], "the size of a view");
            const std::uint64_t have = root.nbytes / element;
            if (offset < 0 || size < 0 || static_cast<std::uint64_t>(offset) > have ||
                static_cast<std::uint64_t>(size) > have - static_cast<std::uint64_t>(offset))
                p.c.fail("a view reaches past the end of its storage", errc::bad_tensor);
            add_storage(p, p.integer(facts[0], "the number of a storage"), root.location, root.type,
                        static_cast<std::uint64_t>(size) * element,
                        root.at + static_cast<std::uint64_t>(offset) * element)
                .whole = &root;
        }
        p.require_end();
    }

    void read_tensors() {
        part p(*this, members_.get("tensors"));
        pickle_context into(*values_, limits_, part::site_of(members_.get("tensors")), p.in.left());
        torch_rebuild tensors(into);
        for (std::uint64_t left = p.count(); left != 0; --left) {
            const list_body& facts = p.items(p.pickle(), 3, "a tensor's number, storage and class");
            const std::int64_t number = p.integer(facts[0], "the number of a tensor");
            into.at = p.c.at = p.in.position();
            const auto rank = p.in.number<std::uint32_t>();
            p.in.skip(4);  // the upper half of a 64-bit number that was never set
            if (rank > limits_.rank)
                p.c.fail("a tensor has " + std::to_string(rank) + " dimensions; limits::rank is " +
                             std::to_string(limits_.rank),
                         errc::limit_exceeded);
            vec<std::int64_t> shape(rank), strides(rank);
            for (std::int64_t& n : shape) n = p.in.number<std::int64_t>();
            for (std::int64_t& n : strides) n = p.in.number<std::int64_t>();
            storage_body& storage =
                facts[1]->kind == value_kind::none ? empty_storage(p, *facts[2]) : storage_numbered(p, facts[1]);
            tensor_body t{};
            t.type = storage.type.value_or(dtype::uint8);
            t.offset = p.in.number<std::int64_t>();
            t.shape = shape;
            t.strides = strides;
            try {
                add(p, number, tensors.old_view(storage, t));
            } catch (error& e) {  // of the shape alone
                e.in_record(p.in.name()).at_offset(p.c.at);
                throw;
            }
        }
        p.require_end();
    }

    // A tensor that was never given memory has a class, torch.FloatTensor, and no storage.
    storage_body& empty_storage(part& p, const node& cls) {
        if (cls.kind != value_kind::global || !cls.global->name.ends_with("Tensor"))
            p.c.fail(describe_key(cls) + " is not a class of tensors");
        std::string name(cls.global->name);
        const auto type = dtype_of_storage_class(name.replace(name.size() - 6, 6, "Storage"));
        if (!type) p.c.fail(describe_key(cls) + " is not a class of tensors that tarc knows");
        storage_body& s = values_->add_storage({}, "cpu", 0);
        s.type = type;
        s.live = storage::allocate(0);
        return s;
    }

    void read_object() {
        const tar_member& m = members_.get("pickle");
        source_window in(*file_, m.offset, m.size, m.name);
        const auto object_of = [&](pickle_context& c, const node& id) { return object_with(c, id); };
        const persistent_ids ids = object_of;
        pickle_site site;
        site.ids = &ids;
        values_->root = read_next_pickle(in, *values_, limits_, site);
        if (in.left() != 0)
            in.fail(errc::bad_pickle, std::to_string(in.left()) + " bytes follow the end of the pickle");
    }

    // The number of a storage or tensor, in decimal; or a module's class with its source file and text.
    node* object_with(pickle_context& c, const node& id) {
        if (id.kind == value_kind::tuple && id.list->size == 3) return (*id.list)[0];
        std::int64_t number = 0;
        if (id.kind == value_kind::integer && !id.big) {
            number = id.integer;
        } else {
            const std::string_view digits = id.kind == value_kind::string ? id.str() : std::string_view{};
            const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (digits.empty() || code != std::errc{} || end != digits.data() + digits.size())
                c.fail("a persistent id is neither a number nor a class");
        }
        node* const* known = objects_.find(number);
        if (known == nullptr)
            c.fail("there is no storage or tensor with the number " + std::to_string(number), errc::no_record);
        return *known;
    }

    std::shared_ptr<source> file_;
    limits limits_;
    tar_reader members_;
    std::shared_ptr<tree> values_;
    tree others_;                                // of the pickles around the object
    numbered_map<std::int64_t, node*> objects_;  // storages and tensors
};

[[nodiscard]] inline opened_file open_torch_tar(std::shared_ptr<source> file, const limits& limit) {
    return torch_tar_opener(std::move(file), limit).open();
}

}  // namespace tarc::detail
