#pragma once

#include <utility>

#include <tarc/archive/open.hpp>

namespace tarc {

/// Loads a struct from an archive, one of PyTorch's or of tarc's. `policy` is PyTorch's map_location: the text of a
/// device, a device, a table (remap), a memory resource, `meta`, `mapped`, or any callable from storage_info to
/// placement; without one every storage goes where its tag says. The report of a strict load is complete before a
/// tensor byte is read. Errors: mismatch_error, errc::checksum_mismatch, errc::no_device, errc::io and all those of
/// open().
template <class T>
[[nodiscard]] T load(const input& from, const load_options& options = {}) {
    return open(from, {options.limits, options.files}).template load<T>(options);
}
template <class T, map_location_argument P>
[[nodiscard]] T load(const input& from, P&& policy, const load_options& options = {}) {
    return open(from, {options.limits, options.files}).template load<T>(static_cast<P&&>(policy), options);
}

/// Loads into a struct that exists. On any error the target is as it was; handles elsewhere keep the old bytes. With
/// `.strict = false` what does not fit keeps its value and is reported. With `.in_place = true` tensor bytes are
/// written into the storages that the target has; only then an error of the transfer itself leaves those bytes
/// unspecified (error::torn()).
template <class T>
load_report load_into(T& target, const input& from, const load_options& options = {}) {
    return open(from, {options.limits, options.files}).load_into(target, as_saved{}, options);
}
template <class T, map_location_argument P>
load_report load_into(T& target, const input& from, P&& policy, const load_options& options = {}) {
    return open(from, {options.limits, options.files}).load_into(target, static_cast<P&&>(policy), options);
}

}  // namespace tarc
