#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/graph/network.h"
#include "oko/runtime/model.h"

// How long each step of the phone engine takes on this machine.
namespace oko::runtime {

struct ProfileOptions {
  ModelOptions model{};
  int threads = 1;
  int rounds = 0;  // timed runs; 0: as many as fit in two seconds, at least 5
};

// One step of the engine's plan.
struct StepProfile {
  std::string layers;  // of the network: "8+9" where two are fused, "in" for its input
  std::string work;    // describe()
  graph::Shape in;
  std::vector<graph::Shape> out;   // two if the tensor before pooling is needed as well
  double flop = 0;                 // of the direct convolution, a multiply-add counted as 2
  double fastest = 0, median = 0;  // seconds
  double share = 0;                // of all steps' fastest times
  double rate() const { return flop / fastest; }
};

struct Profile {
  SimdTarget target = SimdTarget::kScalar;
  Precision precision = Precision::kFloat32;
  int threads = 1, rounds = 0;
  std::vector<StepProfile> steps;
  double flop = 0;
  double fastest = 0, median = 0;  // seconds for all steps of a round
  double steps_fastest = 0;        // sum of the steps' fastest times: the same on an idle machine
  double peak = 0;                 // operations per second (peak.h), 0: unknown
  std::size_t weight_bytes = 0;    // packed
  std::size_t map_bytes = 0;       // the arena
  std::size_t scratch_bytes = 0;   // of all threads
  std::size_t border_bytes = 0;    // the input and the heads, float32
  std::size_t all_bytes() const { return weight_bytes + map_bytes + scratch_bytes + border_bytes; }
};

// Runs the network on `input` (3 × height × width floats). Throws an input Error for a network that
// the engine cannot run. The first round warms the caches.
Profile profile(const graph::Network& network, std::span<const float> input,
                const ProfileOptions& options, Progress& progress);

// Uniform random values from 0 to 1, as many as the network takes.
std::vector<float> synthetic_image(const graph::Network& network);
// Calibrates a network with weights for int8 on this one input.
void quantize_on(graph::Network& network, std::span<const float> input, int threads);

}  // namespace oko::runtime
