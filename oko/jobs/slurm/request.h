#pragma once

#include <string>
#include <vector>

#include "oko/jobs/slurm/cluster.h"
#include "oko/jobs/spec.h"

namespace oko::jobs::slurm {

// What is given to sbatch: its arguments, and the script on its standard input.
struct Request {
  std::vector<std::string> words;  // "sbatch", "--parsable", …
  std::string script;
};

// The options stand in the arguments, not in #SBATCH lines: SBATCH_* variables of the user's shell
// would override those lines, and arguments need no quoting.
// `program`: path of oko on the nodes. `output`: file for what the script and all workers print.
Request request_of(const Spec& spec, const Fit& fit, const std::string& program,
                   const std::string& output);

// Throws usage Errors for settings that cannot be passed on.
void check_settings(const Spec& spec);

}  // namespace oko::jobs::slurm
