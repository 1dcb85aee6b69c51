#pragma once

#include <string>
#include <string_view>

#include "oko/jobs/backend.h"
#include "oko/jobs/slurm/answers.h"

namespace oko::jobs::slurm {

// Slurm's state and reason of a job in plain words.
Observation observation_of(const JobAnswer& job);

// What to do about a submission that sbatch refused with these words; empty: nothing is known.
std::string hint_for_refusal(std::string_view complaint);

}  // namespace oko::jobs::slurm
