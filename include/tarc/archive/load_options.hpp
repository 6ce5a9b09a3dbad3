#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <tarc/archive/key.hpp>
#include <tarc/archive/key_map.hpp>
#include <tarc/fwd.hpp>
#include <tarc/io/file.hpp>
#include <tarc/limits.hpp>
#include <tarc/progress.hpp>
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
    /// How else the keys of state_dicts differ, after strip_prefix: `.keys = {{"backbone.", "encoder."}}`, a function,
    /// or key_regex() of its own header.
    key_map keys = {};
    /// Only what these globs cover takes part: `.select = {"model_state_dict", "*.bias"}`. Paths are those of the
    /// report, below `at`, any of the globs may match, and one covers also what stands below. What takes no part is not
    /// read, keeps its value, and is neither missing nor unexpected. A list, map or set is taken whole. Empty:
    /// everything.
    std::vector<std::string> select = {};
    /// What these cover takes no part.
    std::vector<std::string> skip = {};
    /// Tensors and numbers of another dtype than the field's; `retyped` in tarc::describe goes before it.
    dtype_policy dtypes = dtype_policy::exact;
    /// load_into only: write into the storages that the target's tensors have, where dtype and shape match and they are
    /// contiguous; every handle on them sees the new values.
    bool in_place = false;
    /// How many threads read and check at most; 0: up to four, where there is enough to read.
    std::size_t threads = 0;
    /// The host memory through which bytes go to devices.
    tarc::staging staging = {};
    /// Is told how far the load is, and can end it. Counts the storages that are read.
    progress_callback progress = {};
    tarc::limits limits = {};
    /// The system calls; null means the system's own.
    file_system* files = nullptr;
};

}  // namespace tarc
