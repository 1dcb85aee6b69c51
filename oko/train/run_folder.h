#pragma once

#include <string>

#include "oko/run/run.h"

namespace oko::train {

// Throws a usage Error if the folder contains a run, or files that a run would overwrite.
void refuse_a_second_run(const run::Paths& paths);

// The command that resumes the run of this folder, as a hint; within a job (OKO_JOB) the job's.
std::string how_to_continue(const std::string& folder);

// Checks what would otherwise fail at the first checkpoint or at the end. Throws a storage Error.
void check_outputs(const run::Paths& paths);

}  // namespace oko::train
