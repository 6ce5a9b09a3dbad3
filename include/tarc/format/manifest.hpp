#pragma once

#include <algorithm>  // std::min
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/format/frame_table.hpp>
#include <tarc/io/checksum.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/value.hpp>

namespace tarc {

/// What the manifest of an archive says of the struct it was saved from. `text` is empty where none was.
struct schema_record {
    std::string text;
    std::uint64_t digest = 0;
    std::int64_t version = 0;
};

namespace detail {

inline constexpr std::string_view manifest_name = ".tarc/manifest.pkl";
inline constexpr std::uint64_t block_bytes = std::uint64_t{1} << 20;

[[nodiscard]] inline std::uint64_t blocks_of(std::uint64_t bytes) {
    return bytes / block_bytes + (bytes % block_bytes != 0 ? 1 : 0);
}

/// tarc's own facts about an archive (DESIGN 4): schema, XXH3-64 of every 1 MiB block of every record before the
/// manifest, user metadata. The hashes are one string, records in the order in which tarc writes them.
class manifest {
public:
    schema_record schema;
    tarc::value user;

    /// Null where the archive has none. Errors: errc::bad_archive when it does not fit the archive.
    [[nodiscard]] static std::optional<manifest> read(const zip_reader& zip, const limits& limit) {
        const record* r = zip.find(manifest_name);
        if (r == nullptr) return std::nullopt;
        const std::vector<std::byte> bytes = zip.read(*r);
        auto t = std::make_shared<tree>();
        t->root = read_pickle(bytes, *t, limit, manifest_name);
        const tarc::value root(t, t->root);
        const auto bad = [&](const char* what) {
            throw std::move(error(errc::bad_archive, std::string("the manifest ") + what).in_record(manifest_name));
        };
        if (root.kind() != value_kind::dict) bad("is not a dict");
        const auto mark = root.find("tarc");
        if (!mark || mark->kind() != value_kind::integer) bad("does not begin with its version");
        manifest m;
        if (const auto schema = root.find("schema"); schema && schema->kind() == value_kind::dict) {
            if (const auto text = schema->find("text"); text && text->kind() == value_kind::string)
                m.schema.text = text->as_string();
            if (const auto digest = schema->find("digest"); digest && digest->kind() == value_kind::string)
                m.schema.digest = from_hex(digest->as_string());
            if (const auto version = schema->find("version");
                version && version->kind() == value_kind::integer && !version->get()->big)
                m.schema.version = version->as_int();
        }
        if (const auto user = root.find("user")) m.user = *user;
        if (const auto hashes = root.find("xxh3")) {
            if (hashes->kind() != value_kind::string) bad("has block hashes that are no string");
            const std::string_view text = hashes->as_string();
            const bool digits = read_hex(text, m.hashes_);
            m.first_.assign(zip.records().size(), none);
            std::uint64_t at = 0;
            for_each_covered(zip, [&](std::size_t index, std::uint64_t size) {
                m.first_[index] = at;
                at += blocks_of(size);
            });
            if (!digits) bad("has block hashes that are no hexadecimal numbers");
            if (m.hashes_.size() != at)
                bad("has block hashes for another number of bytes: the archive was changed after it was written");
        }
        if (const auto packed = root.find("packed")) {
            if (packed->kind() != value_kind::dict) bad("has frame tables that are no dict");
            m.table_of_.assign(zip.records().size(), none);
            for (const auto& [name, facts] : *packed->get()->dict) {
                const record* record = name->kind == value_kind::string ? zip.find(name->str()) : nullptr;
                if (record == nullptr) bad("has a frame table of a record that is not there");
                const auto index = static_cast<std::size_t>(record - zip.records().data());
                if (!m.covers(index)) bad("has a frame table, but no block hashes, of a record");
                m.table_of_[index] = m.tables_.size();
                m.tables_.push_back(frame_table::read(tarc::value(t, facts), *record));
            }
        }
        return m;
    }

    /// Whether blocks of this record (by its index in the directory) can be verified.
    [[nodiscard]] bool covers(std::size_t record) const { return record < first_.size() && first_[record] != none; }

    /// Whether storages are compressed by tarc.
    [[nodiscard]] bool has_tables() const { return !tables_.empty(); }
    /// Where the frames of a compressed record stand, or null.
    [[nodiscard]] const frame_table* table_of(std::size_t record) const {
        return record < table_of_.size() && table_of_[record] != none ? &tables_[table_of_[record]] : nullptr;
    }

    /// Compares one whole block, the last of a record may be shorter. Errors: errc::checksum_mismatch.
    void verify(std::size_t record, std::string_view name, std::uint64_t block,
                std::span<const std::byte> bytes) const {
        compare(record, name, block, xxh3(bytes));
    }
    /// The same for a block that was hashed elsewhere.
    void compare(std::size_t record, std::string_view name, std::uint64_t block, std::uint64_t hash) const {
        if (hash != hashes_[first_[record] + block])
            raise_at(errc::checksum_mismatch,
                     "the bytes differ from their XXH3: the file was damaged after it was written", name,
                     block * block_bytes);
    }

    /// Compares a whole record.
    void verify(std::size_t record, std::string_view name, std::span<const std::byte> bytes) const {
        for (std::uint64_t at = 0; at < bytes.size(); at += block_bytes)
            verify(record, name, at / block_bytes,
                   bytes.subspan(at, std::min<std::uint64_t>(block_bytes, bytes.size() - at)));
    }

    /// Calls `f(index in the directory, size)` for the records before the manifest, in the order of tarc's writer, so
    /// that a file whose records another tool has sorted still verifies.
    template <class F>
    static void for_each_covered(const zip_reader& zip, F&& f) {
        const record* last = nullptr;
        const auto call = [&](std::string_view name) {
            const record* r = zip.find(name, last);
            if (r != nullptr) f(static_cast<std::size_t>(r - zip.records().data()), r->size);
            last = r;
            return r != nullptr;
        };
        for (const std::string_view name : {"data.pkl", ".format_version", ".storage_alignment", "byteorder"})
            call(name);
        char name[32] = "data/";
        const auto numbered = [&](std::uint64_t i) {
            return std::string_view(name, static_cast<std::size_t>(std::to_chars(name + 5, name + 30, i).ptr - name));
        };
        for (std::uint64_t i = 0; call(numbered(i)); ++i) {
        }
        call("version");
    }

private:
    static constexpr std::uint64_t none = ~std::uint64_t{0};

    static std::uint64_t from_hex(std::string_view s) {
        std::uint64_t u = 0;
        std::from_chars(s.data(), s.data() + s.size(), u, 16);
        return u;
    }

    /// 16 lower-case digits each.
    static bool read_hex(std::string_view text, vec<std::uint64_t>& to) {
        to.resize(text.size() / 16);
        bool good = text.size() % 16 == 0;
        for (std::size_t i = 0; i < to.size(); ++i) {
            std::uint64_t u = 0;
            for (const char c : text.substr(i * 16, 16)) {
                const bool digit = c >= '0' && c <= '9';
                good = good && (digit || (c >= 'a' && c <= 'f'));
                u = u << 4 | static_cast<unsigned>(digit ? c - '0' : c - 'a' + 10);
            }
            to[i] = u;
        }
        return good;
    }

    vec<std::uint64_t> hashes_;
    vec<std::uint64_t> first_, table_of_;  // by record; table_of_ where there are tables
    vec<frame_table> tables_;
};

}  // namespace detail
}  // namespace tarc
