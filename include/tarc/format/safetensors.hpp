#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <memory>   // std::shared_ptr
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/container/json_reader.hpp>
#include <tarc/error.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/format/safetensors_dtypes.hpp>
#include <tarc/limits.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// Opens a safetensors file: a dict from names to tensors, in the order of their bytes, as the package's `load_file`
/// and so torch.load have it. Strict as the package is (safetensors/src/tensor.rs, `Metadata::validate`): the tensors
/// fill the file without holes and overlaps. A dtype of the format's that nothing here has makes an opaque object.
class safetensors_opener {
public:
    safetensors_opener(std::shared_ptr<source> file, const limits& limit)
        : file_(std::move(file)), limits_(limit), values_(std::make_shared<tree>()) {}

    [[nodiscard]] opened_file open() && {
        const vec<char> header = read_header();
        json_reader json({header.data(), header.size()}, 8);
        read_entries(json);
        json.end();
        check_tiling();
        node* root = values_->dict();
        root->dict->reserve(values_->memory, items_.size());
        for (const std::size_t i : order_) values_->insert(root, items_[i].key, made(items_[i]));
        values_->root = root;
        opened_file opened(file_format::safetensors, std::move(file_), limits_, std::move(values_));
        opened.set_metadata(std::move(metadata_));
        return opened;
    }

private:
    struct item {
        node* key = nullptr;
        const safetensors_dtype* type = nullptr;
        std::span<const std::int64_t> shape;
        std::uint64_t begin = 0, end = 0;  // behind the header

        [[nodiscard]] std::string_view name() const { return key->str(); }
    };

    [[noreturn]] static void fail(const item& i, errc code, std::string message) {
        error e(code, std::move(message));
        throw std::move(e.at_field(i.name()));
    }

    vec<char> read_header() {
        std::byte length[8];
        file_->read(0, length);
        std::uint64_t n = 0;
        std::memcpy(&n, length, 8);
        if (n > safetensors_header_limit)
            raise_at(errc::limit_exceeded,
                     "the header has " + std::to_string(n) + " bytes, more than safetensors allows (" +
                         std::to_string(safetensors_header_limit) + ")",
                     {}, 0);
        if (n > file_->size() - 8)
            raise_at(errc::truncated,
                     "the header should have " + std::to_string(n) +
                         " bytes, but the file ends before: the save or the "
                         "copy that made it was cut short",
                     {}, file_->size());
        vec<char> header(n);
        file_->read(8, std::as_writable_bytes(std::span(header.data(), n)));
        origin_ = 8 + n;
        return header;
    }

    void read_entries(json_reader& json) {
        json.expect('{');
        if (json.empty('}')) return;
        bool metadata = false;
        do {
            item i;
            i.key = values_->string(json.string());
            json.expect(':');
            if (i.name() == safetensors_metadata_key) {
                if (metadata) json.fail("\"__metadata__\" is there twice");
                metadata = true;
                read_metadata(json);
                continue;
            }
            if (!names_.add(i.name()).fresh) fail(i, errc::duplicate_name, "there are two tensors of this name");
            if (names_limit_-- == 0)
                raise(errc::limit_exceeded,
                      "there are more than " + std::to_string(limits_.nodes) + " tensors (tarc::limits::nodes)");
            read_tensor(json, i);
            items_.push_back(i);
        } while (json.more('}'));
    }

    void read_metadata(json_reader& json) {
        auto t = std::make_shared<tree>();
        node* dict = t->dict();
        text_set keys;
        json.expect('{');
        if (!json.empty('}')) {
            do {
                node* key = t->string(json.string());
                if (!keys.add(key->str()).fresh) json.fail("a key of \"__metadata__\" is there twice");
                json.expect(':');
                t->insert(dict, key, t->string(json.string()));
            } while (json.more('}'));
        }
        t->root = dict;
        metadata_ = tarc::value(std::move(t), dict);
    }

    void read_tensor(json_reader& json, item& i) {
        bool type = false, shape = false, offsets = false;
        json.expect('{');
        if (!json.empty('}')) {
            do {
                const std::string_view key = json.string();
                bool* seen = key == "dtype"          ? &type
                             : key == "shape"        ? &shape
                             : key == "data_offsets" ? &offsets
                                                     : nullptr;
                if (seen == nullptr || *seen)
                    json.fail(seen == nullptr ? "a tensor has a key that is neither dtype, shape nor data_offsets"
                                              : "a key of a tensor is there twice");
                *seen = true;
                json.expect(':');
                if (seen == &type)
                    read_type(json, i);
                else if (seen == &shape)
                    read_shape(json, i);
                else
                    read_offsets(json, i);
            } while (json.more('}'));
        }
        if (!type || !shape || !offsets) json.fail("a tensor lacks its dtype, shape or data_offsets");
        check_size(i);
    }

    static void read_type(json_reader& json, item& i) {
        const std::string name(json.string());
        i.type = find_safetensors_dtype(name);
        if (i.type == nullptr)
            fail(i, errc::unsupported, "this version of tarc does not know the dtype \"" + name.substr(0, 40) + "\"");
    }

    void read_shape(json_reader& json, item& i) {
        vec<std::int64_t> shape;
        json.expect('[');
        if (!json.empty(']')) {
            do {
                const std::uint64_t n = json.integer();
                if (n > static_cast<std::uint64_t>(INT64_MAX))
                    fail(i, errc::bad_tensor, "a size of its shape is greater than 2^63 - 1");
                if (shape.size() == limits_.rank)
                    fail(i, errc::limit_exceeded,
                         "it has more than " + std::to_string(limits_.rank) + " dimensions (tarc::limits::rank)");
                shape.push_back(static_cast<std::int64_t>(n));
            } while (json.more(']'));
        }
        i.shape = values_->copy({shape.data(), shape.size()});
    }

    static void read_offsets(json_reader& json, item& i) {
        json.expect('[');
        i.begin = json.integer();
        if (!json.more(']')) json.fail("data_offsets has one number, not two");
        i.end = json.integer();
        if (json.more(']')) json.fail("data_offsets has more than two numbers");
    }

    static void check_size(const item& i) {
        try {
            const std::uint64_t bits =
                checked_mul(static_cast<std::uint64_t>(count_elements(i.shape)), i.type->bits, "the size of a tensor");
            if (i.end < i.begin || bits % 8 != 0 || bits / 8 != i.end - i.begin)
                raise(errc::bad_tensor, "its data_offsets " + std::to_string(i.begin) + " to " + std::to_string(i.end) +
                                            " are not the " + std::to_string(bits) + " bits of " +
                                            std::string(i.type->name) + " of shape " + shape_text(i.shape));
        } catch (error& e) {
            e.at_field(i.name());
            throw;
        }
    }

    void check_tiling() {
        order_ = sorted_numbers(items_.size(), [&](std::size_t a, std::size_t b) {
            const item &x = items_[a], &y = items_[b];
            return x.begin != y.begin ? y.begin > x.begin : y.end > x.end;
        });
        std::uint64_t at = 0;
        for (const std::size_t n : order_) {
            const item& i = items_[n];
            if (i.begin != at)
                fail(i, errc::bad_archive,
                     i.begin > at ? "there are bytes before this tensor that belong to none"
                                  : "the bytes of this tensor overlap those of another");
            at = i.end;
        }
        const std::uint64_t have = file_->size() - origin_;
        if (at > have)
            raise_at(errc::truncated,
                     "the tensors should have " + std::to_string(at) + " bytes, but there are " + std::to_string(have) +
                         ": the save or the copy that made the file was cut short",
                     {}, file_->size());
        if (at != have)
            raise_at(errc::bad_archive, std::to_string(have - at) + " bytes behind the last tensor belong to none", {},
                     origin_ + at);
    }

    node* made(const item& i) {
        const std::optional<dtype> type = i.type->type;
        const bool halved = i.type->bits < 8;  // two elements of the file are one here
        if (!type || (halved && (i.shape.empty() || i.shape.back() % 2 != 0))) return opaque(i);
        storage_body& s = values_->add_storage({}, "cpu", i.end - i.begin);
        if (!tarc::facts(*type).storage.empty()) s.type = type;
        s.at = origin_ + i.begin;
        dims shape(i.shape);
        if (halved) shape[shape.size() - 1] /= 2;
        const dims strides = contiguous_strides(shape.get());
        tensor_body b{};
        b.type = *type;
        b.storage = &s;
        b.shape = shape.get();
        b.strides = strides.get();
        return values_->tensor(b);
    }

    node* opaque(const item& i) {
        node* shape = values_->sequence(value_kind::tuple);
        for (const std::int64_t n : i.shape) values_->append(shape, values_->integer(n));
        node* args = values_->sequence(value_kind::tuple);
        values_->append(args, shape);
        return values_->object(values_->global("safetensors", i.type->name), args);
    }

    std::shared_ptr<source> file_;
    limits limits_;
    std::shared_ptr<tree> values_;
    tarc::value metadata_;
    std::uint64_t origin_ = 0;  // of the tensors' bytes
    std::uint64_t names_limit_ = limits_.nodes;
    text_set names_;
    vec<item> items_;
    vec<std::size_t> order_;
};

[[nodiscard]] inline opened_file open_safetensors(std::shared_ptr<source> file, const limits& limit) {
    return safetensors_opener(std::move(file), limit).open();
}

}  // namespace tarc::detail
