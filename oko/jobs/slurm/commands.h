#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/jobs/slurm/answers.h"
#include "oko/jobs/slurm/cluster.h"
#include "oko/jobs/slurm/request.h"

// Slurm's commands. All throw an Error that names the command and what it complained about: of
// kUsage if there is no such program on this machine, of kFailed otherwise.
namespace oko::jobs::slurm {

Cluster ask_cluster();
// Returns the job's number.
std::int64_t submit(const Request& request);
// Nothing if Slurm does not remember the job.
std::optional<JobAnswer> ask_job(std::int64_t id);
// Asks the workers to end, and kills them after the cluster's KillWait (30 s). Not an error if the
// job has ended.
void cancel(std::int64_t id);

}  // namespace oko::jobs::slurm
