#include "tensor_bytes.hpp"

#include <cstring>  // std::memcpy

#include <tarc/error.hpp>
#include <tarc/format/storage_reader.hpp>
#include <tarc/tensor/shape.hpp>
#include <tarc/value/tensor_of.hpp>

namespace cli {

namespace detail = tarc::detail;

tensor_view::tensor_view(const tarc::entry& e)
    : type(e.dtype), offset(e.offset), shape(e.shape), strides(e.strides), nbytes(e.nbytes) {
    const detail::node& n = *e.value.get();
    const detail::tensor_body* t = n.kind == tarc::value_kind::tensor ? n.tensor : nullptr;
    storage = t != nullptr ? t->storage : n.storage;
    if (t != nullptr) {
        conj = t->conj;
        neg = t->neg;
    }
    if (nbytes == 0) {
        storage = nullptr;
    } else if (storage == nullptr ||
               (storage->live.defined() && storage->live.device().type == tarc::device_type::meta)) {
        storage = nullptr;
        meta = true;
    }
}

void tensor_bytes::spend(std::uint64_t bytes) {
    if (bytes > room_)
        detail::raise(tarc::errc::limit_exceeded,
                      "the tensors are views of its storages that ask for far more bytes than the file has");
    room_ -= bytes;
}

void tensor_bytes::hold(const detail::storage_body& s) {
    if (held_ == &s) return;
    held_ = nullptr;
    spend(s.nbytes);
    bytes_.clear();
    bytes_.shrink_to_fit();
    bytes_.resize(s.nbytes);
    detail::storage_reader(file_, s).read(bytes_);
    held_ = &s;
}

void tensor_bytes::open(const tensor_view& v) {
    try {
        begin(v);
    } catch (tarc::error& e) {
        e.in_archive(file_.file().name());
        throw;
    }
}

void tensor_bytes::begin(const tensor_view& v) {
    constexpr std::uint64_t great = std::uint64_t{64} << 20;
    const detail::storage_body& s = *v.storage;
    const std::uint64_t begin = static_cast<std::uint64_t>(v.offset) * tarc::size_of(v.type);
    const bool adjacent = detail::is_contiguous(v.shape, v.strides);
    view_ = &v;
    index_.assign(adjacent ? 0 : v.shape.size(), 0);
    const auto offset = held_ != &s && adjacent && s.nbytes > great ? file_.offset_of(s) : std::nullopt;
    in_file_ = offset.has_value();
    next_ = offset.value_or(0) + begin;
    if (!in_file_) return hold(s);
    if (verified_[s.index]) return;
    spend(s.nbytes);
    detail::for_each_block(file_, s, {}, [](std::uint64_t, std::span<const std::byte>) {});
    verified_[s.index] = true;
}

void tensor_bytes::read(std::span<std::byte> out) {
    const std::size_t size = tarc::size_of(view_->type);
    if (!index_.empty()) {
        for (std::size_t at = 0; at < out.size(); at += size) {
            std::memcpy(out.data() + at, bytes_.data() + next_, size);
            step();
        }
    } else {
        if (in_file_)
            file_.file().read(next_, out);
        else
            std::memcpy(out.data(), bytes_.data() + next_, out.size());
        next_ += out.size();
    }
    if (view_->conj || view_->neg) detail::negate(view_->type, out.data(), out.size() / size, view_->conj, view_->neg);
}

/// To the next element in row-major order.
void tensor_bytes::step() {
    const auto bytes = [&](std::int64_t elements) {
        return static_cast<std::uint64_t>(elements) * tarc::size_of(view_->type);
    };
    for (std::size_t d = index_.size(); d-- > 0;) {
        if (++index_[d] < view_->shape[d]) {
            next_ += bytes(view_->strides[d]);
            return;
        }
        next_ -= bytes(view_->strides[d] * (view_->shape[d] - 1));
        index_[d] = 0;
    }
}

}  // namespace cli
