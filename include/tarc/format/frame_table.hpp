#pragma once

#include <bit>  // std::has_single_bit
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tarc/codec/planes.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/error.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tree.hpp>
#include <tarc/value/value.hpp>

namespace tarc::detail {

/// Of a compressed record: where the frames of each chunk of its storage stand. A chunk has as many frames as it has
/// planes, each with an equal part of it.
struct frame_table {
    static constexpr std::uint32_t usual_chunk = std::uint32_t{256} << 10;
    static constexpr std::uint32_t most_chunk = std::uint32_t{1} << 20;  // the blocks of hashes are whole chunks
    static constexpr std::size_t digits = 6;                             // of a size, hexadecimal

    unsigned planes = 1;
    std::uint32_t chunk = usual_chunk;
    vec<std::uint32_t> frames;  ///< the size of each
    vec<std::uint64_t> begins;  ///< by chunk: in the record

    /// In the form of the manifest. `codec` is the codec's name.
    [[nodiscard]] node* write(tree& t, std::string_view codec) const {
        std::string sizes(frames.size() * digits, '0');
        for (std::size_t i = 0; i < frames.size(); ++i)
            for (std::size_t d = digits, rest = frames[i]; d-- > 0; rest >>= 4)
                sizes[i * digits + d] = "0123456789abcdef"[rest & 15];
        node* n = t.dict();
        t.insert(n, "codec", t.string(codec));
        if (planes != 1) t.insert(n, "filter", t.string("planes"));
        if (planes != 1) t.insert(n, "element", t.integer(planes));
        t.insert(n, "chunk", t.integer(chunk));
        t.insert(n, "frames", t.string(sizes));
        return n;
    }

    /// What the manifest says about record `r`, held against it before anything of its size is allocated. Errors:
    /// errc::bad_archive, errc::unsupported.
    [[nodiscard]] static frame_table read(const tarc::value& facts, const record& r) {
        const auto bad = [&](const char* what) {
            raise_at(errc::bad_archive, std::string("the manifest's frame table of this record ") + what, r.name, 0);
        };
        const auto text = [&](const char* key) -> std::string_view {
            const auto v = facts.kind() == value_kind::dict ? facts.find(key) : std::nullopt;
            return v && v->kind() == value_kind::string ? v->get()->str() : std::string_view();
        };
        const auto number = [&](const char* key) -> std::uint64_t {
            const auto v = facts.kind() == value_kind::dict ? facts.find(key) : std::nullopt;
            return v && v->kind() == value_kind::integer && !v->get()->big ? static_cast<std::uint64_t>(v->as_int())
                                                                           : 0;
        };
        if (r.method != zip::zstd || text("codec") != "zstd")
            raise_at(errc::unsupported, "the record has a frame table of a codec that is not zstd", r.name, 0);
        const std::string_view filter = text("filter"), sizes = text("frames");
        if (!filter.empty() && filter != "planes")
            raise_at(errc::unsupported, "its bytes went through a filter that tarc does not know", r.name, 0);
        const std::uint64_t planes = filter.empty() ? 1 : number("element"), chunk = number("chunk");
        if (!is_plane_count(planes)) bad("has planes of no element");
        if (!std::has_single_bit(chunk) || chunk < 4096 || chunk > most_chunk) bad("has chunks of no good size");
        if (r.size == 0 || r.size % planes != 0) bad("splits elements that the record does not have");
        const std::uint64_t chunks = (r.size - 1) / chunk + 1;
        if (sizes.size() % (digits * planes) != 0 || sizes.size() / (digits * planes) != chunks)
            bad("has another number of frames than the record");

        frame_table t;
        t.planes = static_cast<unsigned>(planes);
        t.chunk = static_cast<std::uint32_t>(chunk);
        t.frames.reserve(chunks * planes);
        t.begins.reserve(chunks);
        std::uint64_t at = 0;
        for (std::size_t i = 0; i < sizes.size(); i += digits) {
            std::uint32_t size = 0;
            for (const char c : sizes.substr(i, digits)) {
                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) bad("has a size that is no number");
                size = size << 4 | static_cast<std::uint32_t>(c <= '9' ? c - '0' : c - 'a' + 10);
            }
            if (t.frames.size() % planes == 0) t.begins.push_back(at);
            t.frames.push_back(size);
            at += size;  // 24 bits a frame, of which the manifest has fewer than 2^32
        }
        if (at != r.stored_size) bad("has frames of another size than the record");
        for (std::size_t i = 0; i < chunks; ++i)
            if (t.packed_bytes(i) > std::uint64_t{chunk} + chunk / 8 + 1024)
                bad("has a chunk that grows when it is compressed");
        return t;
    }

    [[nodiscard]] std::span<const std::uint32_t> frames_of(std::size_t i) const {
        return {frames.data() + i * planes, planes};
    }
    [[nodiscard]] std::uint64_t packed_bytes(std::size_t i) const {
        std::uint64_t n = 0;
        for (const std::uint32_t f : frames_of(i)) n += f;
        return n;
    }
};

}  // namespace tarc::detail
