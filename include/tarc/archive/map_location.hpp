#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <tarc/tensor/backend.hpp>
#include <tarc/tensor/dtype.hpp>
#include <tarc/util/vec.hpp>

namespace tarc {

/// What a map_location policy is asked about: one storage, before anything is allocated for it.
struct storage_info {
    std::string_view location;  ///< the tag in the file: "cpu", "cuda:1", or any other text
    std::uint64_t nbytes = 0;
    tarc::dtype dtype = tarc::dtype::float32;
    std::span<const std::string_view> fields;  ///< the paths in the file of all tensors over it that this load binds
    /// More than one tensor of this load views it.
    [[nodiscard]] bool shared() const noexcept { return fields.size() > 1; }
};

/// Shapes only, no bytes are read: as a policy or as a placement.
struct meta_placement {};
inline constexpr meta_placement meta{};

/// A private, writable view of the file, copied page by page on write; nothing is read or verified before it is
/// touched, the headers around the bytes neither (archive::verify does). All views of a load are one mapping. The file
/// must not shrink while such a storage lives (the process would be killed). Falls back to a copy where a record cannot
/// be mapped (compressed, foreign byte order, no file), and for bool tensors, whose bytes must be checked before use.
struct mapped_placement {};
inline constexpr mapped_placement mapped{};

/// A policy's answer: where one storage goes.
struct placement {
    enum class where : std::uint8_t { tag, device, resource, shapes, view };

    /// To the device that the file's tag names.
    placement() = default;
    placement(tarc::device d) : kind(d.type == device_type::meta ? where::shapes : where::device), target(d) {}
    placement(meta_placement) : kind(where::shapes) {}
    placement(mapped_placement) : kind(where::view) {}
    placement(resource_ref r) : kind(where::resource), resource(r) {}
    /// The text of a device. Errors: errc::invalid_argument when it names none.
    template <class S>
        requires std::convertible_to<const S&, std::string_view>
    placement(const S& location) : placement(tarc::device::parse(std::string_view(location))) {}
    template <memory_resource R>
        requires(!std::same_as<std::remove_cvref_t<R>, resource_ref>)
    placement(R& r) : placement(resource_ref(r)) {}

    where kind = where::tag;
    tarc::device target;
    std::optional<resource_ref> resource;
};

/// Decides where storages go: called once per storage, in file order, before it is allocated. It is copied for each
/// load and may keep state. What it throws reaches the caller, with nothing changed.
template <class P>
concept map_location_policy = requires(P& p, const storage_info& s) {
    { p(s) } -> std::convertible_to<placement>;
};

/// Each storage to the device that its tag names. The default.
struct as_saved {
    placement operator()(const storage_info&) const { return {}; }
};

static_assert(map_location_policy<as_saved>);

/// What stands in the place of a policy in the calls of tarc: a policy, a device, its text as in torch.load, or
/// anything else that is a placement.
template <class P>
concept map_location_argument = map_location_policy<std::remove_cvref_t<P>> || std::convertible_to<P, placement>;

namespace detail {

struct constant_placement {
    placement where;
    placement operator()(const storage_info&) const { return where; }
};

template <map_location_argument P>
auto make_policy(P&& p) {
    if constexpr (map_location_policy<std::remove_cvref_t<P>>)
        return std::remove_cvref_t<P>(static_cast<P&&>(p));
    else
        return constant_placement{placement(static_cast<P&&>(p))};
}

/// A policy by reference, so that loading is no template of it.
struct policy_ref {
    void* object;
    placement (*call)(void*, const storage_info&);

    template <map_location_policy P>
        requires(!std::is_same_v<std::remove_cv_t<P>, policy_ref>)  // else a copy of it would refer to it
    explicit policy_ref(P& p)
        : object(&p), call([](void* o, const storage_info& s) -> placement { return (*static_cast<P*>(o))(s); }) {}
    placement operator()(const storage_info& s) const { return call(object, s); }
};

/// The fix that every error about a location names.
inline constexpr std::string_view location_advice =
    " -- load it with map_location = \"cpu\", or a policy that places it on a device of this machine";

/// A placement with its device known and usable. `usable`: devices of which that was found before; the driver is asked
/// once for each. Errors: errc::no_device with the field, the tag and the fix.
[[nodiscard]] inline placement resolve(placement p, const storage_info& s, vec<device>& usable) {
    const auto fail = [&](std::string what) {
        error e(errc::no_device, std::move(what) + std::string(location_advice));
        if (!s.fields.empty()) e.at_field(s.fields.front());
        throw std::move(e);
    };
    const bool as_tagged = p.kind == placement::where::tag;
    if (as_tagged) {
        const auto d = device::try_parse(s.location);
        if (!d) fail("the storage is tagged \"" + std::string(s.location) + "\", a location that tarc does not know");
        p = placement(*d);
    }
    if (p.kind == placement::where::resource) p.target = p.resource->device();
    if (p.kind == placement::where::resource && p.target.type == device_type::meta)
        raise(errc::invalid_argument, "a memory resource whose device is \"meta\" has no memory -- use tarc::meta");
    if (p.kind != placement::where::device) return p;
    for (const device d : usable)
        if (d == p.target) return p;
    if (const std::string why = why_unavailable(p.target); !why.empty())
        fail("the storage " + std::string(as_tagged ? "is " : "") + "tagged \"" + std::string(s.location) +
             (as_tagged ? "\", but " : "\" is to go to \"" + p.target.location() + "\", but ") + why);
    usable.push_back(p.target);
    return p;
}

}  // namespace detail
}  // namespace tarc
