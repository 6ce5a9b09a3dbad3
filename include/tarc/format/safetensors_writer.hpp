#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>
#include <string>
#include <string_view>

#include <tarc/error.hpp>
#include <tarc/format/flat_values.hpp>
#include <tarc/format/safetensors_dtypes.hpp>
#include <tarc/format/tensor_bytes.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/limits.hpp>
#include <tarc/progress.hpp>
#include <tarc/util/constant_text.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// A tree of tensors as a safetensors file, byte for byte as the package writes it (safetensors/src/tensor.rs,
/// `prepare`): sorted by dtype, the widest first, and by name; each tensor's elements in row-major order, so that ties
/// and views become copies.
class safetensors_writer {
public:
    /// `user` is a dict of texts, or null. Errors: errc::unsavable for what is no tensor, a dtype that the format has
    /// not, two names that are one; errc::invalid_argument for other metadata; errc::limit_exceeded.
    safetensors_writer(const node& root, const limits& limit, const node* user)
        : values_(root, limit, "a safetensors file") {
        for (const flat_value& v : values_.all()) add(v);
        const vec<std::size_t> order = sorted_numbers(parts_.size(), [&](std::size_t a, std::size_t b) {
            const part &x = parts_[a], &y = parts_[b];
            return x.type != y.type ? x.type > y.type : x.value->name < y.value->name;
        });
        header_ = "{";
        if (user != nullptr) add_metadata(*user);
        std::uint64_t at = 0;
        for (const std::size_t i : order) {
            const part& p = parts_[i];
            const std::uint64_t end = checked_add(at, p.bytes, "the size of all tensors");
            if (end > limit.total_bytes)
                raise(errc::limit_exceeded, "the tensors take more than " + std::to_string(limit.total_bytes) +
                                                " bytes (tarc::limits::total_bytes)");
            describe(p, at, end);
            at = total_ = end;
            slices_.push_back(p.slice);
            sorted_.push_back(&p);
        }
        header_ += '}';
        header_.append((8 - header_.size() % 8) % 8, ' ');
        if (header_.size() > safetensors_header_limit)
            raise(errc::limit_exceeded, "the header has " + std::to_string(header_.size()) +
                                            " bytes, and no reader of safetensors takes more than " +
                                            std::to_string(safetensors_header_limit));
    }

    [[nodiscard]] std::span<const storage_slice> slices() const { return {slices_.data(), slices_.size()}; }

    void write(sink& out, bring_slice bring, progress_meter* meter = nullptr) const {
        if (meter != nullptr) meter->start(total_);
        std::byte length[8];
        const std::uint64_t n = header_.size();
        std::memcpy(length, &n, 8);
        out.write(length);
        out.write(std::as_bytes(std::span(header_.data(), header_.size())));
        const auto append = [&](std::span<const std::byte> piece) { out.write(piece); };
        for (std::size_t i = 0; i < sorted_.size(); ++i) {
            if (slices_[i].bytes() == 0) continue;
            const auto take = [&](std::span<const std::byte> bytes) {
                use_metered(meter, bytes, sorted_[i]->value->name, append);
            };
            try {
                bring_elements(
                    *sorted_[i]->value->value->tensor, slices_[i],
                    [&](take_bytes to) { bring({slices_.data(), slices_.size()}, i, to); }, take);
            } catch (error& e) {
                e.at_field(sorted_[i]->value->path);
                throw;
            }
        }
        if (meter != nullptr) meter->finish();
    }

private:
    struct part {
        const flat_value* value;
        const safetensors_dtype* type;
        storage_slice slice;
        std::uint64_t bytes;
    };

    void add(const flat_value& v) {
        if (v.value->kind != value_kind::tensor)
            refuse_value(v.path,
                         "this is " + flat_values::described(*v.value) +
                             ", and a safetensors file holds tensors only -- leave it out, or save to a .pt file");
        if (v.name == safetensors_metadata_key)
            refuse_value(v.path, "no tensor of a safetensors file can be called \"__metadata__\" -- rename it");
        const tensor_body& b = *v.value->tensor;
        const safetensors_dtype* type = find_safetensors_dtype(b.type);
        if (type == nullptr)
            refuse_value(v.path, "safetensors has no dtype for " + std::string(to_string(b.type)) +
                                     " -- convert the tensor, or save to a .pt file");
        if (type->bits < 8 && b.shape.empty())
            refuse_value(v.path, "safetensors cannot tell the shape of a 0-d tensor of " +
                                     std::string(to_string(b.type)) + " -- give it a dimension");
        try {
            parts_.push_back({&v, type, slice_of(b), dense_bytes(b)});
        } catch (error& e) {
            e.at_field(v.path);
            throw;
        }
    }

    void add_metadata(const node& user) {
        const auto bad = [](const node& n) {
            raise(errc::invalid_argument, "the metadata of a safetensors file is a dict of str to str, but there is " +
                                              flat_values::described(n) + " in this one");
        };
        if (user.kind != value_kind::dict) bad(user);
        append_text(safetensors_metadata_key);
        header_ += ":{";
        for (std::size_t i = 0; i < user.dict->size; ++i) {
            const entry& e = (*user.dict)[i];
            for (const node* n : {e.key, e.value})
                if (n->kind != value_kind::string || !is_utf8(n->str())) bad(*n);
            if (i != 0) header_ += ',';
            append_text(e.key->str());
            header_ += ':';
            append_text(e.value->str());
        }
        header_ += '}';
    }

    void describe(const part& p, std::uint64_t begin, std::uint64_t end) {
        if (header_.size() > 1) header_ += ',';
        append_text(p.value->name);
        header_.append(":{\"dtype\":\"").append(p.type->name).append("\",\"shape\":[");
        const auto shape = p.value->value->tensor->shape;
        for (std::size_t i = 0; i < shape.size(); ++i) {
            const auto n = static_cast<std::uint64_t>(shape[i]);
            if (i != 0) header_ += ',';
            header_ += std::to_string(p.type->bits < 8 && i + 1 == shape.size() ? checked_mul(n, 2, "a shape") : n);
        }
        header_.append("],\"data_offsets\":[").append(std::to_string(begin)).append(",");
        header_.append(std::to_string(end)).append("]}");
    }

    /// As serde_json writes a string.
    void append_text(std::string_view text) {
        header_ += '"';
        for (const char c : text) {
            constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
            if (const std::size_t at = plain.find(c); at != std::string_view::npos)
                header_.append(1, '\\').append(1, letters[at]);
            else if (static_cast<unsigned char>(c) < 0x20)
                header_.append("\\u00").append(1, c < 0x10 ? '0' : '1').append(1, "0123456789abcdef"[c & 15]);
            else
                header_ += c;
        }
        header_ += '"';
    }

    flat_values values_;
    vec<part> parts_;
    vec<const part*> sorted_;
    vec<storage_slice> slices_;
    std::string header_;
    std::uint64_t total_ = 0;
};

}  // namespace tarc::detail
