#pragma once

#include <algorithm>  // std::min
#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/container/pickle_extent.hpp>
#include <tarc/error.hpp>
#include <tarc/format/opened_file.hpp>
#include <tarc/io/source_window.hpp>
#include <tarc/limits.hpp>
#include <tarc/util/table.hpp>
#include <tarc/value/tree.hpp>

namespace tarc::detail {

/// Whether a file begins with torch/serialization.py MAGIC_NUMBER, 0x1950a86a20f9469cfc6c, as pickles have it.
[[nodiscard]] inline bool has_torch_magic(std::string_view head) {
    constexpr std::string_view binary = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";  // protocols 2 to 5
    return head.starts_with("L119547037146038801333356L\n.") || head.substr(0, 32).find(binary) != head.npos;
}

/// Opens what torch.save wrote from PyTorch 0.1.10 to 1.5, and since then with _use_new_zipfile_serialization=False
/// (torch/serialization.py `_legacy_load`): pickles of the magic number, the version of the format, facts of the
/// machine, the object and the keys of its storages; then, for each key, the number of elements and the bytes, which
/// are little-endian whatever the machine.
class torch_legacy_opener {
public:
    torch_legacy_opener(std::shared_ptr<source> file, const limits& limit)
        : file_(std::move(file)), limits_(limit), values_(std::make_shared<tree>()), in_(*file_, 0, file_->size()) {}

    [[nodiscard]] opened_file open() && {
        read_head();
        pickle_site site;
        site.parts = true;
        values_->root = read_next_pickle(in_, *values_, limits_, site);
        read_storages();
        // PyTorch itself would not look; but what no storage accounts for is damage, or hidden.
        if (in_.left() != 0)
            in_.fail(errc::bad_archive, std::to_string(in_.left()) +
                                            " bytes follow the last storage: where several torch.save calls wrote one "
                                            "file after the other, cut it up here");
        return {file_format::torch_legacy, std::move(file_), limits_, std::move(values_)};
    }

private:
    void read_head() {
        const std::vector<std::byte> head = in_.bytes(0, std::min<std::uint64_t>(in_.left(), 32));
        if (!has_torch_magic({reinterpret_cast<const char*>(head.data()), head.size()}))
            raise_at(errc::not_an_archive,
                     "the file begins with a pickle, but not with torch.save's magic number: it was written by pickle "
                     "itself, or is damaged",
                     {}, 0);
        (void)read_next_pickle(in_, others_, limits_);
        const std::uint64_t at = in_.position();
        const node* version = read_next_pickle(in_, others_, limits_);
        if (version->kind != value_kind::integer || version->big || version->integer != 1001)
            raise_at(errc::unsupported, "the version of torch.save's format is not 1001, the only one there is", {},
                     at);
        (void)read_next_pickle(in_, others_, limits_);  // byte order and sizes of the machine's types: told, never used
    }

    void read_storages() {
        numbered_map<std::string_view, storage_body*> by_key;
        for (storage_body& s : values_->storages())
            if (!s.live.defined() && s.whole == nullptr) by_key[s.key] = &s;
        const std::uint64_t at = in_.position();
        const node* keys = read_next_pickle(in_, others_, limits_);
        if (keys->kind != value_kind::list)
            raise_at(errc::bad_pickle, "the keys of the storages are not a list", {}, at);
        for (const node* key : *keys->list) {
            if (key->kind != value_kind::string) raise_at(errc::bad_pickle, "a storage's key is not a string", {}, at);
            storage_body* const* known = by_key.find(key->str());
            if (known == nullptr)
                raise_at(errc::bad_archive, "storage \"" + std::string(key->str()) + "\" belongs to no tensor", {}, at);
            read_storage(**known);
        }
        for (storage_body& s : values_->storages()) {
            if (s.live.defined()) continue;  // bytes that stand in the pickle
            if (s.whole != nullptr) s.at += s.whole->at;
            if (s.whole == nullptr && !s.in_file())
                raise_at(errc::no_record,
                         "the object refers to storage \"" + std::string(s.key) + "\", whose bytes are not in the file",
                         {}, at);
        }
    }

    void read_storage(storage_body& s) {
        if (s.in_file())
            in_.fail(errc::duplicate_name, "storage \"" + std::string(s.key) + "\" stands in the file twice");
        const std::uint64_t at = in_.position(), elements = s.nbytes / (s.type ? size_of(*s.type) : 1);
        if (const auto n = in_.number<std::uint64_t>(); n != elements)
            raise_at(errc::bad_tensor,
                     "storage \"" + std::string(s.key) + "\" has " + std::to_string(n) + " elements here, but " +
                         std::to_string(elements) + " where tensors refer to it",
                     {}, at);
        s.at = in_.offset();
        in_.skip(s.nbytes);
    }

    std::shared_ptr<source> file_;
    limits limits_;
    std::shared_ptr<tree> values_;
    tree others_;  // of the pickles around the object
    source_window in_;
};

[[nodiscard]] inline opened_file open_torch_legacy(std::shared_ptr<source> file, const limits& limit) {
    return torch_legacy_opener(std::move(file), limit).open();
}

}  // namespace tarc::detail
