#pragma once

#include <functional>
#include <string>
#include <vector>

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/parameters.h"
#include "oko/train/trained_norm.h"
#include "oko/train/workers.h"

namespace oko::train {

// A graph::Network as a LibTorch module. Feature maps are channels-last in memory.
class Module {
 public:
  // The network must have inferred shapes; missing weights are initialized randomly (see
  // Parameters).
  Module(graph::Network network, at::Device device, std::uint64_t seed);

  const graph::Network& network() const { return network_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

  // Freezes layers (true by index): their parameters get no gradient, and their batch norms use the
  // running statistics unchanged. Frozen layers fed only by frozen layers run with batch norm
  // folded and without autograd.
  void freeze(std::vector<bool> layers);

  // Batch norm's weight for the old statistics: new = momentum·old + (1 − momentum)·batch.
  double statistics_momentum = .99;
  // The type of convolutions: float32 or bfloat16 (parameters and statistics stay float32).
  at::ScalarType compute_type = at::kFloat;

  // Seeds dropout on a CPU, together with the layer index; set it before each step. (Other devices
  // use LibTorch's own generator.)
  std::uint64_t dropout_seed = 0;
  // Where the input begins in the batch that several workers share: what is dropped depends on it.
  std::int64_t first_image = 0;
  // Those whose batches batch norm takes the statistics of together; null: of the own one alone.
  Workers* normalizing = nullptr;
  // Called with the output of every convolution without batch norm, before its activation.
  std::function<void(int layer, const at::Tensor& output)> observe;

  // Raw outputs of all heads, batch × channels × height × width, float32.
  std::vector<at::Tensor> forward(const at::Tensor& input);
  // The output of each layer named by index in `wanted`, in that order.
  std::vector<at::Tensor> forward(const at::Tensor& input, const std::vector<int>& wanted);

 private:
  at::Tensor run(const graph::Layer& layer, int index, const std::vector<at::Tensor>& inputs);
  at::Tensor convolve(const graph::Layer& layer, int index, const at::Tensor& input);
  // The batch norm of a convolution, and whether it takes the batch's statistics.
  TrainedNorm trained_norm(const graph::Layer& layer) const;
  bool trains_norm(const graph::Layer& layer) const;
  // Batch norm, activation and, if it can be done at once, the pooling after it.
  at::Tensor normalize(const graph::Layer& layer, int index, at::Tensor x);
  at::Tensor convolve_folded(const graph::Layer& layer, int index, const at::Tensor& input);

  graph::Network network_;
  Parameters parameters_;
  std::vector<bool> frozen_;    // by freeze()
  std::vector<bool> constant_;  // frozen, like everything before it
  struct Folded {
    at::Tensor kernel, bias;
  };
  std::vector<Folded> folded_;  // filled on first use, dropped by freeze()
  // By layer, in this forward pass: read by nothing but a pooling that halves the map; done
  // already.
  std::vector<bool> to_halve_, halved_;
};

}  // namespace oko::train
