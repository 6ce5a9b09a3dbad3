#pragma once

#include <algorithm>  // std::sort
#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/bind.hpp>
#include <tarc/archive/key.hpp>
#include <tarc/archive/map_location.hpp>
#include <tarc/transfer/host.hpp>

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
        bool fresh;             // the object was made for this load
        std::string flat_below = {};  // a module's field on its own: the dotted key it stands under
    };

    load_plan(const torch_zip& file, const request& r, policy_ref policy, const load_options& o) : file_(file), options_(o) {
        bind_options b;
        b.strict = o.strict;
        b.strip_prefix = o.strip_prefix;
        b.limit = o.limits;
        b.context = this;
        b.read_element = [](void* self, const tensor_body& t) { return static_cast<load_plan*>(self)->read_element(t); };
        const node& root = navigate(*file.values()->root, o.at);
        whole_file_ = o.at.empty() && r.flat_below.empty();
        binder binds(bound_, b);
        if (r.flat_below.empty()) binds.bind(*r.type, r.object, root, r.fresh);
        else binds.bind_below(*r.type, r.object, root, r.fresh, r.flat_below);
        if (o.strict && !bound_.report.clean()) throw mismatch_error(bound_.report);
        group();
        place(policy);
    }

    [[nodiscard]] const load_report& report() const { return bound_.report; }

    void run() {
        if (whole_file_ && options_.verify) file_.zip().check_all();
        for (std::size_t i : order_) transfer(groups_[i]);
        std::vector<any_tensor> made(bound_.tensors.size());
        for (std::size_t i = 0; i < made.size(); ++i) {
            const auto& job = bound_.tensors[i];
            if (job.target == nullptr || in_place(job)) continue;
            made[i] = job.source->meta || job.source->storage == nullptr ? tensor_of(*job.source) : tensor_of(*job.source, groups_[group_of_[job.source->storage->index]].placed);
        }
        for (storage_body& s : bound_.values->storages()) {
            if (s.origin == nullptr) continue;
            s.live = groups_[group_of_[s.origin->index]].placed;
            s.location = bound_.values->memory.copy(s.live.device().location());
        }
        file_.zip().file().check_unchanged();
        for (std::size_t i = 0; i < made.size(); ++i)
            if (made[i].defined()) detail_access::assign(*bound_.tensors[i].target, std::move(made[i]));
        for (staged_object& s : bound_.objects) s.commit();
    }

    /// What a path leads to. Errors: errc::mismatch when it leads nowhere.
    [[nodiscard]] static const node& navigate(const node& root, std::span<const key> path) {
        const node* n = &root;
        std::vector<child> children;
        for (std::size_t i = 0; i < path.size(); ++i) {
            children.clear();
            list_children(*n, children);
            const node* next = nullptr;
            for (const child& c : children) {
                const bool hit = path[i].is_name() ? (c.step.key != nullptr ? c.step.key->kind == value_kind::string && c.step.key->str() == path[i].name()
                                                                            : !c.step.label.empty() && c.step.label == path[i].name())
                                                   : (c.step.key != nullptr ? c.step.key->kind == value_kind::integer && !c.step.key->big && c.step.key->integer == path[i].index()
                                                                            : c.step.label.empty() && static_cast<std::int64_t>(c.step.index) == path[i].index());
                if (hit) {
                    next = c.value;
                    break;
                }
            }
            if (next == nullptr) {
                error e(errc::mismatch, "the file has nothing at \"" + tarc::detail::path_text(path.first(i + 1)) + "\"");
                throw std::move(e.at_field(tarc::detail::path_text(path.first(i + 1))));
            }
            n = next;
        }
        return *n;
    }

private:
    static constexpr std::size_t none = SIZE_MAX;

    /// One storage of the file and all that this load binds over it.
    struct group_state {
        const storage_body* body = nullptr;
        std::vector<std::size_t> jobs;
        placement where;
        storage placed;
        std::size_t in_place_jobs = 0;
    };

    [[nodiscard]] bool in_place(const binding::tensor_job& job) const {
        return options_.in_place && job.target != nullptr && job.type != nullptr && job.target->defined() && job.target->dtype() == job.source->type &&
               job.target->is_contiguous() && std::equal(job.target->shape().begin(), job.target->shape().end(), job.source->shape.begin(), job.source->shape.end()) &&
               job.target->device().type != device_type::meta && !job.source->meta && !job.source->conj && !job.source->neg;
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
            }
            groups_[g].jobs.push_back(i);
            groups_[g].in_place_jobs += in_place(bound_.tensors[i]);
        }
        order_.resize(groups_.size());
        for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = i;
        const auto position = [&](std::size_t i) {
            const std::size_t r = groups_[i].body->record;
            return r == SIZE_MAX ? UINT64_MAX : file_.zip().records()[r].header_offset;
        };
        std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return std::pair(position(a), a) < std::pair(position(b), b); });
    }

    void place(policy_ref policy) {
        std::uint64_t total = 0;
        std::vector<std::string_view> fields;
        for (const std::size_t i : order_) {
            group_state& g = groups_[i];
            if (g.in_place_jobs == g.jobs.size()) continue;
            fields.clear();
            for (const std::size_t j : g.jobs) fields.push_back(bound_.tensors[j].path);
            const storage_info info{g.body->location, g.body->nbytes, bound_.tensors[g.jobs.front()].source->type, fields};
            g.where = resolve(policy(info), info);
            if (g.where.kind == placement::where::meta) continue;
            total = checked_add(total, g.body->nbytes, "the size of all storages");
            if (total > options_.limits.total_bytes)
                raise(errc::limit_exceeded, "the load needs more than " + std::to_string(options_.limits.total_bytes) + " bytes (tarc::limits::total_bytes)");
        }
    }

    [[nodiscard]] bool is_bool(const group_state& g) const { return bound_.tensors[g.jobs.front()].source->type == dtype::boolean; }

    void transfer(group_state& g) {
        const storage_body& s = *g.body;
        if (g.in_place_jobs == g.jobs.size()) return transfer_in_place(g);
        switch (g.where.kind) {
            case placement::where::meta: g.placed = storage::meta(s.nbytes); break;
            case placement::where::mapped:
                g.placed = s.record == SIZE_MAX ? storage{} : map_storage(file_, s);
                if (g.placed.defined()) break;
                g.placed = storage::allocate(s.nbytes);
                fill(g);
                break;
            case placement::where::resource:
                g.placed = storage::allocate(s.nbytes, *g.where.resource);
                fill(g);
                break;
            default:
                g.placed = storage::allocate(s.nbytes, g.where.target);
                fill(g);
                break;
        }
        if (g.in_place_jobs != 0) scatter(g, g.placed);
    }

    void fill(const group_state& g) { fill(*g.body, g.placed.data(), g.placed.device(), is_bool(g)); }
    void fill(const storage_body& s, void* to, device on, bool bools) const {
        if (s.record != SIZE_MAX) transfer_storage(file_, s, to, on, options_.verify, bools);
        else copy_bytes(to, on, s.live.data(), s.live.device(), s.nbytes);
    }

    /// Into memory that the target's tensors have. One tensor that is the whole storage takes the bytes directly, others from a
    /// copy on the host.
    void transfer_in_place(group_state& g) {
        try {
            const binding::tensor_job& first = bound_.tensors[g.jobs.front()];
            const tensor_body& b = *first.source;
            if (g.jobs.size() == 1 && is_contiguous(b.shape, b.strides) && b.offset == 0 && first.target->nbytes() == g.body->nbytes)
                return fill(*g.body, first.target->raw_data(), first.target->device(), is_bool(g));
            storage scratch = storage::allocate(g.body->nbytes);
            fill(*g.body, scratch.data(), scratch.device(), is_bool(g));
            scatter(g, scratch);
        } catch (error& e) {
            e.set_torn();
            throw;
        }
    }

    void scatter(const group_state& g, const storage& from) const {
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            if (!in_place(job)) continue;
            const any_tensor whole = tensor_of(*job.source, from).to(device::cpu()).clone();
            copy_bytes(job.target->raw_data(), job.target->device(), whole.raw_data(), device::cpu(), whole.nbytes());
        }
    }

    /// For scalar fields that a 0-d tensor fills: read and verified at once, since the report depends on its value.
    any_tensor read_element(const tensor_body& b) {
        storage s = storage::allocate(b.storage->nbytes);
        fill(*b.storage, s.data(), s.device(), b.type == dtype::boolean);
        return tensor_of(b, s);
    }

    const torch_zip& file_;
    const load_options& options_;
    binding bound_;
    std::vector<group_state> groups_;
    std::vector<std::size_t> group_of_, order_;
    bool whole_file_ = true;
};

}  // namespace detail
}  // namespace tarc
