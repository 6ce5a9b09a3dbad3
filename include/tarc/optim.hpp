#pragma once

/// The optimizers of torch.optim as structs, and what binds their state to the parameters of a model.
#include <tarc/optim/align.hpp>
#include <tarc/optim/state.hpp>
