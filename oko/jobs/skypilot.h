#pragma once

#include <string>

#include "oko/jobs/spec.h"

namespace oko::jobs {

// A task file (YAML) for SkyPilot, which starts machines in some twenty clouds: `sky launch FILE`.
// The job's folder must be in a bucket; throws a usage Error otherwise.
// https://docs.skypilot.co/en/latest/reference/yaml-spec.html
std::string skypilot_task(const Spec& spec);

}  // namespace oko::jobs
