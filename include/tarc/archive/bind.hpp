#pragma once

/// A file's tree against a struct: all of the binder.
#include <tarc/archive/bind_dict.hpp>
#include <tarc/archive/bind_module.hpp>
#include <tarc/archive/bind_values.hpp>
#include <tarc/archive/binder.hpp>
