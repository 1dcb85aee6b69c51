#pragma once

#include <functional>
#include <optional>
#include <string>

namespace oko::jobs {

// Which of a job's workers this process is.
struct Placement {
  int rank = 0, size = 1;
  int local_rank = 0;          // among the workers on the same machine: which GPU to use
  std::string master_address;  // of worker 0; empty if there is one worker
  int master_port = 29500;
};

// From the environment that a launcher sets, the first of these that is there:
//   RANK, WORLD_SIZE               torchrun's names; oko's own back ends
//   SLURM_PROCID, SLURM_NTASKS     srun
//   JOB_COMPLETION_INDEX           Kubernetes' indexed jobs; with WORLD_SIZE
//   CLUSTER_SPEC                   Vertex AI: a JSON object that also names worker 0's host
// Several workers also need MASTER_ADDR, and may have MASTER_PORT and LOCAL_RANK or SLURM_LOCALID.
// Without any: one worker. Throws a usage Error naming the variable if its value makes no sense.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Placement placement_of(const Environment& environment);

}  // namespace oko::jobs
