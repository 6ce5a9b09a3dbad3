#pragma once

#include "checkpoint.hpp"

namespace cli {

/// Makes of every entire nn.Module of a file, pickled or of TorchScript, its state_dict(): a dict of dotted names.
void make_state_dicts(const checkpoint& c);

}  // namespace cli
