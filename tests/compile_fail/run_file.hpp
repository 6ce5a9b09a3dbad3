#pragma once

#include <cstdint>
#include <string_view>

#include <tarc/reflect/file_schema.hpp>

/// The file that the cases loads_*.cpp hold their structs against, as `tarc schema --cpp` would write it.
struct run_file {
    static constexpr std::string_view file = "run.pt";
    static constexpr std::int64_t filter[] = {64, 3, 7, 7}, bias[] = {64};
    static constexpr tarc::file_node nodes[] = {
        {.kind = tarc::file_kind::dict, .inside = 4, .size = 2},
        {.kind = tarc::file_kind::integer, .key = "epoch"},
        {.kind = tarc::file_kind::dict, .key = "model_state_dict", .inside = 2, .size = 2},
        {.kind = tarc::file_kind::tensor, .key = "encoder.first_layer.weight", .shape = filter},
        {.kind = tarc::file_kind::tensor, .key = "encoder.first_layer.bias", .shape = bias},
    };
};
inline constexpr run_file run;
