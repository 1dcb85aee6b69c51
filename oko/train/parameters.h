#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/graph/network.h"
#include "oko/train/aten.h"

namespace oko::train {

// One trainable tensor: a view into the buffers of Parameters.
struct Parameter {
  std::string name;  // the weight's name in graph::Weights
  int layer = 0;
  bool decay = false;  // kernels only
  std::int64_t offset = 0, count = 0;
  at::Tensor value;  // autograd leaf; its gradient is a view into Parameters::gradient
};

// All values of a network in one float32 buffer: kernels first, then biases and scales, then batch
// norm statistics. So optimizer, EMA, clipping and checkpoints are a few operations on long vectors
// instead of many on short ones, and a checkpoint is a few tensors.
class Parameters {
 public:
  // Copies the network's weights; missing ones are initialized: kernels by He (normal, sqrt(2 /
  // fan-in)), scales 1, biases 0, statistics 0 and 1, and the output convolutions of yolo heads
  // small, with an objectness bias that means "nothing here" (1 % at the start). Throws an input
  // Error for a weight of the wrong shape or type.
  Parameters(const graph::Network& network, at::Device device, std::uint64_t seed);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const at::Tensor& flat() const { return flat_; }          // parameters, then statistics
  const at::Tensor& gradient() const { return gradient_; }  // parameters only

  // By weight name; asserts that it exists.
  at::Tensor value(const std::string& name) const;

  // Copies a complete set of weights. Throws an input Error, and copies nothing, if one is missing,
  // has the wrong shape or type, or belongs to no layer.
  void assign(const graph::Weights& weights, const std::string& place);

  // The values of `flat` (this buffer or an EMA copy of it) as weights.
  graph::Weights weights(const at::Tensor& flat) const;

 private:
  struct Slot {
    std::int64_t offset;
    std::vector<std::int64_t> shape;
    at::Tensor value;
  };
  at::Tensor view(const at::Tensor& flat, std::int64_t offset,
                  const std::vector<std::int64_t>& shape) const;

  at::Tensor flat_, gradient_;
  std::vector<Parameter> parameters_;
  std::map<std::string, Slot> slots_;
};

}  // namespace oko::train
