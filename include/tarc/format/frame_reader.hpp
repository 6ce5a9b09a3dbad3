#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <memory>   // std::unique_ptr
#include <span>

#include <tarc/codec/codec.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/error.hpp>
#include <tarc/format/frame_table.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Any bytes of a storage from its compressed record, in their own order: reads and decodes the chunks that hold them,
/// no others. Not checked against a checksum. Used by one thread at a time; any number may work at once.
class frame_reader {
public:
    /// All must outlive it. Errors: errc::unsupported without the codec, errc::limit_exceeded.
    frame_reader(const zip_reader& zip, const record& r, const frame_table& table)
        : zip_(zip), record_(r), table_(table), content_(zip.content_of(r)), decoder_(content_.codec().decoder()) {}

    /// Errors: errc::bad_archive, errc::io, errc::truncated.
    void read(std::uint64_t at, std::span<std::byte> out) {
        while (!out.empty()) {
            const std::uint64_t chunk = at / table_.chunk, begin = chunk * table_.chunk,
                                bytes = std::min<std::uint64_t>(table_.chunk, record_.size - begin);
            const std::size_t n = std::min<std::uint64_t>(out.size(), begin + bytes - at);
            if (n == bytes) {
                decode(chunk, out.first(n));
            } else {
                if (held_ != chunk + 1) {
                    chunk_.resize(bytes);
                    held_ = 0;
                    decode(chunk, {chunk_.data(), chunk_.size()});
                    held_ = chunk + 1;
                }
                std::memcpy(out.data(), chunk_.data() + (at - begin), n);
            }
            out = out.subspan(n);
            at += n;
        }
    }

private:
    void decode(std::uint64_t chunk, std::span<std::byte> out) {
        const std::uint64_t packed = table_.packed_bytes(chunk);
        packed_.reserve(packed);
        const std::span<std::byte> bytes(packed_.data(), packed);
        content_.read_packed(table_.begins[chunk], bytes);
        try {
            decoder_->decode(bytes, table_.frames_of(chunk), out);
        } catch (error& e) {
            throw std::move(e.in_archive(zip_.file().name()).in_record(record_.name).at_offset(table_.begins[chunk]));
        }
    }

    const zip_reader& zip_;
    const record& record_;
    const frame_table& table_;
    zip::record_content content_;
    std::unique_ptr<chunk_decoder> decoder_;
    vec<std::byte> packed_;   // its capacity alone is used
    vec<std::byte> chunk_;    // one of which a part was wanted
    std::uint64_t held_ = 0;  // which, from 1 on
};

}  // namespace tarc::detail
