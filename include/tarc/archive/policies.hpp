#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tarc/archive/map_location.hpp>
#include <tarc/transfer/staging.hpp>

namespace tarc {

/// A table from tags to locations, the first row that matches counts: `{{"cuda:1", "cuda:0"}, {"cuda:*", "cpu"}}`. A
/// "*" at the end stands for any text; "cuda:*" also matches "cuda". A tag that no row matches goes where it says.
class remap {
public:
    struct row {
        std::string from, to;
    };
    remap(std::initializer_list<row> rows) : remap(std::vector<row>(rows)) {}
    /// Errors: errc::invalid_argument when a target names no device.
    explicit remap(std::vector<row> rows) : rows_(std::move(rows)) {
        for (const row& r : rows_) targets_.push_back(device::parse(r.to));
    }
    placement operator()(const storage_info& s) const {
        for (std::size_t i = 0; i < rows_.size(); ++i)
            if (matches(rows_[i].from, s.location)) return targets_[i];
        return {};
    }

private:
    static bool matches(std::string_view pattern, std::string_view tag) {
        if (!pattern.ends_with('*')) return pattern == tag;
        pattern.remove_suffix(1);
        return tag.starts_with(pattern) || (pattern.ends_with(':') && tag == pattern.substr(0, pattern.size() - 1));
    }

    std::vector<row> rows_;
    std::vector<device> targets_;
};
static_assert(map_location_policy<remap>);

/// Every storage to the first place of a list that is there: `fallback{"cuda:0", "cpu"}`. Devices are asked for at the
/// first storage of a load; all other placements are always there.
class fallback {
public:
    /// Errors: errc::invalid_argument for an empty list, or text that names no device.
    fallback(std::initializer_list<placement> places) : places_(places) {
        if (places_.empty()) detail::raise(errc::invalid_argument, "tarc::fallback needs at least one place");
    }
    /// Errors: errc::no_device when none is there, with the reason for each.
    placement operator()(const storage_info& s) {
        std::string reasons;
        for (; first_ < places_.size(); ++first_) {
            const placement& p = places_[first_];
            if (p.kind != placement::where::device) return p;
            const std::string why = detail::why_unavailable(p.target);
            if (why.empty()) return p;
            reasons += (reasons.empty() ? "" : "; ") + p.target.location() + ": " + why;
        }
        error e(errc::no_device, "no place of the fallback is there (" + reasons + ") -- end the list with \"cpu\"");
        if (!s.fields.empty()) e.at_field(s.fields.front());
        throw std::move(e);
    }

private:
    std::vector<placement> places_;
    std::size_t first_ = 0;
};
static_assert(map_location_policy<fallback>);

/// Fills devices in order, and leaves the rest on the host: `fit{"cuda:0", "cuda:1"}` up to the memory that is free on
/// each when its turn comes, `fit{{"cuda:0", 8'000'000'000}}` up to a stated number of bytes (a storage counts as a
/// multiple of 256, as it is allocated). Without devices: all that the machine has. Storages stay in the order of the
/// file: when one does not fit, its device takes no more, so that neighbouring layers stay together. Devices that are
/// not there take nothing.
class fit {
public:
    class row {
    public:
        /// With `bytes` as budget, or what is free, less what a large allocation may waste. Errors:
        /// errc::invalid_argument.
        template <class S>
            requires std::convertible_to<const S&, std::string_view>
        row(const S& location, std::uint64_t bytes = all_that_is_free)
            : row(device::parse(std::string_view(location)), bytes) {}
        row(device d, std::uint64_t bytes = all_that_is_free) : on_(d), bytes_(bytes) {}

    private:
        friend class fit;
        device on_;
        std::uint64_t bytes_, used_ = 0;
        bool asked_ = false, there_ = false;
    };
    static constexpr std::uint64_t all_that_is_free = UINT64_MAX;

    fit() : all_(true) {}
    fit(std::initializer_list<row> rows) : rows_(rows) {}

    placement operator()(const storage_info& s) {
        if (!std::exchange(started_, true) && all_)
            if (const backend* b = find_backend(device_type::cuda); b != nullptr)
                for (int i = 0, n = b->count(); i < n; ++i) rows_.push_back(device::cuda(i));
        const std::uint64_t size = allocated(s.nbytes);
        for (; current_ < rows_.size(); ++current_) {
            row& r = rows_[current_];
            if (!r.asked_) ask(r);
            if (!r.there_ || r.used_ > r.bytes_ || size > r.bytes_ - r.used_) continue;
            r.used_ += size;
            return r.on_;
        }
        return device::cpu();
    }

private:
    /// Asked only when its turn has come: the driver would open a device for the question.
    void ask(row& r) const {
        r.asked_ = true;
        r.there_ = detail::why_unavailable(r.on_).empty();
        const backend* b = find_backend(r.on_.type);
        if (!r.there_ || b == nullptr || r.bytes_ != all_that_is_free) return;
        std::uint64_t earlier = 0;  // by other rows of that device
        for (const row& other : rows_)
            if (other.on_ == r.on_) earlier += other.used_;
        const std::uint64_t free = b->free_bytes(r.on_), usable = free - free / 16;  // less what fragments
        r.bytes_ = usable < earlier ? 0 : usable - earlier;
    }
    /// What a storage takes of a device at least.
    static std::uint64_t allocated(std::uint64_t bytes) {
        return bytes > UINT64_MAX - detail::slot_alignment ? bytes : detail::round_up(bytes, detail::slot_alignment);
    }

    std::vector<row> rows_;
    std::size_t current_ = 0;
    bool all_ = false, started_ = false;
};
static_assert(map_location_policy<fit>);

}  // namespace tarc
