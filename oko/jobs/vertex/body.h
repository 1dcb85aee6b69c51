#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/jobs/spec.h"

namespace oko::jobs::vertex {

// The label by which a job is found again, with Spec::id as its value.
inline constexpr const char* kLabel = "oko-job";

// The CustomJob that `spec` asks for: the body of customJobs.create. Worker 0 is the only one of
// its pool, the others are the second pool; Vertex AI tells each by CLUSTER_SPEC which one it is
// (oko/jobs/placement.h). Throws usage Errors for what Vertex AI could not run.
// https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs
Json custom_job(const Spec& spec);

}  // namespace oko::jobs::vertex
