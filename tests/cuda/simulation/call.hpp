#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <type_traits>

#include "error_texts.hpp"
#include "world.hpp"

namespace cuda_sim {

/// What every exported function does around its own work: counts, injected and sticky errors, the log, the thread's
/// last error.
enum class call_kind {
    usual,
    pure,     ///< answers in spite of a sticky error
    version,  ///< and without a driver
    report,   ///< only about errors: not counted with the others, never failed
};

template <class Argument>
void print_argument(std::ostream& out, const Argument& argument) {
    if constexpr (std::is_enum_v<Argument>) {
        out << static_cast<int>(argument);
    } else if constexpr (std::is_pointer_v<Argument> && std::is_function_v<std::remove_pointer_t<Argument>>) {
        out << reinterpret_cast<const void*>(argument);
    } else if constexpr (std::is_pointer_v<Argument>) {
        out << static_cast<const void*>(argument);
    } else {
        out << argument;
    }
}

/// A call that nothing has to be done for when it fails.
struct nothing_to_abandon {
    void operator()(world&) const {}
};

/// One call of the API. `body(world, lock)` does it; `abandon(world)` is for calls that free something: they cannot be
/// tried again for ever, so what a failure from outside keeps alive counts as given up.
template <class Body, class Abandon, class... Arguments>
cudaError_t call(const char* name, call_kind kind, const Body& body, const Abandon& abandon,
                 const Arguments&... arguments) {
    world& all = world::the();
    thread_state& me = world::mine();
    guard lock(all.mutex);
    if (me.generation != all.generation) me.start(all.generation);
    if (kind != call_kind::report) ++all.calls;
    ++all.calls_of[name];
    const char* const outer_call = me.call;
    const std::uint64_t outer_number = me.number;
    me.call = name;
    me.number = all.calls;

    const auto outside = [&]() -> cudaError_t {
        if (kind == call_kind::version) return cudaSuccess;
        if (!all.settings.driver) return cudaErrorInsufficientDriver;
        if (all.settings.devices == 0) return cudaErrorNoDevice;
        if (kind == call_kind::report) return cudaSuccess;
        if (me.in_host_function) {
            all.misused("a host function of a stream must not call CUDA");
            return cudaErrorNotPermitted;
        }
        const auto counted = all.fail_call_of.find(name);
        const bool of_all = all.fail_call.hit();
        const bool of_this = counted != all.fail_call_of.end() && counted->second.hit();
        if (of_all || of_this) {
            const cudaError_t code = of_all ? all.fail_call.code : counted->second.code;
            all.fail(code);
            return code;
        }
        return kind == call_kind::usual ? all.sticky : cudaSuccess;
    };
    cudaError_t result = outside();
    if (result != cudaSuccess) {
        abandon(all);
    } else {
        result = body(all, lock);
        if (kind == call_kind::usual && all.sticky != cudaSuccess) result = all.sticky;
    }
    if (result != cudaSuccess && result != cudaErrorNotReady && kind != call_kind::report) me.last_error = result;
    if (all.logging) {
        std::ostringstream line;
        line << name << '(';
        [[maybe_unused]] const char* separator = "";
        ((line << separator, print_argument(line, arguments), separator = ", "), ...);
        line << ") = " << static_cast<int>(result) << ' ' << error_name(result) << '\n';
        all.log += line.str();
    }
    me.call = outer_call;
    me.number = outer_number;
    return result;
}

template <class Body, class... Arguments>
cudaError_t call(const char* name, const Body& body, const Arguments&... arguments) {
    return call(name, call_kind::usual, body, nothing_to_abandon{}, arguments...);
}

}  // namespace cuda_sim
