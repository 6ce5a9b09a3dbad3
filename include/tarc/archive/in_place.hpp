#pragma once

#include <algorithm>  // std::any_of
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>  // std::bad_alloc
#include <utility>

#include <tarc/archive/load_groups.hpp>
#include <tarc/archive/load_options.hpp>

namespace tarc::detail {

/// Writes into the storages that a load's target has: the only part of a load that changes what the caller can see
/// before everything has succeeded. An error that leaves bytes half written says so (error::torn).
class in_place_load {
public:
    in_place_load(const opened_file& file, const binding& bound, load_groups& groups, const load_options& o,
                  progress_meter* meter)
        : file_(file), bound_(bound), groups_(groups), options_(o), meter_(meter) {}

    /// Whether a group's bytes are read for what it has in place; else they come from the storage that its others get.
    [[nodiscard]] static bool reads(const load_group& g) {
        return g.in_place_jobs != 0 &&
               (g.all_in_place() || g.where.kind == placement::where::shapes || g.where.kind == placement::where::view);
    }

    void run() {
        bool torn = false;
        try {
            settle_targets();
            vec<fill_job> direct;
            groups_.for_each([&](load_group& g) {
                if (g.in_place_jobs == 0 || g.body->nbytes == 0) return;
                fill_job job = groups_.job_of(g);
                if (!goes_directly(g, job)) return;
                file_.prepare(*g.body);
                direct.push_back(std::move(job));
            });
            fill(file_, {direct.data(), direct.size()}, {options_.verify, options_.threads, options_.staging, meter_},
                 torn);
            groups_.for_each([&](load_group& g) {
                fill_job job = groups_.job_of(g);
                if (g.in_place_jobs != 0 && g.body->nbytes != 0 && !goes_directly(g, job)) through_copy(g, torn);
            });
            file_.file().check_unchanged();
            if (meter_ != nullptr) meter_->finish();
        } catch (error& e) {
            if (torn) e.set_torn();
            throw;
        } catch (const std::exception& e) {
            if (!torn || (meter_ != nullptr && meter_->has_thrown())) throw;
            const bool memory = dynamic_cast<const std::bad_alloc*>(&e) != nullptr;
            error wrapped(memory ? errc::out_of_memory : errc::io, e.what());
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

    /// Whether the storage's bytes can go to their targets with nothing in between, and then how: to one tensor that is
    /// all of it, perhaps tied, or as contiguous parts to tensors of one device.
    [[nodiscard]] bool goes_directly(const load_group& g, fill_job& how) const {
        if (g.placed.defined()) return false;
        how.on = bound_.tensors[g.jobs.front()].target == nullptr ? device::meta()
                                                                  : bound_.tensors[g.jobs.front()].target->device();
        bool one = true;
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            const tensor_body& b = *job.source;
            if (!groups_.in_place(job) || job.target->device() != how.on || !is_contiguous(b.shape, b.strides))
                return false;
            const fill_segment s{static_cast<std::uint64_t>(b.offset) * size_of(b.type), job.target->nbytes(),
                                 job.target->raw_data()};
            one &= s.begin == 0 && s.bytes == g.body->nbytes && (how.to == nullptr || how.to == s.to);
            how.to = s.to;
            if (s.bytes != 0) how.segments.push_back(s);
        }
        if (one) how.segments.clear();
        return one || !host_accessible(how.on);
    }

    /// From the storage that other tensors of this load got, else from a copy on the host.
    void through_copy(const load_group& g, bool& torn) const {
        if (!reads(g)) return scatter(g, g.placed, torn);
        fill_job job = groups_.job_of(g);
        job.memory = host_memory();
        bool wrote = false;  // to a fresh storage only
        fill(file_, {&job, 1}, {options_.verify, options_.threads, options_.staging, meter_}, wrote);
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

    const opened_file& file_;
    const binding& bound_;
    load_groups& groups_;
    const load_options& options_;
    progress_meter* meter_;
};

}  // namespace tarc::detail
