#pragma once

#include <string>

#include "oko/base/progress.h"

namespace oko::jobs::slurm {

// Where the nodes find oko. `setting` is --program: a path; "bundle" for this oko with its
// libraries (oko/package/bundle.h) in the registry; or empty: this program itself if it is on the
// same disk as the registry, which the nodes have to see anyway, and a bundle if not.
std::string program_on_nodes(const std::string& setting);
// Copies the bundle, if one is used, unless it is there from an earlier job.
void install_program(const std::string& setting, Progress& progress);

}  // namespace oko::jobs::slurm
