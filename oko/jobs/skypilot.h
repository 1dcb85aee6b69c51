#pragma once

#include <span>
#include <string>

#include "oko/jobs/backend.h"
#include "oko/jobs/spec.h"

namespace oko::jobs {

// The settings that a task file can express.
std::span<const Setting> skypilot_settings();

// A task file (YAML) for SkyPilot, which starts machines in some twenty clouds: `sky launch FILE`.
// SkyPilot copies the job's inputs to each machine. The job's folder must be in a bucket; throws a
// usage Error otherwise. https://docs.skypilot.co/en/latest/reference/yaml-spec.html
std::string skypilot_task(const Spec& spec);

}  // namespace oko::jobs
