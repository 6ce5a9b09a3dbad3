#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>  // std::unique_ptr
#include <span>
#include <string_view>

#include <tarc/util/vec.hpp>

namespace tarc {

namespace detail {

/// What came of one chunk of a storage: one frame for each plane of its elements' bytes, one behind the other.
struct encoded_chunk {
    vec<std::byte>& bytes;       ///< grows by the frames
    vec<std::uint32_t>& frames;  ///< and by the size of each
    std::uint32_t crc32 = 0;     ///< goes on with what the frames hold
};

/// Used by one thread at a time.
class chunk_encoder {
public:
    virtual ~chunk_encoder() = default;
    /// Elements of `planes` bytes are split into as many planes; 1: the bytes are taken as they are.
    virtual void encode(std::span<const std::byte> chunk, unsigned planes, encoded_chunk& to) = 0;
};

/// Used by one thread at a time.
class chunk_decoder {
public:
    virtual ~chunk_decoder() = default;
    /// The way back: all of `out` from exactly these frames. Errors: errc::bad_archive.
    virtual void decode(std::span<const std::byte> packed, std::span<const std::uint32_t> frames,
                        std::span<std::byte> out) = 0;
};

/// Decodes a whole record of which nothing else is known. Used by one thread at a time.
class record_decoder {
public:
    virtual ~record_decoder() = default;
    /// Takes from the front of `packed` and fills the front of `out`; gives how many bytes it filled. Errors:
    /// errc::bad_archive, errc::limit_exceeded.
    virtual std::size_t step(std::span<const std::byte>& packed, std::span<std::byte> out) = 0;
    /// Whether what was taken so far is complete.
    [[nodiscard]] virtual bool ended() const noexcept = 0;
};

/// A way to compress the records of archives: a method of ZIP. Its functions are called by any thread.
struct codec_methods {
    std::string_view name;  ///< in the manifest
    std::uint16_t zip_method;
    std::unique_ptr<chunk_encoder> (*encoder)(int level);
    std::unique_ptr<chunk_decoder> (*decoder)();
    std::unique_ptr<record_decoder> (*stream)();
};

struct codec_registry {
    std::array<const codec_methods*, 100> by_method{};  // those that APPNOTE knows
};

[[gnu::visibility("default")]] inline codec_registry& codecs() {
    static codec_registry registry;
    return registry;
}

/// Makes `c`, which must stay, serve all records of its method. Before other threads use tarc.
inline bool register_codec(const codec_methods& c) {
    codecs().by_method[c.zip_method] = &c;
    return true;
}

/// The codec of a method of ZIP, or null when none was registered.
[[nodiscard]] inline const codec_methods* find_codec(std::uint16_t zip_method) noexcept {
    const auto& all = codecs().by_method;
    return zip_method < all.size() ? all[zip_method] : nullptr;
}

}  // namespace detail

/// How a save compresses storages: by default not at all. The structs of codecs convert to it, `tarc::zstd{}` of
/// <tarc/codec/zstd.hpp> for one.
struct codec {
    const detail::codec_methods* methods = nullptr;
    int level = 0;
    bool planes = true;
    std::size_t threads = 0;

    explicit operator bool() const noexcept { return methods != nullptr; }
};

}  // namespace tarc
