#pragma once

#include <string>

#include "oko/jobs/spec.h"
#include "oko/jobs/vertex/api.h"

namespace oko::jobs::vertex {

// --project, or what the environment or the credentials say. Throws a usage Error if none does.
std::string project_for(Api& api, const Spec& spec);
// ".../v1/projects/P/locations/R/customJobs"
std::string jobs_url(Api& api, const Spec& spec);

// Everything that can be known before the job is sent: its names and machine; credentials; that the
// bucket exists and is in the same region; that the service answers and the account may use it;
// that the image exists, where its registry says so; that the project's quotas for GPUs and CPUs
// are large enough, if the account may read them.
void check(Api& api, const Spec& spec);

}  // namespace oko::jobs::vertex
