#pragma once

#include <algorithm>  // std::min
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/pickle_reader.hpp>
#include <tarc/container/zip_reader.hpp>
#include <tarc/format/manifest.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/tree.hpp>
#include <tarc/value/walk.hpp>

namespace tarc::detail {

/// A torch.save file in the ZIP format (PyTorch 1.6 and later; torch/serialization.py `_load`), or tarc's, which is
/// one: its values as a tree, whose storages lead to records. Opening reads the directory and the pickle, no tensor
/// bytes. Reading storages is thread-safe.
class torch_zip {
public:
    torch_zip(std::shared_ptr<source> file, const limits& limit)
        : limits_(limit), zip_(known_format(std::move(file)), limit), values_(std::make_shared<tree>()) {
        if (zip_.find("data.pkl") == nullptr) {
            if (zip_.find("model.json") != nullptr)
                raise(errc::unsupported,
                      "this is a TorchScript archive of before PyTorch 1.4, which tarc does not read");
            throw std::move(error(errc::no_record,
                                  "the archive has no data.pkl: it is a ZIP file, but not one that torch.save wrote")
                                .in_record("data.pkl"));
        }
        if (zip_.find("constants.pkl") != nullptr)
            raise(errc::unsupported,
                  "this is a TorchScript archive (torch.jit.save), which this version of tarc does not read -- save a "
                  "state_dict() with torch.save");
        read_version();
        big_endian_ = read_byteorder();
        manifest_ = manifest::read(zip_, limits_);
        const record& pickle = zip_.get("data.pkl");
        if (pickle.size > limits_.pickle_bytes)
            raise_at(errc::limit_exceeded,
                     "the pickle has " + std::to_string(pickle.size) + " bytes, more than tarc::limits::pickle_bytes",
                     "data.pkl", 0);
        // a pickle's byte becomes up to a hundred of the tree, so a compressed one must not grow without measure
        if (pickle.size > pickle.stored_size &&
            pickle.size > (std::uint64_t{1} << 20) + checked_mul(zip_.file().size(), 32, "the size of the file"))
            raise_at(
                errc::limit_exceeded,
                "the pickle inflates to " + std::to_string(pickle.size) + " bytes, out of all proportion to the file",
                "data.pkl", 0);
        const std::vector<std::byte> bytes = zip_.read(pickle);
        verify_blocks(pickle, bytes);
        values_->root = read_pickle(bytes, *values_, limits_, "data.pkl");
        resolve();
    }

    [[nodiscard]] const zip_reader& zip() const { return zip_; }
    [[nodiscard]] const std::shared_ptr<tree>& values() const { return values_; }
    [[nodiscard]] const std::optional<manifest>& facts() const { return manifest_; }
    [[nodiscard]] bool big_endian() const { return big_endian_; }

    /// Whether the record of a storage can be used as it stands in the file.
    [[nodiscard]] bool can_map(const storage_body& s) const {
        return s.record != SIZE_MAX && zip_.records()[s.record].method == 0 && s.swap == 1;
    }

    /// Checks what can be known about a storage before its bytes are read. Errors: errc::bad_archive.
    void prepare(const storage_body& s) const {
        if (s.record != SIZE_MAX) zip_.check(zip_.records()[s.record]);
    }

    /// Every checksum, header and byte of the file. Errors: the first that fails.
    void verify_all() const {
        zip_.check_all();
        for (const record& r : zip_.records()) {
            zip_.verify(r);
            const auto index = static_cast<std::size_t>(&r - zip_.records().data());
            if (!manifest_ || !manifest_->covers(index) || r.size == 0) continue;
            if (r.method != 0) {
                verify_blocks(r, zip_.read(r));
                continue;
            }
            std::vector<std::byte> block(std::min(r.size, block_bytes));
            for (std::uint64_t at = 0; at < r.size; at += block_bytes) {
                const std::span<std::byte> piece = std::span(block).first(std::min(block_bytes, r.size - at));
                zip_.read_into(r, at, piece);
                manifest_->verify(index, r.name, at / block_bytes, piece);
            }
        }
    }

private:
    /// Passes a file on, unless it is of a format that is known by its first bytes and not read here.
    static std::shared_ptr<source> known_format(std::shared_ptr<source> file) {
        std::array<unsigned char, 265> head{};
        const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(file->size(), head.size()));
        file->read(0, std::as_writable_bytes(std::span(head).first(n)));
        const std::string_view bytes(reinterpret_cast<const char*>(head.data()), n);
        const char* what = nullptr;
        // torch/serialization.py: MAGIC_NUMBER as a pickled long, protocol 1 and up; a tar of before 0.1.10 has "ustar"
        // at 257
        if (bytes.find("\x8a\x0al\xfc\x9c"
                       "F\xf9 j\xa8P\x19.") < 3)
            what = "a torch.save file in the format of before PyTorch 1.6";
        else if (n > 262 && bytes.substr(257, 5) == "ustar")
            what = "a tar file, as torch.save wrote it before PyTorch 0.1.10";
        else if (n > 9 && bytes.substr(7, 2) == std::string_view("\0{", 2))
            what = "a safetensors file";
        if (what == nullptr) return file;
        error e(errc::unsupported, std::string("this is ") + what +
                                       ", which this version of tarc does not read -- load it in PyTorch and "
                                       "torch.save it again");
        throw std::move(e.in_archive(file->name()));
    }

    std::string small_record(std::string_view name) const {
        const record& r = zip_.get(name);
        if (r.size > 64)
            raise_at(errc::bad_archive, "the record has " + std::to_string(r.size) + " bytes where a word should stand",
                     name, 0);
        const std::vector<std::byte> bytes = zip_.read(r);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    void read_version() const {
        if (zip_.find("version") == nullptr) return;
        std::string text = small_record("version");
        while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
        // kMinSupportedFileFormatVersion .. kMaxSupportedFileFormatVersion, caffe2/serialize/versions.h
        const bool digits =
            !text.empty() && text.size() <= 2 && text.find_first_not_of("0123456789") == std::string::npos;
        const int v = digits ? std::stoi(text) : 0;
        if (v < 1 || v > 10)
            raise_at(errc::unsupported, "the archive has format version \"" + text + "\", tarc reads 1 to 10",
                     "version", 0);
    }

    bool read_byteorder() const {
        if (zip_.find("byteorder") == nullptr) return false;
        const std::string order = small_record("byteorder");
        if (order == "little") return false;
        if (order == "big") return true;
        raise_at(errc::bad_archive, "the byte order is neither \"little\" nor \"big\"", "byteorder", 0);
    }

    void verify_blocks(const record& r, std::span<const std::byte> bytes) const {
        const auto index = static_cast<std::size_t>(&r - zip_.records().data());
        if (!manifest_ || !manifest_->covers(index)) return;
        for (std::uint64_t at = 0; at < bytes.size(); at += block_bytes)
            manifest_->verify(index, r.name, at / block_bytes,
                              bytes.subspan(at, std::min<std::uint64_t>(block_bytes, bytes.size() - at)));
    }

    /// Leads each storage to its record, which must have exactly the storage's size.
    void resolve() {
        for (storage_body& s : values_->storages()) {
            if (s.live.defined()) continue;  // bytes that stand in the pickle
            const std::string name = "data/" + std::string(s.key);
            const record* r = zip_.find(name);
            if (r == nullptr) {
                if (s.location == "meta") {
                    s.live = storage::meta(s.nbytes);
                    continue;
                }
                throw std::move(
                    error(errc::no_record, "the pickle refers to a storage whose record is missing").in_record(name));
            }
            if (r->size != s.nbytes)
                raise_at(
                    errc::bad_tensor,
                    "a storage of " + std::to_string(s.nbytes) + " bytes has a record of " + std::to_string(r->size),
                    name, 0);
            s.record = static_cast<std::size_t>(r - zip_.records().data());
            if (big_endian_ && s.type) s.swap = tarc::facts(*s.type).swap;
        }
        if (big_endian_) find_untyped_swaps();
    }

    /// An untyped storage is swapped by the dtype of the tensors over it (which PyTorch itself does not do).
    void find_untyped_swaps() {
        address_set seen;
        walk(*values_->root, limits_, [&](std::span<const step>, const node& n) {
            if (n.kind == value_kind::tensor && n.tensor->storage != nullptr && !n.tensor->storage->type)
                n.tensor->storage->swap = tarc::facts(n.tensor->type).swap;
            return seen.add(&n).fresh;
        });
    }

    limits limits_;
    zip_reader zip_;
    std::shared_ptr<tree> values_;
    std::optional<manifest> manifest_;
    bool big_endian_ = false;
};

}  // namespace tarc::detail
