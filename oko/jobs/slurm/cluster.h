#pragma once

#include <string>
#include <vector>

#include "oko/jobs/slurm/answers.h"
#include "oko/jobs/spec.h"

namespace oko::jobs::slurm {

// What sinfo reports of the cluster.
struct Cluster {
  std::vector<Nodes> nodes;
  std::string default_partition;  // empty: none, or not known
};

// What the spec asks of the cluster, in the cluster's own words.
struct Fit {
  std::string gpu_type;  // the cluster's name for Resources::gpu_type: "nvidia_a100_80gb_pcie"
  std::int64_t minutes =
      0;  // the longest job in its partition, the shortest of several; 0: no limit
};

// Workers on one node, from --workers and --nodes. Throws a usage Error if they do not divide.
int workers_per_node(const Spec& spec);

// Throws usage Errors that name what there is: for a partition that does not exist or is down, for
// a GPU that none of its nodes has, and for more GPUs or nodes than it has.
Fit fit(const Spec& spec, const Cluster& cluster);

}  // namespace oko::jobs::slurm
