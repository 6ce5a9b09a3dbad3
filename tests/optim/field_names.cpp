#include <doctest/doctest.h>

#include <tarc/optim.hpp>

namespace {

// What optim.hpp states for nvcc is what every other compiler finds.
template <class... T>
constexpr bool names_are_those_of_the_fields =
    ((tarc::detail::cpp_names<T>() == boost::pfr::names_as_array<T>()) && ...);

using namespace tarc::optim;
static_assert(names_are_those_of_the_fields<sgd_state, sgd_group, sgd, adam_state, adam_group, adam>);
static_assert(names_are_those_of_the_fields<adamw_group, adamw, rmsprop_state, rmsprop_group, rmsprop>);
static_assert(names_are_those_of_the_fields<adagrad_state, adagrad_group, adagrad>);

template <class... T>
constexpr bool all_state_names = (tarc::detail::has_field_names<T>() && ...);
static_assert(all_state_names<sgd_state, sgd_group, sgd, adam_state, adam_group, adam, adamw_group, adamw>);
static_assert(all_state_names<rmsprop_state, rmsprop_group, rmsprop, adagrad_state, adagrad_group, adagrad>);

}  // namespace

TEST_CASE("the optimizers' structs state their fields' names: checked at compile time") {}
