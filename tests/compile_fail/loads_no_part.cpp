// expect-once: static assertion failed.*tarc: the file has nothing at this path
// expect: no_such_part<run_file, .*"model_state_dict".*"decoder"
// reject: error: (?!static assertion failed.*tarc: )
#include <tarc/tarc.hpp>

#include "run_file.hpp"

static_assert(tarc::loads<tarc::value>(tarc::part<"model_state_dict", "decoder">(run)));
