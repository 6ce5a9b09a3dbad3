#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>  // std::memset
#include <optional>
#include <string>
#include <utility>

#include <tarc/archive/load_groups.hpp>
#include <tarc/tensor/convert.hpp>
#include <tarc/util/vec.hpp>

namespace tarc::detail {

/// The bytes of a storage in new memory, wherever both are.
[[nodiscard]] inline storage copied(const storage& s, resource_ref memory) {
    storage copy = storage::allocate(s.nbytes(), memory);
    copy_bytes(copy.data(), copy.device(), s.data(), s.device(), s.nbytes());
    return copy;
}

/// Storages of the file in another dtype, as a dtype_policy allows; each once for a dtype, so that tensors that share
/// one in the file share its conversion.
class load_conversions {
public:
    load_conversions(const binding& bound, const load_groups& groups) : bound_(bound), groups_(groups) {}

    /// Makes what the jobs of a group need: where its placement says, nowhere for `nullopt` (shapes only), and on the
    /// host for a target that keeps its memory. `filled` has the file's bytes. Errors: errc::out_of_range
    /// for an element that the new dtype cannot hold.
    void make(const load_group& g, const storage& filled, std::optional<resource_ref> memory) {
        const storage here = host_accessible(filled.device()) ? filled : copied(filled, host_memory());
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            if (!converts(job) || find(g, job) != nullptr) continue;
            const bool stays = groups_.stays(job);
            if (!stays && !memory) continue;
            made_.push_back({&g, &job, stays, convert(g, here, job, stays ? host_memory() : *memory)});
        }
    }

    /// The tensor of a job that converts, over what make() made; on meta where that is nothing.
    [[nodiscard]] any_tensor tensor(const load_group& g, const binding::tensor_job& job) const {
        tensor_body body = *job.source;
        body.type = job.as;
        body.conj = body.neg = false;
        if (const conversion* c = find(g, job)) return tensor_of(body, c->made);
        return tensor_of(body, storage::meta(converted_bytes(job)));
    }

    /// Of the whole storage. Errors: errc::limit_exceeded when that is no number.
    [[nodiscard]] static std::uint64_t converted_bytes(const binding::tensor_job& job) {
        return checked_mul(job.source->storage->nbytes / size_of(job.source->type), size_of(job.as),
                           "a converted storage");
    }

private:
    struct conversion {
        const load_group* group;
        const binding::tensor_job* first;
        bool stays;
        storage made;
    };

    static bool alike(const binding::tensor_job& a, const binding::tensor_job& b) {
        return a.source->type == b.source->type && a.as == b.as && a.source->conj == b.source->conj &&
               a.source->neg == b.source->neg;
    }
    [[nodiscard]] const conversion* find(const load_group& g, const binding::tensor_job& job) const {
        for (const conversion& c : made_)
            if (c.group == &g && alike(*c.first, job) && c.stays == groups_.stays(job)) return &c;
        return nullptr;
    }

    storage convert(const load_group& g, const storage& filled, const binding::tensor_job& job,
                    resource_ref memory) const {
        const dtype from = job.source->type;
        const auto bytes = static_cast<std::size_t>(converted_bytes(job));
        const std::size_t n = bytes / size_of(job.as);
        const bool direct = host_accessible(memory.device());
        storage here = direct ? storage::allocate(bytes, memory) : storage::allocate(bytes);
        storage in = filled;
        if (job.source->conj || job.source->neg) {  // carried out before the range is looked at
            in = copied(filled, host_memory());
            negate(from, static_cast<std::byte*>(in.data()), n, job.source->conj, job.source->neg);
        }
        const auto* source = static_cast<const std::byte*>(in.data());
        auto* target = static_cast<std::byte*>(here.data());
        for (std::size_t at = 0; at < n; ++at) {
            at += convert_elements(from, source + at * size_of(from), job.as, target + at * size_of(job.as), n - at);
            if (at == n) break;
            refuse(g, job, at);
            std::memset(target + at * size_of(job.as), 0, size_of(job.as));  // of no tensor that is loaded
        }
        return direct ? here : copied(here, memory);
    }

    /// An element of the storage that does not fit, unless it lies outside all that is converted of it.
    void refuse(const load_group& g, const binding::tensor_job& like, std::size_t at) const {
        for (const std::size_t j : g.jobs) {
            const binding::tensor_job& job = bound_.tensors[j];
            const tensor_body& b = *job.source;
            const auto first = static_cast<std::size_t>(b.offset);
            if (!converts(job) || !alike(job, like) || at < first ||
                at >= first + static_cast<std::size_t>(extent_of(b.shape, b.strides)))
                continue;
            error e(errc::out_of_range, "element " + std::to_string(at - first) + " of this tensor of " +
                                            std::string(to_string(b.type)) + " is out of the range of " +
                                            std::string(to_string(job.as)) + ", to which dtype_policy::cast takes it");
            throw std::move(e.at_field(job.path));
        }
    }

    const binding& bound_;
    const load_groups& groups_;
    vec<conversion> made_;
};

}  // namespace tarc::detail
