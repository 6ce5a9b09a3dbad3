#pragma once

#include <algorithm>  // std::any_of, std::all_of
#include <cstddef>
#include <exception>
#include <utility>

#include <tarc/archive/load_groups.hpp>
#include <tarc/archive/load_options.hpp>

namespace tarc::detail {

/// Writes into the storages that a load's target has: the only part of a load that changes what the caller can see
/// before everything has succeeded. An error that leaves bytes half written says so (error::torn).
class in_place_load {
public:
    in_place_load(const torch_zip& file, const binding& bound, load_groups& groups, const load_options& o)
        : file_(file), bound_(bound), groups_(groups), options_(o) {}

    void run() {
        bool torn = false;
        try {
            settle_targets();
            vec<fill_job> direct;
            groups_.for_each([&](load_group& g) {
                if (g.in_place_jobs == 0 || !goes_directly(g) || g.body->nbytes == 0) return;
                file_.prepare(*g.body);
                const tensor_base& target = *bound_.tensors[first_in_place(g)].target;
                fill_job job = groups_.job_of(g);
                job.to = target.raw_data();
                job.on = target.device();
                direct.push_back(std::move(job));
            });
            torn = !direct.empty();
            fill(file_, {direct.data(), direct.size()}, options_.verify, options_.staging);
            groups_.for_each([&](load_group& g) {
                if (g.in_place_jobs != 0 && !goes_directly(g)) through_copy(g, torn);
            });
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

private:
    /// Work that still uses the targets on devices is waited for, before they are written.
    void settle_targets() const {
        vec<device> settled;
        for (const binding::tensor_job& job : bound_.tensors) {
            if (!groups_.in_place(job) || host_accessible(job.target->device())) continue;
            const device d = job.target->device();
            if (std::any_of(settled.begin(), settled.end(), [&](device s) { return s == d; })) continue;
            backend_for(d).settle(d);
            settled.push_back(d);
        }
    }

    [[nodiscard]] std::size_t first_in_place(const load_group& g) const {
        for (const std::size_t j : g.jobs)
            if (groups_.in_place(bound_.tensors[j])) return j;
        return g.jobs.front();
    }

    /// Whether the storage's bytes are those of one tensor in memory, perhaps tied: then nothing lies between.
    [[nodiscard]] bool goes_directly(const load_group& g) const {
        if (g.placed.defined()) return false;
        const void* const to = bound_.tensors[first_in_place(g)].target->raw_data();
        return std::all_of(g.jobs.begin(), g.jobs.end(), [&](std::size_t j) {
            const binding::tensor_job& job = bound_.tensors[j];
            const tensor_body& b = *job.source;
            return groups_.in_place(job) && job.target->raw_data() == to && b.offset == 0 &&
                   is_contiguous(b.shape, b.strides) && job.target->nbytes() == g.body->nbytes;
        });
    }

    /// From the storage that other tensors of this load got, else from a copy on the host.
    void through_copy(const load_group& g, bool& torn) const {
        if (g.placed.defined() && g.where.kind != placement::where::shapes && g.where.kind != placement::where::view)
            return scatter(g, g.placed, torn);
        fill_job job = groups_.job_of(g);
        job.memory = host_memory();
        fill(file_, {&job, 1}, options_.verify, options_.staging);
        scatter(g, job.placed, torn);
    }

    void scatter(const load_group& g, const storage& from, bool& torn) const {
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            if (!groups_.in_place(job)) continue;
            any_tensor whole = tensor_of(*job.source, from);
            if (!whole.is_contiguous()) whole = whole.to(device::cpu()).clone();
            torn = true;
            copy_bytes(job.target->raw_data(), job.target->device(), whole.raw_data(), whole.device(), whole.nbytes());
        }
    }

    const torch_zip& file_;
    const binding& bound_;
    load_groups& groups_;
    const load_options& options_;
};

}  // namespace tarc::detail
