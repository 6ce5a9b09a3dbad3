#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/codec/codec.hpp>
#include <tarc/container/pickle_writer.hpp>
#include <tarc/container/zip_writer.hpp>
#include <tarc/format/frame_table.hpp>
#include <tarc/format/manifest.hpp>
#include <tarc/format/record_packer.hpp>
#include <tarc/format/shrinking.hpp>
#include <tarc/io/sink.hpp>
#include <tarc/progress.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/storage_slice.hpp>

namespace tarc::detail {

struct torch_zip_options {
    std::uint32_t alignment = 64;
    bool manifest = true;
    schema_record schema;        // no text: none is written
    const node* user = nullptr;  // user metadata, a dict
    tarc::codec codec;           // with one, there is a manifest
};

/// What stands for the byte order in a compressed archive. PyTorch would take compressed bytes for the tensor's own
/// where it maps a file, and give shapes without a word on meta and in FakeTensorMode; but it reads this first, in
/// every mode, and shows it in its error.
inline constexpr std::string_view compressed_byteorder =
    "little, and storages compressed with zstd, which PyTorch does not read: "
    "`tarc convert IN OUT --codec none` writes a file for it";

/// Twenty digits, as each half of torch's serialization_id has.
[[nodiscard]] inline std::string twenty_digits(std::uint64_t u) {
    const std::string s = std::to_string(u);
    return std::string(20 - s.size(), '0') + s;
}

inline void write_text_record(zip_writer& zip, std::string_view name, std::string_view text) {
    zip.add(name, std::as_bytes(std::span(text.data(), text.size())));
}

/// 16 digits each.
inline void append_hex(std::string& to, std::span<const std::uint64_t> hashes) {
    std::size_t at = to.size();
    to.resize(at + 16 * hashes.size());
    for (const std::uint64_t h : hashes) {
        write_hex(to.data() + at, h);
        at += 16;
    }
}

/// `tables` of compressed storages, by number; an empty one of the others.
[[nodiscard]] inline vec<std::byte> manifest_bytes(const zip_writer& zip, const torch_zip_options& o,
                                                   const vec<frame_table>& tables) {
    tree t;
    node* root = t.dict();
    t.insert(root, "tarc", t.integer(1));
    if (!o.schema.text.empty()) {
        node* schema = t.dict();
        t.insert(schema, "text", t.string(o.schema.text));
        t.insert(schema, "digest", t.string(hash_text(o.schema.digest)));
        t.insert(schema, "version", t.integer(o.schema.version));
        t.insert(root, "schema", schema);
    }
    std::string hashes;
    append_hex(hashes, zip.hashes());
    t.insert(root, "xxh3", t.string(hashes));
    if (!tables.empty()) {
        node* packed = t.dict();
        for (std::size_t i = 0; i < tables.size(); ++i)
            if (!tables[i].frames.empty())
                t.insert(packed, "data/" + std::to_string(i), tables[i].write(t, o.codec.methods->name));
        t.insert(root, "packed", packed);
    }
    if (o.user != nullptr) t.insert(root, "user", tree_copier(t).copy(o.user));
    return write_pickle(*root, limits{}).bytes;
}

/// One archive (FORMAT: "The exact bytes of a plain archive"). Storages are numbered in the order in which the pickle
/// first refers to them; of each its bytes [begin, end) are written. The bytes depend on the values and options alone.
/// With a codec, storages that shrink are compressed; where none does, the archive is a plain one.
class torch_zip_writer {
public:
    torch_zip_writer(const node& root, const limits& limit, torch_zip_options o) : options_(std::move(o)) {
        pickled p = write_pickle(root, limit);
        pickle_ = std::move(p.bytes);
        for (const storage_body* s : p.storages) {
            slices_.push_back({s, s->begin, s->end});
            total_ += slices_.back().bytes();
        }
    }

    [[nodiscard]] std::span<const storage_slice> slices() const { return {slices_.data(), slices_.size()}; }

    void write(sink& out, bring_slice bring, progress_meter* meter = nullptr) const {
        if (meter != nullptr) meter->start(total_);
        const vec<bool> shrinks = shrinking(slices(), options_.codec, bring);
        const bool compressed = !shrinks.empty();
        zip_writer zip(out, "archive", options_.alignment);
        zip.add("data.pkl", pickle());
        if (!compressed) {
            write_text_record(zip, ".format_version", "1");
            write_text_record(zip, ".storage_alignment", std::to_string(options_.alignment));
        }
        write_text_record(zip, "byteorder", compressed ? compressed_byteorder : "little");
        std::optional<record_packer> packer;
        if (compressed) packer.emplace(zip, options_.codec);
        vec<frame_table> tables(shrinks.size());
        for (std::size_t i = 0; i < slices_.size(); ++i) {
            const std::string name = "data/" + std::to_string(i);
            const bool packs = compressed && shrinks[i];
            const auto append = [&](std::span<const std::byte> piece) {
                packs ? packer->append(piece) : zip.append(piece);
            };
            const auto take = [&](std::span<const std::byte> bytes) { use_metered(meter, bytes, name, append); };
            if (packs)
                packer->begin(name, slices_[i].bytes(), planes_of(slices_[i], options_.codec));
            else
                zip.begin(name, slices_[i].bytes(), zip_writer::name_check::distinct);
            if (slices_[i].bytes() != 0) bring(slices(), i, take);
            if (packs)
                tables[i] = packer->end();
            else
                zip.end();
        }
        write_text_record(zip, "version", "3\n");
        // like torch's, it names the content: the pickle's hash, then that of all records
        std::string all;
        for (std::size_t i = 0; i < zip.records().size(); ++i) {
            all.append(zip.records()[i].name).append("\n");
            append_hex(all, zip.hashes(i));
            all += '\n';
        }
        const std::string id =
            twenty_digits(xxh3(pickle())) + twenty_digits(xxh3(std::as_bytes(std::span(all.data(), all.size()))));
        if (options_.manifest) {
            const vec<std::byte> bytes = manifest_bytes(zip, options_, tables);
            zip.add(manifest_name, std::span(bytes.data(), bytes.size()));
        }
        write_text_record(zip, ".data/serialization_id", id);
        zip.finish();
        if (meter != nullptr) meter->finish();
    }

private:
    [[nodiscard]] std::span<const std::byte> pickle() const { return {pickle_.data(), pickle_.size()}; }

    torch_zip_options options_;
    vec<std::byte> pickle_;
    vec<storage_slice> slices_;
    std::uint64_t total_ = 0;
};

}  // namespace tarc::detail
