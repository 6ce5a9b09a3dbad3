#pragma once

#include <algorithm>  // std::min
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
#include <tarc/format/opened_file.hpp>
#include <tarc/format/torch_script.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/stable_row.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/tree.hpp>
#include <tarc/value/walk.hpp>

namespace tarc::detail {

/// Opens a torch.save file in the ZIP format (PyTorch 1.6 and later; torch/serialization.py `_load`), tarc's, which is
/// one, or a TorchScript archive, which has the same records beside others (torch/csrc/jit/serialization/import.cpp).
class torch_zip_opener {
public:
    torch_zip_opener(std::shared_ptr<source> file, const limits& limit)
        : limits_(limit), zip_(std::move(file), limit), values_(std::make_shared<tree>()) {}

    [[nodiscard]] opened_file open() && {
        if (zip_.find("data.pkl") == nullptr) {
            if (zip_.find("model.json") != nullptr)
                raise(errc::unsupported,
                      "this is a TorchScript archive of before PyTorch 1.4, which tarc does not read");
            throw std::move(error(errc::no_record,
                                  "the archive has no data.pkl: it is a ZIP file, but not one that torch.save wrote")
                                .in_record("data.pkl"));
        }
        const bool script = zip_.find("constants.pkl") != nullptr;
        read_version();
        big_endian_ = read_byteorder();
        std::optional<manifest> facts = manifest::read(zip_, limits_);
        if (says_compressed_ && !(facts && facts->has_tables()))  // planes would be taken for elements
            raise_at(errc::bad_archive,
                     "the storages of this archive are compressed, and what its manifest says about them is gone: "
                     "another tool has rewritten it -- take the file that tarc wrote",
                     manifest_name, 0);
        values_->root = read_pickle_record("data.pkl", facts);
        resolve("data/", 0);
        if (script) read_script();
        if (big_endian_) find_untyped_swaps();
        return {script ? file_format::torch_script : file_format::torch, std::move(zip_), limits_, std::move(values_),
                std::move(facts)};
    }

private:
    node* read_pickle_record(std::string_view name, const std::optional<manifest>& facts = {}) {
        const record& pickle = zip_.get(name);
        if (pickle.size > limits_.pickle_bytes)
            raise_at(errc::limit_exceeded,
                     "the pickle has " + std::to_string(pickle.size) + " bytes, more than tarc::limits::pickle_bytes",
                     name, 0);
        // a pickle's byte becomes up to a hundred of the tree, so a compressed one must not grow without measure
        if (pickle.size > pickle.stored_size &&
            pickle.size > (std::uint64_t{1} << 20) + checked_mul(zip_.file().size(), 32, "the size of the file"))
            raise_at(
                errc::limit_exceeded,
                "the pickle inflates to " + std::to_string(pickle.size) + " bytes, out of all proportion to the file",
                name, 0);
        const std::vector<std::byte> bytes = zip_.read(pickle);
        if (const auto index = static_cast<std::size_t>(&pickle - zip_.records().data()); facts && facts->covers(index))
            facts->verify(index, pickle.name, bytes);
        return read_pickle(bytes, *values_, limits_, name);
    }

    /// Sets the state_dict apart from attributes, and adds the constants of the code to these: a frozen module has its
    /// weights there. They are called as the code calls them, CONSTANTS.c0.
    void read_script() {
        script_modules(zip_, limits_).sort(*values_->root);
        const std::size_t first = values_->storages().size();
        const node* constants = read_pickle_record("constants.pkl");
        resolve("constants/", first);
        if (constants->kind != value_kind::tuple || constants->list->size == 0 ||
            stand_in_of(*values_->root) == nullptr)
            return;
        node* named = values_->dict();
        for (std::size_t i = 0; i < constants->list->size; ++i)
            values_->insert(named, "c" + std::to_string(i), (*constants->list)[i]);
        values_->insert(values_->root->object->state, "CONSTANTS", named);
    }

    std::string small_record(std::string_view name) const {
        const record& r = zip_.get(name);
        if (r.size > 256)
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

    bool read_byteorder() {
        if (zip_.find("byteorder") == nullptr) return false;
        std::string order = small_record("byteorder");
        // what follows a comma is for people: PyTorch shows it where it refuses a compressed archive
        says_compressed_ = order.find(',') != std::string::npos;
        order.resize(std::min(order.find(','), order.size()));
        if (order == "little") return false;
        if (order == "big") return true;
        raise_at(errc::bad_archive, "the byte order is neither \"little\" nor \"big\"", "byteorder", 0);
    }

    /// Leads each storage from the `first` to its record, which must have exactly the storage's size.
    void resolve(std::string_view folder, std::size_t first) {
        stable_row<storage_body>& all = values_->storages();
        std::string name;
        const record* r = nullptr;
        for (std::size_t i = first; i < all.size(); ++i) {
            storage_body& s = all[i];
            if (s.live.defined()) continue;  // bytes that stand in the pickle
            name.assign(folder).append(s.key);
            r = zip_.find(name, r);
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
            s.at = 0;
            if (big_endian_ && s.type) s.swap = tarc::facts(*s.type).swap;
        }
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
    bool big_endian_ = false, says_compressed_ = false;
};

[[nodiscard]] inline opened_file open_torch_zip(std::shared_ptr<source> file, const limits& limit) {
    return torch_zip_opener(std::move(file), limit).open();
}

}  // namespace tarc::detail
