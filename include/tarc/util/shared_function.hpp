#pragma once

#include <concepts>
#include <memory>  // std::shared_ptr
#include <type_traits>

namespace tarc::detail {

template <class Signature>
class shared_function;

/// A callable that is kept, or none. A handle: copies call the same object.
template <class R, class... A>
class shared_function<R(A...)> {
public:
    shared_function() = default;
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, shared_function> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, A...>)
    shared_function(F&& f) : callable_(std::make_shared<holder<std::decay_t<F>>>(static_cast<F&&>(f))) {}

    [[nodiscard]] explicit operator bool() const noexcept { return callable_ != nullptr; }
    R operator()(A... a) const { return callable_->call(static_cast<A&&>(a)...); }

private:
    struct callable {
        virtual ~callable() = default;
        virtual R call(A... a) = 0;
    };
    template <class F>
    struct holder final : callable {
        template <class G>
        explicit holder(G&& g) : f(static_cast<G&&>(g)) {}
        R call(A... a) override { return f(static_cast<A&&>(a)...); }
        F f;
    };

    std::shared_ptr<callable> callable_;
};

}  // namespace tarc::detail
