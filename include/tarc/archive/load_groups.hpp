#pragma once

#include <algorithm>  // std::any_of, std::equal
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>  // std::exchange

#include <tarc/archive/binding.hpp>
#include <tarc/archive/map_location.hpp>
#include <tarc/transfer/fill.hpp>
#include <tarc/util/sort.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>
#include <tarc/value/tensor_of.hpp>

namespace tarc::detail {

/// Whether a tensor of the file becomes one of another dtype.
[[nodiscard]] inline bool converts(const binding::tensor_job& job) { return job.as != job.source->type; }

/// One storage of the file and all that a load binds over it.
struct load_group {
    const storage_body* body = nullptr;
    std::span<const std::size_t> jobs;  // in binding::tensors
    placement where;
    storage placed;  // what the jobs get that are not in place
    std::size_t in_place_jobs = 0, converting = 0;
    std::size_t staying = 0;  // jobs whose targets keep their memory, with a conversion or without

    [[nodiscard]] bool all_in_place() const noexcept { return in_place_jobs == jobs.size(); }
    /// No policy has to say where it goes.
    [[nodiscard]] bool all_stay() const noexcept { return staying == jobs.size(); }
};

/// What a load binds, by storage.
class load_groups {
public:
    static constexpr std::size_t none = SIZE_MAX;

    /// `in_place`: whether the load writes into what its target has.
    load_groups(const opened_file& file, const binding& bound, bool in_place)
        : bound_(bound), may_be_in_place_(in_place) {
        group_of_.assign(file.values()->storages().size(), none);
        vec<std::size_t> counts;
        const auto for_each_job = [&](auto&& f) {
            for (std::size_t i = 0; i < bound.tensors.size(); ++i) {
                const tensor_body& b = *bound.tensors[i].source;
                if (!b.meta && b.storage != nullptr) f(i, b, group_of_[b.storage->index]);
            }
        };
        for_each_job([&](std::size_t i, const tensor_body& b, std::size_t& g) {
            if (g == none) {
                g = groups_.size();
                groups_.push_back({});
                groups_.back().body = b.storage;
                if (b.storage->live.defined()) in_pickle_[b.storage->live.identity()] = g + 1;
                counts.push_back(0);
            }
            ++counts[g];
            groups_[g].in_place_jobs += this->in_place(bound.tensors[i]);
            groups_[g].staying += stays(bound.tensors[i]);
            groups_[g].converting += converts(bound.tensors[i]);
        });
        jobs_.resize(bound.tensors.size());
        for (std::size_t g = 0, at = 0; g < groups_.size(); ++g) {
            groups_[g].jobs = {jobs_.data() + at, counts[g]};
            at += std::exchange(counts[g], at);  // from here on where the next one of the group goes
        }
        for_each_job([&](std::size_t i, const tensor_body&, std::size_t g) { jobs_[counts[g]++] = i; });
        const auto position = [&](std::size_t i) { return file.position(*groups_[i].body); };
        order_ =
            sorted_numbers(groups_.size(), [&](std::size_t a, std::size_t b) { return position(a) < position(b); });
    }

    /// Calls `f(group)` for each in the order of the file; its errors name the group's first field.
    template <class F>
    void for_each(F&& f) {
        for (const std::size_t i : order_) at_field(groups_[i], [&] { f(groups_[i]); });
    }

    [[nodiscard]] bool any_in_place() const {
        return std::any_of(groups_.begin(), groups_.end(), [](const load_group& g) { return g.in_place_jobs != 0; });
    }
    /// Whether the file's bytes go into the memory that the target has.
    [[nodiscard]] bool in_place(const binding::tensor_job& job) const { return !converts(job) && stays(job); }
    /// Whether the target keeps the memory that it has, be it by way of a conversion. What another type is archived as
    /// is made anew, so that it is made of what it will hold.
    [[nodiscard]] bool stays(const binding::tensor_job& job) const {
        return may_be_in_place_ && !job.hidden && job.target != nullptr && job.target->defined() &&
               job.target->dtype() == job.as && job.target->is_contiguous() &&
               std::equal(job.target->shape().begin(), job.target->shape().end(), job.source->shape.begin(),
                          job.source->shape.end()) &&
               job.target->device().type != device_type::meta && !job.source->meta && !job.source->conj &&
               !job.source->neg;
    }

    [[nodiscard]] fill_job job_of(const load_group& g) const {
        fill_job job;
        job.from = g.body;
        job.field = bound_.tensors[g.jobs.front()].path;
        job.bools = std::any_of(g.jobs.begin(), g.jobs.end(),
                                [&](std::size_t j) { return bound_.tensors[j].source->type == dtype::boolean; });
        return job;
    }

    /// The tensor of a job, over its group's new storage.
    [[nodiscard]] const load_group& group_of(const binding::tensor_job& job) const {
        return groups_[group_of_[job.source->storage->index]];
    }
    [[nodiscard]] any_tensor made_tensor(const binding::tensor_job& job) const {
        if (job.source->meta || job.source->storage == nullptr) {
            tensor_body body = *job.source;
            body.type = job.as;
            return tensor_of(body);
        }
        const load_group& g = group_of(job);
        any_tensor t;
        at_field(g, [&] { t = tensor_of(*job.source, g.placed); });
        return t;
    }

    /// The new storage for one of a tarc::value, or an undefined one. What stands in the pickle itself (NumPy arrays)
    /// came along with the copy of the tree as the file's own bytes, and is replaced too.
    [[nodiscard]] storage placed_for(const storage_body& s) const {
        std::size_t g = none;
        if (s.origin != nullptr)
            g = group_of_[s.origin->index];
        else if (const std::size_t* known = in_pickle_.find(s.live.identity()))
            g = *known - 1;
        return g == none ? storage{} : groups_[g].placed;
    }

private:
    template <class F>
    void at_field(const load_group& g, F&& step) const {
        try {
            step();
        } catch (error& e) {
            e.at_field(bound_.tensors[g.jobs.front()].path);
            throw;
        }
    }

    const binding& bound_;
    bool may_be_in_place_;
    vec<load_group> groups_;
    vec<std::size_t> group_of_, order_, jobs_;
    address_map<std::size_t> in_pickle_;  // one past the groups of storages whose bytes stand in the pickle
};

}  // namespace tarc::detail
