#pragma once

#include <algorithm>  // std::any_of
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/bind.hpp>
#include <tarc/archive/key.hpp>
#include <tarc/archive/map_location.hpp>
#include <tarc/archive/python_repr.hpp>
#include <tarc/transfer/fill.hpp>
#include <tarc/transfer/mapped.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// How to load. Every member has a default.
struct load_options {
    /// A difference between file and struct is an error (mismatch_error); false takes what fits and reports the rest.
    bool strict = true;
    /// Compare every byte that is read with its checksum.
    bool verify = true;
    /// Where in the file the struct stands: `.at = {"model_state_dict"}`.
    std::vector<key> at = {};
    /// Taken off the front of every key of a state_dict that has it: `.strip_prefix = "module."`.
    std::string strip_prefix = {};
    /// load_into only: write into the storages that the target's tensors have, where dtype and shape match and they are
    /// contiguous; every handle on them sees the new values.
    bool in_place = false;
    /// The host memory through which bytes go to devices.
    tarc::staging staging = {};
    tarc::limits limits = {};
    /// The system calls; null means the system's own.
    file_system* files = nullptr;
};

namespace detail {

/// A load in its two phases: the constructor binds and reports, and decides every placement; run() moves the bytes and
/// commits. Nothing of the target changes before the last step of run(), which cannot fail (in-place loads apart).
class load_plan {
public:
    struct request {
        const type_facts* type;
        void* object;
        bool fresh;                   // the object was made for this load
        std::string flat_below = {};  // a module's field on its own: the dotted key it stands under
    };

    load_plan(const torch_zip& file, const request& r, policy_ref policy, const load_options& o)
        : file_(file), options_(o) {
        bind_options b;
        b.strict = o.strict;
        b.in_place = o.in_place;
        b.strip_prefix = o.strip_prefix;
        b.at = tarc::detail::path_text(o.at);
        b.limit = o.limits;
        b.tree_bytes = file.values()->memory.capacity();
        b.context = this;
        b.read_element = [](void* self, const tensor_body& t) {
            return static_cast<load_plan*>(self)->read_element(t);
        };
        const node& root = navigate(*file.values()->root, o.at);
        whole_file_ = o.at.empty() && r.flat_below.empty();
        binder binds(bound_, b);
        if (r.flat_below.empty())
            binds.bind(*r.type, r.object, root, r.fresh);
        else
            binds.bind_below(*r.type, r.object, root, r.fresh, r.flat_below);
        if (o.strict && !bound_.report.clean()) throw mismatch_error(std::move(bound_.report));
        elements_ = {};
        group();
        place(policy);
    }

    [[nodiscard]] load_report report() && { return std::move(bound_.report); }

    void run() {
        if (whole_file_ && options_.verify) file_.zip().check_all();
        transfer();
        vec<any_tensor> made(bound_.tensors.size());
        for (std::size_t i = 0; i < made.size(); ++i) {
            const auto& job = bound_.tensors[i];
            if (job.target != nullptr && !in_place(job)) made[i] = made_tensor(job);
        }
        place_values();
        if (std::any_of(groups_.begin(), groups_.end(), [](const group_state& g) { return g.in_place_jobs != 0; }))
            run_in_place();
        file_.zip().file().check_unchanged();
        for (std::size_t i = 0; i < made.size(); ++i)
            if (made[i].defined()) detail_access::assign(*bound_.tensors[i].target, std::move(made[i]));
        for (const auto& e : bound_.elements) std::memcpy(e.target.raw_data(), e.made.raw_data(), e.made.nbytes());
        for (staged_object& s : bound_.objects) s.commit();
    }

    /// What a path leads to. Errors: errc::mismatch when it leads nowhere.
    [[nodiscard]] static const node& navigate(const node& root, std::span<const key> path) {
        const node* n = &root;
        vec<child> children;
        for (std::size_t i = 0; i < path.size(); ++i) {
            children.clear();
            list_children(*n, children);
            const node* next = nullptr;
            for (const child& c : children) {
                if (!leads(path[i], c.step)) continue;
                next = c.value;
                break;
            }
            if (next == nullptr) {
                error e(errc::mismatch, "the file has nothing at \"" + tarc::detail::path_text(path.first(i + 1)) +
                                            "\"" + advice(path[i], children));
                throw std::move(e.at_field(tarc::detail::path_text(path.first(i + 1))));
            }
            n = next;
        }
        return *n;
    }

private:
    /// What the caller of navigate may have meant.
    [[nodiscard]] static std::string advice(const key& wanted, std::span<const child> children) {
        if (children.empty()) return ", which is below no container";
        std::vector<std::string> names;
        for (const child& c : children) {
            if (names.size() == 1000) break;
            std::string name;
            append_step(name, c.step);
            if (name == wanted.text())
                return wanted.is_name() ? " -- it is a number there: write " + name + ", without quotes"
                                        : " -- it is a str there: write \"" + name + "\"";
            if (wanted.is_name() && name.starts_with(wanted.text() + "."))
                return " -- keys of a state_dict are dotted there, such as \"" + name + "\"";
            names.push_back(std::move(name));
        }
        if (!wanted.is_name()) return " -- there are " + std::to_string(children.size()) + " elements";
        const std::string_view guess = nearest(wanted.name(), names);
        return guess.empty() ? "" : " -- did you mean \"" + std::string(guess) + "\"?";
    }

    static constexpr std::size_t none = SIZE_MAX;
    static constexpr std::uint64_t repr_bytes = std::uint64_t{1} << 20;  // of a key that is no string

    /// One storage of the file and all that this load binds over it.
    struct group_state {
        const storage_body* body = nullptr;
        vec<std::size_t> jobs;
        placement where;
        storage placed;
        std::size_t in_place_jobs = 0;
    };

    [[nodiscard]] bool in_place(const binding::tensor_job& job) const {
        return options_.in_place && job.target != nullptr && job.target->defined() &&
               job.target->dtype() == job.source->type && job.target->is_contiguous() &&
               std::equal(job.target->shape().begin(), job.target->shape().end(), job.source->shape.begin(),
                          job.source->shape.end()) &&
               job.target->device().type != device_type::meta && !job.source->meta && !job.source->conj &&
               !job.source->neg;
    }

    void group() {
        group_of_.assign(file_.values()->storages().size(), none);
        for (std::size_t i = 0; i < bound_.tensors.size(); ++i) {
            const tensor_body& b = *bound_.tensors[i].source;
            if (b.meta || b.storage == nullptr) continue;
            std::size_t& g = group_of_[b.storage->index];
            if (g == none) {
                g = groups_.size();
                groups_.push_back({});
                groups_.back().body = b.storage;
                if (b.storage->live.defined()) in_pickle_[b.storage->live.identity()] = g + 1;
            }
            groups_[g].jobs.push_back(i);
            groups_[g].in_place_jobs += in_place(bound_.tensors[i]);
        }
        const auto position = [&](std::size_t i) {
            const std::size_t r = groups_[i].body->record;
            return r == SIZE_MAX ? UINT64_MAX : file_.zip().records()[r].header_offset;
        };
        order_ =
            sorted_numbers(groups_.size(), [&](std::size_t a, std::size_t b) { return position(a) < position(b); });
    }

    void place(policy_ref policy) {
        std::uint64_t total = 0;
        vec<std::string_view> fields;
        vec<device> usable;
        for (const std::size_t i : order_) {
            group_state& g = groups_[i];
            if (g.in_place_jobs == g.jobs.size()) continue;
            fields.clear();
            for (const std::size_t j : g.jobs) fields.push_back(bound_.tensors[j].path);
            const storage_info info{g.body->location, g.body->nbytes, bound_.tensors[g.jobs.front()].source->type,
                                    fields};
            g.where = resolve(policy(info), info, usable);
            if (g.where.kind == placement::where::shapes) continue;
            total = checked_add(total, g.body->nbytes, "the size of all storages");
            if (total > options_.limits.total_bytes)
                raise(errc::limit_exceeded, "the load needs more than " + std::to_string(options_.limits.total_bytes) +
                                                " bytes (tarc::limits::total_bytes)");
        }
    }

    /// Whether a step of a path leads to a child.
    static bool leads(const key& k, const step& s) {
        if (s.key == nullptr)
            return s.label.empty() ? k.is_index() && std::cmp_equal(s.index, k.index())
                                   : k.is_name() && s.label == k.name();
        switch (s.key->kind) {
            case value_kind::string: return k.is_name() && s.key->str() == k.name();
            case value_kind::boolean: return k.is_bool() && k == key(s.key->boolean);
            case value_kind::integer:
                if (s.key->big) return k.is_large_integer() && python_repr(repr_bytes).digits(*s.key) == k.text();
                return k.is_index() && s.key->integer == k.index();
            default: return k.is_name() && python_repr(repr_bytes)(*s.key) == k.name();
        }
    }

    [[nodiscard]] bool is_bool(const group_state& g) const {
        return std::any_of(g.jobs.begin(), g.jobs.end(),
                           [&](std::size_t j) { return bound_.tensors[j].source->type == dtype::boolean; });
    }

    /// Runs one step for a storage; its errors name the field.
    template <class F>
    void for_group(const group_state& g, F&& step) const {
        try {
            step();
        } catch (error& e) {
            e.at_field(bound_.tensors[g.jobs.front()].path);
            throw;
        }
    }

    [[nodiscard]] fill_job job_of(const group_state& g) const {
        fill_job job;
        job.from = g.body;
        job.field = bound_.tensors[g.jobs.front()].path;
        job.bools = is_bool(g);
        return job;
    }

    /// Fills what is not in place, which is still invisible to everybody.
    void transfer() {
        vec<fill_job> jobs;
        vec<std::size_t> filled;
        for (const std::size_t i : order_) {
            group_state& g = groups_[i];
            if (g.in_place_jobs == g.jobs.size()) continue;
            if (g.where.kind == placement::where::shapes) {
                g.placed = storage::meta(g.body->nbytes);
                continue;
            }
            fill_job job = job_of(g);
            for_group(g, [&] {
                if (g.where.kind == placement::where::view) {
                    if (g.body->record != SIZE_MAX && !job.bools) g.placed = map_storage(file_, *g.body);
                    job.memory = host_memory();
                } else if (g.where.kind == placement::where::resource) {
                    job.memory = *g.where.resource;
                } else {
                    job.memory = backend_for(g.where.target).memory(g.where.target);
                }
            });
            if (g.placed.defined()) continue;
            jobs.push_back(std::move(job));
            filled.push_back(i);
        }
        fill(file_, {jobs.data(), jobs.size()}, options_.verify, options_.staging);
        for (std::size_t i = 0; i < jobs.size(); ++i) groups_[filled[i]].placed = std::move(jobs[i].placed);
    }

    [[nodiscard]] any_tensor made_tensor(const binding::tensor_job& job) const {
        if (job.source->meta || job.source->storage == nullptr) return tensor_of(*job.source);
        const group_state& g = groups_[group_of_[job.source->storage->index]];
        any_tensor t;
        for_group(g, [&] { t = tensor_of(*job.source, g.placed); });
        return t;
    }

    /// The storages of members of type tarc::value. What stands in the pickle itself (NumPy arrays) came along with the
    /// copy of the tree as the file's own bytes, and is replaced too.
    void place_values() {
        for (storage_body& s : bound_.values->storages()) {
            std::size_t g = none;
            if (s.origin != nullptr)
                g = group_of_[s.origin->index];
            else if (const std::size_t* known = in_pickle_.find(s.live.identity()))
                g = *known - 1;
            if (g == none || !groups_[g].placed.defined()) continue;
            s.live = groups_[g].placed;
            s.location = bound_.values->memory.copy(s.live.device().location());
        }
    }

    /// The only part that changes what the caller can see before everything has succeeded.
    void run_in_place() {
        bool torn = false;
        try {
            settle_targets();
            vec<fill_job> direct;
            for (const std::size_t i : order_)
                if (groups_[i].in_place_jobs != 0 && goes_directly(groups_[i]))
                    for_group(groups_[i], [&] {
                        const group_state& g = groups_[i];
                        file_.prepare(*g.body);
                        fill_job job = job_of(g);
                        const tensor_base& target = *bound_.tensors[first_in_place(g)].target;
                        job.to = target.raw_data();
                        job.on = target.device();
                        if (g.body->nbytes != 0) direct.push_back(std::move(job));
                    });
            torn = !direct.empty();
            fill(file_, {direct.data(), direct.size()}, options_.verify, options_.staging);
            for (const std::size_t i : order_)
                if (groups_[i].in_place_jobs != 0 && !goes_directly(groups_[i]))
                    for_group(groups_[i], [&] { transfer_in_place(groups_[i], torn); });
            file_.zip().file().check_unchanged();
        } catch (error& e) {
            if (torn) e.set_torn();
            throw;
        } catch (const std::exception& e) {
            if (!torn) throw;
            error wrapped(errc::io, e.what());
            throw std::move(wrapped.set_torn());
        }
    }

    /// Work that still uses the targets on devices is waited for, before they are written.
    void settle_targets() const {
        vec<device> settled;
        for (const binding::tensor_job& job : bound_.tensors) {
            if (!in_place(job) || host_accessible(job.target->device())) continue;
            const device d = job.target->device();
            if (std::any_of(settled.begin(), settled.end(), [&](device s) { return s == d; })) continue;
            backend_for(d).settle(d);
            settled.push_back(d);
        }
    }

    [[nodiscard]] std::size_t first_in_place(const group_state& g) const {
        for (const std::size_t j : g.jobs)
            if (in_place(bound_.tensors[j])) return j;
        return g.jobs.front();
    }

    /// Whether the storage's bytes are those of one tensor in memory, perhaps tied: then nothing lies between.
    [[nodiscard]] bool goes_directly(const group_state& g) const {
        if (g.placed.defined()) return false;
        const void* const to = bound_.tensors[first_in_place(g)].target->raw_data();
        return std::all_of(g.jobs.begin(), g.jobs.end(), [&](std::size_t j) {
            const binding::tensor_job& job = bound_.tensors[j];
            const tensor_body& b = *job.source;
            return in_place(job) && job.target->raw_data() == to && b.offset == 0 &&
                   is_contiguous(b.shape, b.strides) && job.target->nbytes() == g.body->nbytes;
        });
    }

    /// From the storage that other tensors of this load got, else from a copy on the host.
    void transfer_in_place(const group_state& g, bool& torn) const {
        if (g.placed.defined() && g.where.kind != placement::where::shapes && g.where.kind != placement::where::view)
            return scatter(g, g.placed, torn);
        fill_job job = job_of(g);
        job.memory = host_memory();
        fill(file_, {&job, 1}, options_.verify, options_.staging);
        scatter(g, job.placed, torn);
    }

    void scatter(const group_state& g, const storage& from, bool& torn) const {
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            if (!in_place(job)) continue;
            any_tensor whole = tensor_of(*job.source, from);
            if (!whole.is_contiguous()) whole = whole.to(device::cpu()).clone();
            torn = true;
            copy_bytes(job.target->raw_data(), job.target->device(), whole.raw_data(), whole.device(), whole.nbytes());
        }
    }

    /// For scalar fields that a 0-d tensor fills: read and verified at once, since the report depends on its value.
    any_tensor read_element(const tensor_body& b) {
        storage& s = elements_[b.storage];
        if (!s.defined()) {
            storage made = storage::allocate(b.storage->nbytes);
            storage_reader(file_, *b.storage, {options_.verify, b.type == dtype::boolean})
                .read({static_cast<std::byte*>(made.data()), b.storage->nbytes});
            s = std::move(made);
        }
        return tensor_of(b, s);
    }

    const torch_zip& file_;
    const load_options& options_;
    binding bound_;
    vec<group_state> groups_;
    vec<std::size_t> group_of_, order_;
    address_map<storage> elements_;
    address_map<std::size_t> in_pickle_;  // one past the groups of storages whose bytes stand in the pickle
    bool whole_file_ = true;
};

}  // namespace detail
}  // namespace tarc
