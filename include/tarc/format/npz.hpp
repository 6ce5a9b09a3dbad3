#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy, std::memcmp
#include <memory>   // std::shared_ptr
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/npy.hpp>
#include <tarc/container/zip_end.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/error.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// Opens what numpy.savez wrote: a dict from the names of its members, without ".npy", to tensors, in the order of the
/// directory. An array that nothing here has the elements of (text, objects, records, dates) is an opaque object, and
/// so is a member that is no array; nothing is unpickled.
class npz_opener {
public:
    npz_opener(std::shared_ptr<source> file, const limits& limit)
        : limits_(limit), zip_(std::move(file), limit, zip_root::none), values_(std::make_shared<tree>()) {}

    [[nodiscard]] opened_file open() && {
        node* root = values_->dict();
        root->dict->reserve(values_->memory, zip_.records().size());
        zip::window bytes(zip_.file(), std::size_t{1} << 14);
        for (const record& r : zip_.records()) {
            std::string_view name = r.name;
            if (name.ends_with(".npy")) name.remove_suffix(4);
            if (!names_.add(name).fresh)
                throw std::move(error(errc::duplicate_name, "there are two values of one name").in_record(r.name));
            try {
                values_->insert(root, name, made(r, bytes));
            } catch (error& e) {
                e.in_record(r.name);
                throw;
            }
        }
        values_->root = root;
        return {file_format::npz, std::move(zip_), limits_, std::move(values_)};
    }

private:
    static constexpr std::uint64_t most_header = std::uint64_t{1} << 20;

    /// The first bytes of a record, as many as it has; valid until the next call.
    std::string_view front(const record& r, zip::window& bytes, std::uint64_t n) {
        n = std::min(n, r.size);
        if (r.method == 0) {
            const std::uint64_t at = zip_.payload_offset(r, bytes);
            return {reinterpret_cast<const char*>(bytes.get(at, n)), n};
        }
        inflated_ = zip_.content_of(r).front(n);
        return {reinterpret_cast<const char*>(inflated_.data()), n};
    }

    node* made(const record& r, zip::window& bytes) {
        std::string_view text = front(r, bytes, 128);
        const std::optional<std::uint64_t> size = npy_header_size(text);
        if (!size) return values_->object(values_->global("zipfile", "ZipInfo"), nullptr);
        if (*size > r.size) raise_at(errc::bad_archive, "the header of the array reaches past its end", {}, 0);
        if (*size > most_header)
            raise(errc::limit_exceeded, "the header of the array has " + std::to_string(*size) + " bytes");
        if (*size > text.size()) text = front(r, bytes, *size);
        const npy_header h = npy_parser(text.substr(0, *size), limits_).read();
        return h.type ? tensor(r, h) : opaque(h);
    }

    node* tensor(const record& r, const npy_header& h) {
        const std::span<const std::int64_t> shape(h.shape.data(), h.shape.size());
        const std::uint64_t bytes =
            checked_mul(static_cast<std::uint64_t>(count_elements(shape)), size_of(*h.type), "the size of an array");
        if (bytes != r.size - h.bytes)
            raise_at(errc::bad_tensor,
                     "an array of " + std::string(to_string(*h.type)) + " of shape " + shape_text(shape) + " has " +
                         std::to_string(r.size - h.bytes) + " bytes",
                     {}, h.bytes);
        storage_body& s = values_->add_storage({}, "cpu", bytes);
        if (!facts(*h.type).storage.empty()) s.type = h.type;
        if (h.big_endian) s.swap = facts(*h.type).swap;
        s.record = static_cast<std::size_t>(&r - zip_.records().data());
        s.at = h.bytes;
        const dims strides = h.strides();
        tensor_body b{};
        b.type = *h.type;
        b.storage = &s;
        b.shape = shape;
        b.strides = strides.get();
        return values_->tensor(b);
    }

    node* opaque(const npy_header& h) {
        node* shape = values_->sequence(value_kind::tuple);
        for (const std::int64_t n : h.shape) values_->append(shape, values_->integer(n));
        node* args = values_->sequence(value_kind::tuple);
        values_->append(args, shape);
        values_->append(args, values_->string(h.descr));
        return values_->object(values_->global("numpy", "ndarray"), args);
    }

    limits limits_;
    zip_reader zip_;
    std::shared_ptr<tree> values_;
    text_set names_;
    std::vector<std::byte> inflated_;
};

[[nodiscard]] inline opened_file open_npz(std::shared_ptr<source> file, const limits& limit) {
    return npz_opener(std::move(file), limit).open();
}

/// Whether a ZIP archive, whose first bytes are given, holds arrays: its first member is a .npy file, or it has none at
/// all, which is what numpy.savez writes of nothing.
[[nodiscard]] inline bool looks_like_npz(source& file, std::string_view head) {
    if (head.starts_with("PK\5\6")) return true;
    if (!head.starts_with("PK\3\4") || head.size() < zip::local_bytes) return false;
    std::uint16_t length = 0;
    std::memcpy(&length, head.data() + 26, 2);
    std::byte end[4] = {};
    if (length < 4 || file.size() - zip::local_bytes < length) return false;
    file.read(zip::local_bytes + length - 4u, end);
    return std::memcmp(end, ".npy", 4) == 0;
}

}  // namespace tarc::detail
