#pragma once

#include <algorithm>  // std::min
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include <tarc/error.hpp>
#include <tarc/util/shared_function.hpp>

namespace tarc {

/// How far a save, a load, a verification or a conversion is.
struct progress {
    std::uint64_t done = 0;   ///< bytes of tensors that have been written, or read and checked
    std::uint64_t total = 0;  ///< what `done` is at the end; the same in every call
    /// What was worked on last, "data/3"; the tensor's name in formats that have no records; empty in the first and the
    /// last call. Valid during the call.
    std::string_view record;
};

/// Who is told how far the work is: anything that is called with a `const progress&`, and returns nothing, or a bool
/// that says whether to go on. False ends the work with errc::cancelled, like any failure of it: a path holds what it
/// held, nothing temporary is left, the target of a load is as it was (one in place apart, see error::torn). What it
/// throws comes out of the call.
///
/// It is called once before the first byte moves, then about once a MiB, and once with done == total, before a save
/// replaces its target and before a load commits. The calls come from the thread that called save, load or verify (for
/// save_async: from the one that writes), one after the other, and `done` never falls. A handle: copies call the same
/// object, which is a copy of what was given.
class progress_callback {
public:
    progress_callback() = default;
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, progress_callback> &&
                 std::is_invocable_v<std::decay_t<F>&, const progress&>)
    progress_callback(F&& f) {
        if constexpr (std::is_void_v<std::invoke_result_t<std::decay_t<F>&, const progress&>>)
            call_ = [g = std::decay_t<F>(static_cast<F&&>(f))](const progress& p) mutable { return g(p), true; };
        else
            call_ = static_cast<F&&>(f);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(call_); }
    /// Whether to go on.
    bool operator()(const progress& p) const { return call_(p); }

private:
    detail::shared_function<bool(const progress&)> call_;
};

namespace detail {

/// The bytes of one piece of work, counted for a callback. Used by one thread.
class progress_meter {
public:
    /// `to` must outlive it.
    explicit progress_meter(const progress_callback& to) noexcept : to_(to) {}
    progress_meter(const progress_meter&) = delete;
    progress_meter& operator=(const progress_meter&) = delete;

    /// The meter, or null where nobody listens, so that work without a listener makes one test a piece.
    [[nodiscard]] progress_meter* if_wanted() noexcept { return to_ ? this : nullptr; }

    void start(std::uint64_t total) {
        total_ = total;
        tell({});
    }
    void add(std::uint64_t bytes, std::string_view record) {
        done_ += bytes;
        if (done_ - told_ >= step && done_ < total_) tell(record);
    }
    void finish() {
        done_ = total_;
        tell({});
    }
    /// Whether the last thing that was thrown came out of the callback.
    [[nodiscard]] bool has_thrown() const noexcept { return calling_; }

private:
    static constexpr std::uint64_t step = std::uint64_t{1} << 20;

    void tell(std::string_view record) {
        told_ = done_;
        calling_ = true;
        const bool go_on = to_({done_, total_, record});
        calling_ = false;
        if (!go_on) raise(errc::cancelled, "the progress callback ended this");
    }

    const progress_callback& to_;
    std::uint64_t done_ = 0, total_ = 0, told_ = 0;
    bool calling_ = false;
};

/// Calls `use` with the bytes: at once where nobody listens, else in pieces that are counted.
template <class Use>
void use_metered(progress_meter* meter, std::span<const std::byte> bytes, std::string_view record, Use&& use) {
    if (meter == nullptr) return use(bytes);
    constexpr std::size_t most = std::size_t{4} << 20;
    while (!bytes.empty()) {
        const std::span<const std::byte> piece = bytes.first(std::min(bytes.size(), most));
        use(piece);
        meter->add(piece.size(), record);
        bytes = bytes.subspan(piece.size());
    }
}

}  // namespace detail
}  // namespace tarc
