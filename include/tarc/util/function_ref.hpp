#pragma once

#include <type_traits>

namespace tarc::detail {

template <class Signature>
class function_ref;

/// A callable, not owned, for parameters: a function that takes one is compiled once, not once a lambda.
template <class R, class... A>
class function_ref<R(A...)> {
public:
    template <class F>
        requires std::is_class_v<std::remove_cvref_t<F>> && (!std::is_same_v<std::remove_cvref_t<F>, function_ref>)
    function_ref(F&& f)
        : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, A... a) -> R {
              return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<A>(a)...);
          }) {}

    R operator()(A... a) const { return call_(object_, static_cast<A>(a)...); }

private:
    void* object_;
    R (*call_)(void*, A...);
};

}  // namespace tarc::detail
