#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memcpy
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <tarc/archive/bind.hpp>
#include <tarc/archive/in_place.hpp>
#include <tarc/archive/load_conversions.hpp>
#include <tarc/archive/load_groups.hpp>
#include <tarc/archive/load_options.hpp>
#include <tarc/archive/map_location.hpp>
#include <tarc/archive/navigate.hpp>
#include <tarc/transfer/fill.hpp>
#include <tarc/transfer/mapped.hpp>
#include <tarc/util/table.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// A load in its two phases: the constructor binds and reports, and decides every placement; run() moves the bytes and
/// commits. Nothing of the target changes before the last step of run(), which cannot fail (in-place loads apart).
class load_plan {
public:
    struct request {
        const type_facts* type;
        void* object;
        bool fresh;                     // the object was made for this load
        const member* field = nullptr;  // of a module, to be read on its own; `object` is its
    };

    load_plan(const opened_file& file, const request& r, policy_ref policy, const load_options& o)
        : file_(file), options_(o), filter_(o.select, o.skip), meter_(o.progress) {
        bind_options b;
        b.strict = o.strict;
        b.in_place = o.in_place;
        b.strip_prefix = o.strip_prefix;
        b.keys = o.keys;
        b.filter = &filter_;
        b.dtypes = o.dtypes;
        b.at = tarc::detail::path_text(o.at);
        b.dotted = file.format() == file_format::safetensors || file.format() == file_format::npz;
        b.limit = o.limits;
        b.tree_bytes = file.values()->memory.capacity();
        b.context = this;
        b.read_element = [](void* self, const tensor_body& t) {
            return static_cast<load_plan*>(self)->read_element(t);
        };
        const node& root = navigate(*file.values()->root, o.at);
        whole_file_ = o.at.empty() && r.field == nullptr && !filter_.active();
        binder binds(bound_, b);
        if (r.field == nullptr)
            binds.bind(*r.type, r.object, root, r.fresh);
        else
            binds.bind_field(*r.field, r.object, root, r.fresh);
        filter_.for_each_unused([&](const std::string& glob) { bound_.report.unmatched.push_back(glob); });
        if (o.strict && !bound_.report.clean()) throw mismatch_error(std::move(bound_.report));
        elements_ = {};
        groups_.emplace(file, bound_, o.in_place);
        conversions_.emplace(bound_, *groups_);
        place(policy);
    }

    [[nodiscard]] load_report report() && { return std::move(bound_.report); }

    void run() {
        // What is read is checked on the way; in place, nothing may change before all of the rest is known to be good.
        // A file that is mapped is not read.
        const bool check = whole_file_ && options_.verify;
        if (check && groups_->any_in_place()) file_.check_structure();
        transfer();
        if (check && !groups_->any_in_place() && !mapped_.used()) file_.check_structure();
        vec<any_tensor> made(bound_.tensors.size());
        for (std::size_t i = 0; i < made.size(); ++i) {
            const auto& job = bound_.tensors[i];
            if (job.target == nullptr || groups_->in_place(job)) continue;
            const bool has_bytes = !job.source->meta && job.source->storage != nullptr;
            made[i] = converts(job) && has_bytes ? conversions_->tensor(groups_->group_of(job), job)
                                                 : groups_->made_tensor(job);
        }
        for (std::size_t i = 0; i < made.size(); ++i)
            if (bound_.tensors[i].hidden && made[i].defined())
                detail_access::assign(*bound_.tensors[i].target, std::move(made[i]));
        for (const auto& s : bound_.stand_ins) s.type->load_as(s.made->object, s.target);
        for (storage_body& s : bound_.values->storages()) {
            storage placed = groups_->placed_for(s);
            if (!placed.defined()) continue;
            s.live = std::move(placed);
            s.location = bound_.values->memory.copy(s.live.device().location());
        }
        progress_meter* const meter = meter_.if_wanted();
        if (groups_->any_in_place()) in_place_load(file_, bound_, *groups_, options_, meter).run();
        file_.file().check_unchanged();
        if (meter != nullptr && !groups_->any_in_place()) meter->finish();
        for (std::size_t i = 0; i < made.size(); ++i)
            if (made[i].defined() && groups_->stays(bound_.tensors[i])) write_over(*bound_.tensors[i].target, made[i]);
        for (std::size_t i = 0; i < made.size(); ++i)
            if (made[i].defined() && !groups_->stays(bound_.tensors[i]))
                detail_access::assign(*bound_.tensors[i].target, std::move(made[i]));
        for (const auto& e : bound_.elements) std::memcpy(e.target.raw_data(), e.made.raw_data(), e.made.nbytes());
        for (staged_object& s : bound_.objects) s.commit();
    }

private:
    /// A converted tensor goes into the memory that the target has.
    static void write_over(const tensor_base& target, const any_tensor& made) {
        try {
            target.copy_from(made);
        } catch (error& e) {
            e.set_torn();
            throw;
        }
    }

    void place(policy_ref policy) {
        std::uint64_t total = 0;
        vec<std::string_view> fields;
        vec<device> usable;
        groups_->for_each([&](load_group& g) {
            for (const std::size_t j : g.jobs) {
                const binding::tensor_job& job = bound_.tensors[j];
                if (converts(job)) need(total, load_conversions::converted_bytes(job));
            }
            if (g.all_stay()) {
                g.where = placement(device::cpu());  // of what is read to be converted
                return;
            }
            fields.clear();
            for (const std::size_t j : g.jobs) fields.push_back(bound_.tensors[j].path);
            const storage_info info{g.body->location, g.body->nbytes, bound_.tensors[g.jobs.front()].source->type,
                                    fields};
            g.where = resolve(policy(info), info, usable);
            if (g.where.kind == placement::where::shapes) return;
            need(total, g.body->nbytes);
        });
    }
    void need(std::uint64_t& total, std::uint64_t bytes) const {
        total = checked_add(total, bytes, "the size of all storages");
        if (total > options_.limits.total_bytes)
            raise(errc::limit_exceeded, "the load needs more than " + std::to_string(options_.limits.total_bytes) +
                                            " bytes (tarc::limits::total_bytes)");
    }

    /// Fills what is not in place, which is still invisible to everybody.
    void transfer() {
        vec<fill_job> jobs;
        vec<std::optional<resource_ref>> memories;
        vec<load_group*> filled;
        groups_->for_each([&](load_group& g) {
            if (g.all_in_place()) return;
            const bool shapes = g.where.kind == placement::where::shapes;
            if (shapes) g.placed = storage::meta(g.body->nbytes);
            if (shapes && g.staying == g.in_place_jobs) return;
            fill_job job = groups_->job_of(g);
            if (shapes) {
                job.memory = host_memory();
            } else if (g.where.kind == placement::where::view) {
                if (g.body->in_file() && !job.bools && g.converting == 0) g.placed = mapped_.view(*g.body);
                if (g.placed.defined()) return;
                job.memory = host_memory();
            } else if (g.where.kind == placement::where::resource) {
                job.memory = *g.where.resource;
            } else {
                job.memory = backend_for(g.where.target).memory(g.where.target);
            }
            memories.push_back(shapes ? std::nullopt : job.memory);
            if (g.converting == g.jobs.size()) job.memory = host_memory();  // only what comes of the bytes goes there
            jobs.push_back(std::move(job));
            filled.push_back(&g);
        });
        if (meter_.if_wanted() != nullptr) meter_.start(bytes_to_read(jobs));
        bool wrote = false;  // to fresh storages only
        fill(file_, {jobs.data(), jobs.size()},
             {options_.verify, options_.threads, options_.staging, meter_.if_wanted()}, wrote);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            load_group& g = *filled[i];
            storage bytes = std::move(jobs[i].placed);
            if (memories[i] && g.converting != g.jobs.size()) g.placed = bytes;
            if (g.converting != 0) conversions_->make(g, bytes, memories[i]);
        }
    }

    /// `fresh` and what goes in place.
    [[nodiscard]] std::uint64_t bytes_to_read(const vec<fill_job>& fresh) {
        std::uint64_t bytes = 0;
        for (const fill_job& job : fresh) bytes += job.from->nbytes;
        groups_->for_each([&](const load_group& g) {
            if (in_place_load::reads(g)) bytes += g.body->nbytes;
        });
        return bytes;
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

    const opened_file& file_;
    const load_options& options_;
    path_filter filter_;
    binding bound_;
    std::optional<load_groups> groups_;
    std::optional<load_conversions> conversions_;
    address_map<storage> elements_;
    mapped_file mapped_{file_};
    progress_meter meter_;
    bool whole_file_ = true;
};

}  // namespace tarc::detail
