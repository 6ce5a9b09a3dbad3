#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>  // std::shared_ptr
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <tarc/archive/open.hpp>
#include <tarc/archive/policies.hpp>
#include <tarc/io/source.hpp>
#include <tarc/progress.hpp>
#include <tarc/reflect/clone.hpp>
#include <tarc/transfer/mapped.hpp>
#include <tarc/util/table.hpp>

namespace tarc {

namespace detail {

/// A file that remembers where it was mapped last.
class planned_source final : public source {
public:
    planned_source(const std::string& path, file_system& files) : file_(path, files) {}

    [[nodiscard]] std::uint64_t size() const override { return file_.size(); }
    void read(std::uint64_t offset, std::span<std::byte> out) override { file_.read(offset, out); }
    [[nodiscard]] const std::string& name() const override { return file_.name(); }
    void check_unchanged() override { file_.check_unchanged(); }
    std::shared_ptr<std::byte> map(std::uint64_t offset, std::uint64_t bytes) override {
        std::shared_ptr<std::byte> made = file_.map(offset, bytes);
        mapped_ = made == nullptr ? std::span<std::byte>() : std::span(made.get(), bytes);
        return made;
    }

    [[nodiscard]] std::span<std::byte> mapped() const { return mapped_; }
    [[nodiscard]] bool is_at_its_path() const { return file_.is_at_its_path(); }

private:
    file_source file_;
    std::span<std::byte> mapped_;
};

/// Gives the tensors of a copy the same places in another mapping of their file.
class mapping_cloner final : public storage_cloner {
public:
    mapping_cloner(std::span<std::byte> before, storage now) : before_(before), now_(std::move(now)) {}

    [[nodiscard]] storage copy(const storage& s) override {
        if (!s.defined() || s.nbytes() == 0 || s.device().type == device_type::meta) return s;
        const auto at = reinterpret_cast<std::uintptr_t>(s.data()) - reinterpret_cast<std::uintptr_t>(before_.data());
        if (at >= before_.size()) {
            all_ = false;
            return s;
        }
        storage& made = copies_[s.identity()];
        if (!made.defined()) made = storage::part(now_, at, s.nbytes());
        return made;
    }
    /// Whether every storage was a view of the file.
    [[nodiscard]] bool all() const { return all_; }

private:
    std::span<std::byte> before_;
    storage now_;
    address_map<storage> copies_;
    bool all_ = true;
};

}  // namespace detail

/// A load that is done again and again, of one struct from one path: a worker that starts its models, a program that
/// waits for the next checkpoint. While the path leads to the file of the last load (by device, inode, size and the
/// times of its last change), nothing is parsed a second time; with `mapped`, a load is then one mapping and a copy of
/// the struct's handles, and takes microseconds. Each load has tensors of its own, as those of tarc::load. A change
/// that keeps the size, within the clock of the file system (milliseconds), is not seen. Used by one thread at a time.
template <class T>
class plan {
public:
    /// Nothing is opened yet.
    explicit plan(std::string path, load_options options = {})
        : plan(std::move(path), as_saved{}, std::move(options)) {}
    template <map_location_argument P>
    plan(std::string path, P&& policy, load_options options = {})
        : path_(std::move(path)),
          options_(std::move(options)),
          mapped_(std::is_same_v<std::remove_cvref_t<P>, mapped_placement>) {
        using M = std::remove_cvref_t<decltype(detail::make_policy(static_cast<P&&>(policy)))>;
        policy_ = std::make_shared<M>(detail::make_policy(static_cast<P&&>(policy)));
        load_ = [](const archive& from, void* kept, const load_options& o) {
            M& policy = *static_cast<M*>(kept);
            if constexpr (std::is_copy_constructible_v<M>) {
                M own(policy);  // it may count what it has placed
                return from.template load<T>(detail::policy_ref(own), o);
            } else {
                return from.template load<T>(detail::policy_ref(policy), o);
            }
        };
    }

    /// The struct as it is in the file now. Errors: those of tarc::load; the next call begins anew.
    [[nodiscard]] T load() {
        if (archive_ && !file_->is_at_its_path()) forget();
        if constexpr (detail::copyable<T>())
            if (model_) return from_model();
        if (!archive_) {
            auto file = std::make_shared<detail::planned_source>(
                path_, options_.files != nullptr ? *options_.files : posix_files());
            archive_.emplace(std::shared_ptr<source>(file), open_options{options_.limits, options_.files});
            file_ = std::move(file);
        }
        T object = load_(*archive_, policy_.get(), options_);
        if constexpr (detail::copyable<T>())
            if (mapped_) keep(object);
        return object;
    }
    /// Whether the next load will find the file of the last one.
    [[nodiscard]] bool is_current() const { return archive_ && file_->is_at_its_path(); }
    void forget() {
        model_.reset();
        archive_.reset();
        file_.reset();
    }

private:
    T from_model() {
        detail::progress_meter meter(options_.progress);
        if (meter.if_wanted() != nullptr) {  // nothing is read
            meter.start(0);
            meter.finish();
        }
        T object = *model_;
        detail::mapping_cloner views(model_bytes_, detail::map_whole(*file_));
        views.clone(detail::facts_of<T>, &object);
        return object;
    }
    /// The user may change what was returned, so that the model is a copy.
    void keep(const T& object) {
        const std::span<std::byte> before = file_->mapped();
        if (before.empty()) return;
        T copy = object;
        detail::mapping_cloner views(before, detail::map_whole(*file_));
        views.clone(detail::facts_of<T>, &copy);
        if (!views.all()) return;
        model_bytes_ = file_->mapped();
        model_.emplace(std::move(copy));
    }

    std::string path_;
    load_options options_;
    bool mapped_ = false;
    std::shared_ptr<void> policy_;
    T (*load_)(const archive&, void*, const load_options&) = nullptr;
    std::shared_ptr<detail::planned_source> file_;
    std::optional<archive> archive_;
    std::optional<T> model_;  // its tensors are never read
    std::span<std::byte> model_bytes_;
};

}  // namespace tarc
