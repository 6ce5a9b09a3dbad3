#pragma once

#include <string>
#include <utility>

#include <tarc/error.hpp>
#include <tarc/tensor/backend.hpp>
#include <tarc/tensor/device.hpp>

namespace tarc::cuda {

/// The parts of this folder take the runtime as a template parameter `Api`, with the members of runtime_api (api.hpp).

/// What a code says of the machine, as a sentence, when it is that there is no device to be had; else empty.
template <class Api>
[[nodiscard]] std::string absence(typename Api::code c) {
    const std::string runtime = Api::name;
    if (c == Api::old_driver)
        return "no " + runtime + " driver is installed, or one that is older than the runtime of this program";
    if (c == Api::no_device)
        return "no " + runtime + " device is present, or the environment hides it from this process";
    return {};
}

template <class Api>
typename Api::code ask_count(int* n) {
    const typename Api::code c = Api::device_count(n);
    if (c != Api::success) static_cast<void>(Api::last_error());
    return c;
}

/// Empty when a device can be used, else why not, as a sentence.
template <class Api>
[[nodiscard]] std::string why_unavailable(device d) {
    int n = 0;  // which the runtime does not write when there is no driver
    const typename Api::code c = ask_count<Api>(&n);
    const std::string runtime = Api::name;
    if (const std::string why = absence<Api>(c == Api::success && n == 0 ? Api::no_device : c); !why.empty())
        return why;
    if (c != Api::success)
        return runtime + " does not work: asking for its devices gave " + Api::error_name(c) + " (" +
               Api::error_text(c) + ")";
    if (d.index < 0) return "there is no " + runtime + " device of that index";
    if (d.index < n) return {};
    const device first{Api::type, 0}, last{Api::type, static_cast<std::int16_t>(n - 1)};
    return n == 1 ? "the only " + runtime + " device is \"" + first.location() + "\""
                  : "there are only " + std::to_string(n) + " " + runtime + " devices, \"" + first.location() +
                        "\" to \"" + last.location() + "\"";
}

/// Turns a failed call into a tarc::error: errc::out_of_memory, errc::no_device, or errc::device_failed, which says
/// whether the process can go on. The runtime's own memory of the error is cleared, so that the caller's next check of
/// it does not find what was reported already.
template <class Api>
void check(typename Api::code c, const char* call, device d) {
    if (c == Api::success) return;
    static_cast<void>(Api::last_error());
    const std::string said = std::string(call) + " said " + Api::error_name(c) + " (" + Api::error_text(c) + ")";
    if (c == Api::no_memory) tarc::detail::raise(errc::out_of_memory, d.location() + ": " + said);
    if (const std::string why = absence<Api>(c); !why.empty()) tarc::detail::raise_unavailable(d, why);
    tarc::detail::raise(errc::device_failed,
                        d.location() + ": " + said +
                            (Api::is_sticky(c) ? " -- this device is lost for the process: every later call fails, "
                                                 "whatever it is; start the process anew"
                                               : ", perhaps of work that was started before"));
}

/// Makes a device the thread's current one, and brings the old one back.
template <class Api>
class device_guard {
public:
    explicit device_guard(device d) {
        check<Api>(Api::get_device(&before_), "asking for the current device", d);
        if (before_ == d.index) return;
        check<Api>(Api::set_device(d.index), "selecting the device", d);
        changed_ = true;
    }
    device_guard(const device_guard&) = delete;
    device_guard& operator=(const device_guard&) = delete;
    ~device_guard() {
        if (changed_ && Api::set_device(before_) != Api::success) static_cast<void>(Api::last_error());
    }

private:
    int before_ = 0;
    bool changed_ = false;
};

/// For destructors: an error there has nobody to go to.
template <class Api>
void ignore(typename Api::code c) noexcept {
    if (c != Api::success) static_cast<void>(Api::last_error());
}

}  // namespace tarc::cuda
