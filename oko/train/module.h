#pragma once

#include <string>
#include <vector>

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/parameters.h"

namespace oko::train {

// A graph::Network as LibTorch computes it. Maps are channels-last in memory.
class Module {
 public:
  // The network must have inferred shapes; weights it lacks are drawn (see Parameters).
  Module(graph::Network network, at::Device device, std::uint64_t seed);

  const graph::Network& network() const { return network_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

  // Freezes layers (true by index): their parameters get no gradient and their batch norms use, and
  // keep, the running statistics. Frozen layers that only frozen ones feed run with batch norm
  // folded and without autograd.
  void freeze(std::vector<bool> layers);
  bool is_frozen(int layer) const { return frozen_[static_cast<std::size_t>(layer)]; }

  // Batch norm's weight for the old statistics: new = momentum·old + (1 − momentum)·batch.
  double statistics_momentum = .99;
  // The type convolutions compute in: float32 or bfloat16 (parameters and statistics stay float32).
  at::ScalarType compute_type = at::kFloat;

  // Decides, with a layer's index, what dropout drops on a CPU; to be changed before each step.
  // (On other devices LibTorch's own generator does.)
  std::uint64_t dropout_seed = 0;

  // Raw maps of all heads, batch × channels × height × width, float32.
  std::vector<at::Tensor> forward(const at::Tensor& input);
  // The output of each layer named by index in `wanted`, in that order.
  std::vector<at::Tensor> forward(const at::Tensor& input, const std::vector<int>& wanted);

 private:
  at::Tensor run(const graph::Layer& layer, int index, const std::vector<at::Tensor>& inputs);
  at::Tensor convolve(const graph::Layer& layer, int index, const at::Tensor& input);
  // Batch norm and activation.
  at::Tensor normalize(const graph::Layer& layer, const graph::Convolution& conv, at::Tensor x);
  at::Tensor convolve_folded(const graph::Layer& layer, int index, const at::Tensor& input);

  graph::Network network_;
  Parameters parameters_;
  std::vector<bool> frozen_;    // by freeze()
  std::vector<bool> constant_;  // frozen, and so is everything before it
  struct Folded {
    at::Tensor kernel, bias;
  };
  std::vector<Folded> folded_;  // filled when first needed, dropped by freeze()
};

}  // namespace oko::train
