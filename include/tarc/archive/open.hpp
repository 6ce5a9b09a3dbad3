#pragma once

#include <atomic>
#include <cstddef>
#include <memory>  // std::shared_ptr
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/archive/endpoint.hpp>
#include <tarc/archive/entries.hpp>
#include <tarc/archive/load_plan.hpp>
#include <tarc/archive/load_version.hpp>
#include <tarc/format/open_file.hpp>

namespace tarc {

/// How to open without loading.
struct open_options {
    tarc::limits limits = {};
    /// The system calls; null means the system's own.
    file_system* files = nullptr;
};

/// How to verify.
struct verify_options {
    /// Is told how far the verification is, and can end it. Counts the bytes that are read.
    progress_callback progress = {};
};

namespace detail {

template <class M>
struct member_pointer;
template <class C, class F>
struct member_pointer<F C::*> {
    using owner = C;
    using field = F;
};

/// The place of a member among its struct's fields.
template <auto Member>
std::size_t member_index() {
    using owner = typename member_pointer<decltype(Member)>::owner;
    static const std::size_t index = [] {
        owner object{};
        std::size_t i = 0, found = 0;
        with_fields(object, [&](auto&... field) {
            ((static_cast<const volatile void*>(&field) == static_cast<const volatile void*>(&(object.*Member))
                  ? void(found = i)
                  : void(),
              ++i),
             ...);
        });
        return found;
    }();
    return index;
}

}  // namespace detail

/// An opened archive: its directory and pickle have been read, no tensor bytes. A handle; copies are the same archive.
/// Any number of threads may use one at once.
class archive {
public:
    /// Errors: errc::io, not_an_archive, bad_archive, bad_pickle, unsupported, limit_exceeded and others.
    explicit archive(const input& from, const open_options& options = {}) {
        std::shared_ptr<source> s = from.open(options.files);
        guarded(s->name(), [&] { state_ = std::make_shared<state>(s, options.limits); });
    }

    /// All values of the file, flat, in file order.
    [[nodiscard]] std::span<const entry> entries() const {
        const entry_list* list = state_->listed.load(std::memory_order_acquire);
        if (list == nullptr) {  // two threads may both make it; the first one's stays
            std::unique_ptr<const entry_list> made;
            guarded([&] { made = std::make_unique<const entry_list>(state_->file.values(), state_->bounds); });
            if (state_->listed.compare_exchange_strong(list, made.get(), std::memory_order_acq_rel))
                list = made.release();
        }
        return list->get();
    }

    /// One tensor. Errors: errc::mismatch when the path leads nowhere, errc::wrong_type when to something else.
    template <map_location_argument P = as_saved>
    [[nodiscard]] any_tensor tensor(const std::vector<key>& path, P&& policy = {}, load_options options = {}) const {
        any_tensor t;
        options.at = path;
        guarded([&] {
            const detail::node& n = detail::navigate(*state_->file.values()->root, path);
            if (n.kind == value_kind::tensor) return;
            error e(errc::wrong_type, "this is " + detail::describe_node(n) + ", not a tensor");
            throw std::move(e.at_field(detail::path_text(path)));
        });
        fill(t, static_cast<P&&>(policy), options);
        return t;
    }

    /// The whole file, or the part at options.at, as a dynamic tree.
    template <map_location_argument P = as_saved>
    [[nodiscard]] tarc::value value(P&& policy = {}, const load_options& options = {}) const {
        tarc::value v;
        fill(v, static_cast<P&&>(policy), options);
        return v;
    }

    [[nodiscard]] tarc::value value(const load_options& options) const { return value(as_saved{}, options); }

    /// The struct, as tarc::load does.
    template <class T>
    [[nodiscard]] T load(const load_options& options = {}) const {
        return load<T>(as_saved{}, options);
    }
    template <class T, map_location_argument P>
    [[nodiscard]] T load(P&& policy, const load_options& options = {}) const {
        T object{};
        fill(object, static_cast<P&&>(policy), options);
        return object;
    }

    /// One member of the struct that the file holds; reads only its bytes: `ar.load<&checkpoint::model_state_dict>()`.
    template <auto Member>
        requires std::is_member_object_pointer_v<decltype(Member)>
    [[nodiscard]] auto load(const load_options& options = {}) const {
        return load<Member>(as_saved{}, options);
    }
    template <auto Member, map_location_argument P>
        requires std::is_member_object_pointer_v<decltype(Member)>
    [[nodiscard]] auto load(P&& policy, load_options options = {}) const {
        using owner = typename detail::member_pointer<decltype(Member)>::owner;
        using field = typename detail::member_pointer<decltype(Member)>::field;
        detail::require_archivable<owner>();
        field object = std::move(owner{}.*Member);  // with the struct's own initializer
        if constexpr (detail::archivable<owner>) {
            const detail::member& m = detail::facts_of<owner>.members[detail::member_index<Member>()];
            auto p = detail::make_policy(static_cast<P&&>(policy));
            if (detail::facts_of<owner>.is_module) {
                run({&detail::facts_of<field>, &object, true, &m}, detail::policy_ref(p), options);
            } else {
                std::optional<std::string_view> name;
                guarded([&] { name = detail::name_in_file(*state_->file.values()->root, options.at, m); });
                if (!name && (m.defaulted || m.type->kind == detail::kind::optional)) return object;
                options.at.push_back(name.value_or(m.name));
                if (m.retyped) options.dtypes = *m.retyped;
                read(object, detail::policy_ref(p), options, true);
            }
        }
        return object;
    }

    /// As tarc::load_into.
    template <class T, map_location_argument P = as_saved>
    load_report load_into(T& target, P&& policy = {}, const load_options& options = {}) const {
        return fill(target, static_cast<P&&>(policy), options, false);
    }

    template <class T>
    load_report load_into(T& target, const load_options& options) const {
        return load_into(target, as_saved{}, options);
    }

    /// What the manifest says of the struct that was saved; empty for files of others.
    [[nodiscard]] schema_record schema() const {
        return state_->file.facts() ? state_->file.facts()->schema : schema_record{};
    }
    /// What save_options::metadata was, or a safetensors file's `__metadata__`; else None.
    [[nodiscard]] tarc::value metadata() const { return state_->file.metadata(); }
    /// Which format the file has.
    [[nodiscard]] file_format format() const noexcept { return state_->file.format(); }
    /// Checks every byte of the file against every checksum it has. Errors: errc::checksum_mismatch, errc::bad_archive.
    void verify(const verify_options& options = {}) const {
        detail::progress_meter meter(options.progress);
        guarded([&] { state_->file.verify_all(meter.if_wanted()); });
    }

    /// For the library's own use.
    [[nodiscard]] const detail::opened_file& get() const { return state_->file; }

private:
    struct state {
        state(std::shared_ptr<source> s, const limits& l) : file(detail::open_file(std::move(s), l)), bounds(l) {}
        ~state() { delete listed.load(); }
        state(const state&) = delete;
        state& operator=(const state&) = delete;
        detail::opened_file file;
        limits bounds;
        std::atomic<const entry_list*> listed = nullptr;
    };

    template <class F>
    static void guarded(const std::string& name, F&& f) {
        try {
            f();
        } catch (error& e) {
            e.in_archive(name);
            throw;
        }
    }
    template <class F>
    void guarded(F&& f) const {
        guarded(state_->file.file().name(), static_cast<F&&>(f));
    }

    template <class T, class P>
    load_report fill(T& object, P&& policy, const load_options& options, bool fresh = true) const {
        detail::require_archivable<T>();
        if constexpr (detail::archivable<T>) {
            auto p = detail::make_policy(static_cast<P&&>(policy));
            return read(object, detail::policy_ref(p), options, fresh);
        } else {
            return {};
        }
    }

    template <class T>
    load_report read(T& object, detail::policy_ref policy, const load_options& options, bool fresh) const {
        detail::require_history<T>();
        if constexpr (!detail::history_holds<T>()) {
            return {};
        } else if constexpr (detail::has_history<T>) {
            load_report report;
            guarded([&] { report = detail::load_version(state_->file, object, policy, options, fresh, history<T>); });
            return report;
        } else {
            return run({&detail::facts_of<T>, &object, fresh}, policy, options);
        }
    }

    load_report run(const detail::load_plan::request& r, detail::policy_ref policy, const load_options& options) const {
        load_report report;
        guarded([&] {
            detail::load_plan plan(state_->file, r, policy, options);
            plan.run();
            report = std::move(plan).report();
        });
        return report;
    }

    std::shared_ptr<state> state_;
};

/// Opens an archive: a path, bytes in memory, or a source. Reads the directory and the pickle, no tensor bytes.
[[nodiscard]] inline archive open(const input& from, const open_options& options = {}) {
    return archive(from, options);
}

}  // namespace tarc
