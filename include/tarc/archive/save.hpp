#pragma once

#include <algorithm>  // std::min, std::max
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/encode.hpp>
#include <tarc/archive/endpoint.hpp>
#include <tarc/codec/codec.hpp>
#include <tarc/format/write_file.hpp>
#include <tarc/limits.hpp>
#include <tarc/progress.hpp>
#include <tarc/reflect/schema.hpp>
#include <tarc/transfer/drain.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/walk.hpp>

namespace tarc {

/// How to save. Every member has a default.
struct save_options {
    /// torch, safetensors or npz. By default what the path's extension says: `.safetensors` (torch.load reads a file of
    /// that name as nothing else), `.npz`, and torch for everything that is no such path. The other two hold no
    /// containers: names are joined by ".", and each tensor, view or tied, is written as a contiguous copy of its own.
    /// safetensors holds tensors only, npz numbers too; anything else is an error that names it. `location`,
    /// `whole_storage`, `manifest` and `alignment` mean nothing there, and `codec` is an error.
    std::optional<file_format> format = {};
    /// Replaces the location of every storage; by default its real one is written ("cpu", "cuda:0").
    std::optional<std::string> location = {};
    /// Write all of each storage, not only the range that the saved views cover.
    bool whole_storage = false;
    /// `durable` syncs file and folder; `atomic` leaves that to the system.
    tarc::durability durability = tarc::durability::durable;
    /// The way back of load_options::keys: state_dicts are written with the file's keys.
    key_map keys = {};
    /// Facts of the caller's own, a dict of plain values, kept in the manifest. In a safetensors file its
    /// `__metadata__`, a dict of str to str (transformers opens only what says {"format": "pt"}); an npz file has no
    /// place for them.
    value metadata = {};
    /// Write `.tarc/manifest.pkl` (schema, block hashes, metadata). Without it the file is exactly what torch.save
    /// writes.
    bool manifest = true;
    /// Records start at multiples of this many bytes: a power of two from 64 to 32768.
    std::uint32_t alignment = 64;
    /// Compress the storages that shrink by it, for cold storage: `tarc::zstd{}` of <tarc/codec/zstd.hpp>. PyTorch
    /// refuses such a file; where no storage shrinks it is an ordinary one.
    tarc::codec codec = {};
    /// The host memory through which bytes come from devices.
    tarc::staging staging = {};
    /// Is told how far the save is, and can end it.
    progress_callback progress = {};
    tarc::limits limits = {};
    /// The system calls; null means the system's own.
    file_system* files = nullptr;
};

namespace detail {

/// Finds, for each storage, the smallest range that covers all views of it, and refuses what PyTorch could not read.
class storage_ranges {
public:
    storage_ranges(tree& t, const save_options& o) : root_(*t.root), limit_(o.limits), seen_(t.storages().size()) {
        address_set visited;
        walk(*t.root, o.limits, [&](std::span<const step> path, const node& n) {
            if (n.kind == value_kind::tensor) add(*n.tensor, path);
            if (n.kind == value_kind::storage) add_whole(*n.storage, path);
            return has_parts(n) && visited.add(&n).fresh;
        });
        for (storage_body& s : t.storages()) {
            const range& r = seen_[s.index];
            if (!r.used) continue;
            const std::uint64_t size = size_of(r.type);
            s.begin = o.whole_storage || r.whole || r.low == r.high ? 0 : r.low;
            s.end = o.whole_storage || r.whole ? s.nbytes / size * size : r.low == r.high ? 0 : r.high;
            s.type = r.type;
            if (tarc::facts(r.type).storage.empty()) s.type.reset();
            if (o.location) s.location = t.memory.copy(*o.location);
        }
    }

    /// The first tensor over a storage.
    [[nodiscard]] std::string path(const storage_body& s) const {
        std::string found;
        address_set visited;
        walk(root_, limit_, [&](std::span<const step> path, const node& n) {
            const bool over = (n.kind == value_kind::tensor && n.tensor->storage == &s) ||
                              (n.kind == value_kind::storage && n.storage == &s);
            if (over && found.empty()) found = path_text(path);
            return found.empty() && has_parts(n) && visited.add(&n).fresh;
        });
        return found;
    }

private:
    struct range {
        std::uint64_t low = UINT64_MAX, high = UINT64_MAX;
        tarc::dtype type = dtype::uint8;
        bool used = false, whole = false;
    };

    range& use(const storage_body& s, tarc::dtype type, std::span<const step> path) {
        if (!s.live.defined())
            fail(path, "the tensor's bytes were never loaded from their archive -- load the value through it first");
        if (s.live.device().type == device_type::meta) fail(path, "the storage is on meta and has no bytes to save");
        range& r = seen_[s.index];
        if (!r.used) {
            r.used = true;
            r.type = type;
        } else if (r.type != type) {
            fail(path, "this tensor of " + std::string(to_string(type)) + " shares its storage with a tensor of " +
                           std::string(to_string(r.type)) + " at \"" + this->path(s) +
                           "\", and PyTorch cannot read one storage as two dtypes -- clone() one of them");
        }
        return r;
    }

    void add(tensor_body& b, std::span<const step> path) {
        if (b.storage != nullptr && b.storage->live.defined() && b.storage->live.device().type == device_type::meta) {
            b.meta = true;  // a tarc::value loaded onto meta: its shapes are saved, as those of a struct are
            b.storage = nullptr;
        }
        if (b.meta || b.storage == nullptr) return;
        range& r = use(*b.storage, b.type, path);
        const auto extent = static_cast<std::uint64_t>(extent_of(b.shape, b.strides));
        if (extent == 0) {
            if (r.low == UINT64_MAX) r.low = r.high = 0;
            return;
        }
        const std::uint64_t low = static_cast<std::uint64_t>(b.offset) * size_of(b.type),
                            high = low + extent * size_of(b.type);
        const bool first = r.low == UINT64_MAX || r.low == r.high;
        r.low = first ? low : std::min(r.low, low);
        r.high = first ? high : std::max(r.high, high);
    }

    void add_whole(const storage_body& s, std::span<const step> path) {
        use(s, s.type.value_or(dtype::uint8), path).whole = true;
    }

    [[noreturn]] static void fail(std::span<const step> path, std::string message) {
        error e(errc::unsavable, std::move(message));
        throw std::move(e.at_field(path_text(path)));
    }

    const node& root_;
    const limits& limit_;
    vec<range> seen_;
};

[[nodiscard]] inline file_format format_to_save(const save_options& o, const std::string& path) {
    const std::optional<file_format> named = format_of_path(path);
    if (o.format && *o.format != file_format::safetensors && named == file_format::safetensors)
        raise(errc::invalid_argument,
              "torch.load reads a file called .safetensors as a safetensors file only -- give it another extension, or "
              "leave save_options::format out");
    return o.format.value_or(named.value_or(file_format::torch));
}

inline void check_torch_options(const save_options& o) {
    if (o.alignment < 64 || o.alignment > 32768 || (o.alignment & (o.alignment - 1)) != 0)
        raise(errc::invalid_argument, "save_options::alignment is a power of two from 64 to 32768, not " +
                                          std::to_string(o.alignment) +
                                          " (PyTorch maps storages and reads them with aligned instructions)");
    if (o.codec && !o.manifest)
        raise(errc::invalid_argument,
              "where a compressed storage's frames stand is kept in the manifest -- save with .manifest = true");
    const node* user = o.metadata.get();
    if (user == nullptr) return;
    if (user->kind != value_kind::dict)
        raise(errc::invalid_argument,
              "save_options::metadata must be a dict, such as tarc::value::dict({{\"run\", 7}})");
    if (!o.manifest)
        raise(errc::invalid_argument, "save_options::metadata is kept in the manifest -- save with .manifest = true");
    walk(*user, o.limits, [](std::span<const step> path, const node& n) {
        if (n.kind == value_kind::tensor || n.kind == value_kind::storage || n.kind == value_kind::global ||
            n.kind == value_kind::object) {
            error e(errc::invalid_argument, std::string("save_options::metadata holds plain values, but there is a ") +
                                                kind_name(n.kind) + " in it");
            throw std::move(e.at_field(path_text(path)));
        }
        return true;
    });
}

/// A save of which everything is decided, and nothing written.
class prepared_save {
public:
    /// Encodes the object; its storages are referred to, not copied. Errors: what save() says of the value and the
    /// options.
    prepared_save(const type_facts& t, std::int64_t version, const void* object, const std::string& path,
                  const save_options& o)
        : options_(o) {
        const file_format format = format_to_save(o, path);
        torch_ = format == file_format::torch;
        values_.root = encoder(values_, o.keys, torch_).encode(t, object);
        torch_zip_options z;
        if (torch_) {
            check_torch_options(o);
            ranges_.emplace(values_, o);
            z.alignment = o.alignment;
            z.manifest = o.manifest;
            z.codec = o.codec;
        } else if (o.codec) {
            raise(errc::invalid_argument,
                  "save_options::codec is for torch's format only; the others are not compressed");
        }
        if (torch_ && o.manifest) {
            z.schema.version = version;
            z.schema.text = schema_writer::text(t, version);
            z.schema.digest = xxh3(std::as_bytes(std::span(z.schema.text.data(), z.schema.text.size())));
        }
        if (o.metadata.get() != nullptr) z.user = tree_copier(values_).copy(o.metadata.get());
        writer_.emplace(*values_.root, format, o.limits, std::move(z));
    }
    prepared_save(const prepared_save&) = delete;
    prepared_save& operator=(const prepared_save&) = delete;

    [[nodiscard]] const save_options& options() const noexcept { return options_; }
    [[nodiscard]] std::span<const storage_slice> slices() const { return writer_->slices(); }
    /// Lets go of the storages: their bytes come from elsewhere.
    void forget_storages() noexcept {
        for (storage_body& s : values_.storages()) s.live = {};
    }

    void write(sink& out, bring_slice bring, progress_meter* meter) const {
        writer_->write(
            out,
            [&](std::span<const storage_slice> all, std::size_t i, take_bytes append) {
                at_slice(i, [&] { bring(all, i, append); });
            },
            meter);
    }

    /// Errors of `step` with a device say which tensor it was about.
    template <class F>
    void at_slice(std::size_t i, F&& step) const {
        try {
            step();
        } catch (error& e) {
            if (torch_ && (e.code() == errc::device_failed || e.code() == errc::out_of_memory))
                e.in_record("data/" + std::to_string(i)).at_field(ranges_->path(*slices()[i].storage));
            throw;
        }
    }

private:
    save_options options_;
    bool torch_ = true;
    tree values_;
    std::optional<storage_ranges> ranges_;
    std::optional<file_writer> writer_;
};

inline void save_object(const type_facts& t, std::int64_t version, const void* object, const output& to,
                        const save_options& o) {
    try {
        const prepared_save save(t, version, object, to.path(), o);
        progress_meter meter(o.progress);
        to.run(o.durability, o.files, [&](sink& out) {
            std::optional<drain> from;
            std::size_t last = 0;
            save.write(
                out,
                [&](std::span<const storage_slice> all, std::size_t i, take_bytes append) {
                    if (!from || i <= last) from.emplace(all, o.staging);
                    last = i;
                    from->bring(i, append);
                },
                meter.if_wanted());
        });
    } catch (error& e) {
        if (!to.path().empty()) e.in_archive(to.path());
        throw;
    }
}

}  // namespace detail

/// Saves a struct as an archive, which is a torch.save file: `torch.load(path, weights_only=True)` opens it; or as a
/// safetensors or npz file (save_options::format). To a path it is atomic and durable: whatever happens, the path holds
/// the old file or the new one. The same value gives the same bytes. `to` may also be a sink or a
/// std::vector<std::byte>. Thread-safe as long as nobody changes `object` meanwhile. Errors: errc::unsavable (an
/// undefined tensor, text that is not UTF-8, two dtypes over one storage, what the format cannot hold), errc::io.
template <class T>
void save(const T& object, const output& to, const save_options& options = {}) {
    detail::require_archivable<T>();
    if constexpr (detail::archivable<T>) detail::save_object(detail::facts_of<T>, version<T>, &object, to, options);
}

}  // namespace tarc
