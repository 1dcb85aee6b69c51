#pragma once

#include "oko/run/run.h"

namespace oko::train {

// Throws a usage Error if the folder contains a run, or files that a run would overwrite.
void refuse_a_second_run(const run::Paths& paths);

// Checks what would otherwise fail at the first checkpoint or at the end. Throws a storage Error.
void check_outputs(const run::Paths& paths);

}  // namespace oko::train
