#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <tarc/archive/load_groups.hpp>
#include <tarc/tensor/convert.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// Storages of the file in another dtype, as a dtype_policy allows; each once for a dtype, so that tensors that share
/// one in the file share its conversion.
class load_conversions {
public:
    explicit load_conversions(const binding& bound) : bound_(bound) {}

    /// Makes what the jobs of a group need, where its placement says. `filled` has the file's bytes. Errors:
    /// errc::out_of_range for an element that the new dtype cannot hold.
    void make(const load_group& g, const storage& filled, resource_ref memory) {
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            if (!converts(job) || find(g, job) != nullptr) continue;
            made_.push_back({&g, job.source->type, job.as, convert(filled, job, memory)});
        }
    }

    /// The tensor of a job that converts, over what make() made; on meta where the group has no bytes.
    [[nodiscard]] any_tensor tensor(const load_group& g, const binding::tensor_job& job) const {
        tensor_body body = *job.source;
        body.type = job.as;
        if (const conversion* c = find(g, job)) return tensor_of(body, c->made);
        return tensor_of(body, storage::meta(elements(g.body->nbytes, job.source->type) * size_of(job.as)));
    }

private:
    struct conversion {
        const load_group* group;
        dtype from, to;
        storage made;
    };

    static std::size_t elements(std::uint64_t bytes, dtype t) { return static_cast<std::size_t>(bytes / size_of(t)); }

    [[nodiscard]] const conversion* find(const load_group& g, const binding::tensor_job& job) const {
        for (const conversion& c : made_)
            if (c.group == &g && c.from == job.source->type && c.to == job.as) return &c;
        return nullptr;
    }

    static storage convert(const storage& filled, const binding::tensor_job& job, resource_ref memory) {
        const dtype from = job.source->type;
        const std::size_t n = elements(filled.nbytes(), from);
        const bool direct = host_accessible(memory.device());
        const std::size_t bytes = static_cast<std::size_t>(checked_mul(n, size_of(job.as), "a converted storage"));
        storage here = direct ? storage::allocate(bytes, memory) : storage::allocate(bytes);
        const auto* in = static_cast<const std::byte*>(filled.data());
        const std::size_t done = convert_elements(from, in, job.as, static_cast<std::byte*>(here.data()), n);
        if (done != n) {
            error e(errc::out_of_range, "element " + std::to_string(done) + " of this tensor's storage of " +
                                            std::string(to_string(from)) + " is out of the range of " +
                                            std::string(to_string(job.as)) + ", to which dtype_policy::cast takes it");
            throw std::move(e.at_field(job.path));
        }
        if (direct) return here;
        storage there = storage::allocate(bytes, memory);
        copy_bytes(there.data(), there.device(), here.data(), here.device(), bytes);
        return there;
    }

    const binding& bound_;
    vec<conversion> made_;
};

}  // namespace tarc::detail
