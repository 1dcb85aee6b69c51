#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "oko/cost/gpus.h"
#include "oko/cost/operations.h"
#include "oko/cost/range.h"

namespace oko::cost {

// A training run to predict.
struct Workload {
  Operations operations;  // of one image
  std::int64_t images = 0, val_images = 0;
  int epochs = 1;
  int batch = 16;    // images of an update on one worker
  int workers = 1;   // each on a GPU of its own
  bool half = true;  // 16 bits where the GPU has them
  double checkpoint_minutes = 5;
  // GPU memory that a worker's batch needs, in 16 and in 32 bits.
  double half_gb = 0, full_gb = 0;
};

// What a probe measured of this run on this machine (oko/train/probe.h).
struct Probe {
  std::string device;       // "cpu, 2 threads, bf16"
  int cores = 1;            // that may be used
  int updates = 0;          // that were timed
  double load_average = 0;  // of the machine while it was measured
  Range train, validate;    // seconds per image; train includes waiting for images
  // Seconds of one core per image: preparing a training image; evaluating a validation image apart
  // from the network.
  double load = 0, judge = 0;
};

// Training speed that was measured on another machine.
struct Measured {
  std::string gpu;               // a name of gpus.csv
  double seconds_per_image = 0;  // on one GPU, apart from waiting for images
};

struct Prediction {
  Range seconds;                  // of training, from the first update to the last evaluation
  bool waits_for_images = false;  // loading takes longer than the GPU
  bool fits = true;               // in the GPU's memory
};

// On this machine, from the probe alone.
Prediction predict_here(const Workload& run, const Probe& probe);

// On machines with `gpus_per_machine` GPUs and `vcpus` virtual CPUs each (0: not known).
//
// Training on an image takes as long as the slower of the GPU and the CPUs that load images beside
// it. The GPU's time comes from `measured` if it is given, else from operations.h; loading from
// `probe`, without which it is ignored. Assumed, not measured: a rented virtual CPU, half a core,
// prepares 1/2.5 to 1 of what a core here does.
Prediction predict(const Workload& run, const Gpu& gpu, int gpus_per_machine, int vcpus,
                   const std::optional<Probe>& probe, const std::optional<Measured>& measured);

// Throughput of `workers` relative to one. Within a machine .91 to 1 each (Lambda's benchmark, 2 to
// 8 GPUs); between machines .6 to .95, which is assumed.
Range speedup(int workers, int gpus_per_machine);

}  // namespace oko::cost
