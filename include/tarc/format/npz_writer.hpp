#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <span>
#include <string>
#include <string_view>

#include <tarc/container/npy.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/error.hpp>
#include <tarc/format/flat_values.hpp>
#include <tarc/format/tensor_bytes.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/limits.hpp>
#include <tarc/progress.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

/// A tree as numpy.savez writes its arrays: a member NAME.npy for each value, STORED, elements at a multiple of 64
/// bytes in the file; a number or a bool is an array without dimensions. Ties and views become copies.
class npz_writer {
public:
    /// Errors: errc::unsavable for what NumPy has no dtype for and for a name that no member can have;
    /// errc::limit_exceeded.
    npz_writer(const node& root, const limits& limit) : values_(root, limit, "an npz file") {
        for (const flat_value& v : values_.all()) {
            if (const char* fault = zip::name_fault(std::string(v.name) + ".npy"))
                refuse_value(v.path, "the name of this value " + std::string(fault) + " -- rename it");
            parts_.push_back(v.value->kind == value_kind::tensor ? tensor(v) : scalar(v));
            slices_.push_back(parts_.back().slice);
            total_ = checked_add(total_, parts_.back().bytes, "the size of all arrays");
        }
        if (total_ > limit.total_bytes)
            raise(errc::limit_exceeded, "the arrays take more than " + std::to_string(limit.total_bytes) +
                                            " bytes (tarc::limits::total_bytes)");
    }

    [[nodiscard]] std::span<const storage_slice> slices() const { return {slices_.data(), slices_.size()}; }

    void write(sink& out, bring_slice bring, progress_meter* meter = nullptr) const {
        if (meter != nullptr) meter->start(total_);
        zip_writer zip(out, zip_root::none);
        const auto append = [&](std::span<const std::byte> piece) { zip.append(piece); };
        for (std::size_t i = 0; i < parts_.size(); ++i) {
            const part& p = parts_[i];
            const auto take = [&](std::span<const std::byte> bytes) {
                use_metered(meter, bytes, p.value->name, append);
            };
            try {
                zip.begin(std::string(p.value->name) + ".npy", p.header.size() + p.bytes);
                append(std::as_bytes(std::span(p.header.data(), p.header.size())));
                if (p.value->value->kind != value_kind::tensor)
                    take(std::span(p.scalar).first(p.bytes));
                else if (p.slice.bytes() != 0)
                    bring_elements(
                        p.as_written, p.slice, [&](take_bytes to) { bring({slices_.data(), slices_.size()}, i, to); },
                        take);
                zip.end();
            } catch (error& e) {
                e.at_field(p.value->path);
                throw;
            }
        }
        zip.finish();
        if (meter != nullptr) meter->finish();
    }

private:
    struct part {
        const flat_value* value = nullptr;
        std::string header;
        std::uint64_t bytes = 0;   // of the elements
        storage_slice slice;       // of a tensor
        tensor_body as_written{};  // whose rows are what is written: in Fortran's order a transposed one
        vec<std::int64_t> turned;  // its sizes and strides there
        std::byte scalar[16]{};
    };

    part tensor(const flat_value& v) {
        const tensor_body& b = *v.value->tensor;
        if (npy_name(b.type).empty())
            refuse_value(v.path, "NumPy has no dtype for " + std::string(to_string(b.type)) +
                                     " -- convert the tensor, or save to a .safetensors or .pt file");
        part p;
        p.value = &v;
        p.as_written = b;
        const std::size_t n = b.shape.size();
        p.turned.resize(2 * n);
        for (std::size_t i = 0; i < n; ++i) {
            p.turned[i] = b.shape[n - 1 - i];
            p.turned[n + i] = b.strides[n - 1 - i];
        }
        const std::span<const std::int64_t> shape(p.turned.data(), n), strides(p.turned.data() + n, n);
        const bool fortran = !is_contiguous(b.shape, b.strides) && is_contiguous(shape, strides);
        if (fortran) {
            p.as_written.shape = shape;
            p.as_written.strides = strides;
        }
        try {
            p.slice = slice_of(b);
            p.bytes = dense_bytes(b);
        } catch (error& e) {
            e.at_field(v.path);
            throw;
        }
        p.header = npy_header_text(b.type, fortran, b.shape);
        return p;
    }

    part scalar(const flat_value& v) {
        part p;
        p.value = &v;
        const auto put = [&](dtype t, const void* from) {
            p.bytes = size_of(t);
            std::memcpy(p.scalar, from, p.bytes);
            p.header = npy_header_text(t, false, {});
        };
        const node& n = *v.value;
        const bool is_unsigned = n.kind == value_kind::integer && n.big && n.size == 9 && n.text[8] == 0;
        if (n.kind == value_kind::boolean)
            put(dtype::boolean, &n.boolean);
        else if (n.kind == value_kind::integer && !n.big)
            put(dtype::int64, &n.integer);
        else if (is_unsigned)  // from 2^63 on
            put(dtype::uint64, n.text);
        else if (n.kind == value_kind::integer)
            refuse_value(v.path, "this integer is greater than any of NumPy's -- leave it out, or save to a .pt file");
        else if (n.kind == value_kind::real)
            put(dtype::float64, &n.real);
        else if (n.kind == value_kind::complex)
            put(dtype::complex128, n.complex);
        else
            refuse_value(v.path, "this is " + flat_values::described(n) +
                                     ", and an npz file holds tensors and numbers only -- leave it out, or save to a "
                                     ".pt file");
        return p;
    }

    flat_values values_;
    vec<part> parts_;
    vec<storage_slice> slices_;
    std::uint64_t total_ = 0;
};

}  // namespace tarc::detail
