#pragma once

#include <string>
#include <string_view>

#include "oko/jobs/spec.h"

namespace oko::jobs::vertex {

// What one worker runs on.
struct Machine {
  std::string type;         // "n1-standard-8"
  std::string accelerator;  // an AcceleratorType of the API: "NVIDIA_TESLA_T4"; empty: none
  int accelerators = 0;
  // The quotas of custom training that it uses, without "aiplatform.googleapis.com/", and how much
  // of them a worker takes: "custom_model_training_nvidia_t4_gpus". Empty: not known.
  std::string gpu_quota, cpu_quota;
  int cpus = 0;
};

// The machine that `resources` ask for: the given type, or the smallest usual one for its GPUs.
// Throws a usage Error naming the possible ones if Vertex AI does not have that GPU, or cannot
// attach so many of it to that machine.
Machine machine_for(const Resources& resources);

}  // namespace oko::jobs::vertex
