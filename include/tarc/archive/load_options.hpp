#pragma once

#include <string>
#include <vector>

#include <tarc/archive/key.hpp>
#include <tarc/io/file.hpp>
#include <tarc/limits.hpp>
#include <tarc/transfer/staging.hpp>

namespace tarc {

/// How to load. Every member has a default.
struct load_options {
    /// A difference between file and struct is an error (mismatch_error); false takes what fits and reports the rest.
    bool strict = true;
    /// Compare every byte that is read with its checksum.
    bool verify = true;
    /// Where in the file the struct stands: `.at = {"model_state_dict"}`.
    std::vector<key> at = {};
    /// Taken off the front of every key of a state_dict that has it: `.strip_prefix = "module."`.
    std::string strip_prefix = {};
    /// load_into only: write into the storages that the target's tensors have, where dtype and shape match and they are
    /// contiguous; every handle on them sees the new values.
    bool in_place = false;
    /// The host memory through which bytes go to devices.
    tarc::staging staging = {};
    tarc::limits limits = {};
    /// The system calls; null means the system's own.
    file_system* files = nullptr;
};

}  // namespace tarc
