#pragma once

#include <vector>

#include "oko/graph/network.h"
#include "oko/train/aten.h"

namespace oko::bench {

// A network written with plain LibTorch operations and one tensor per parameter, as in tutorials:
// the baseline for oko's training. Supports the layers of YOLOv3, YOLOv3-tiny and YOLO-Fastest.
class PlainNetwork {
 public:
  // The network must have weights.
  PlainNetwork(const graph::Network& network, at::MemoryFormat format);

  // Raw outputs of all heads, float32. Trains: batch statistics, dropout, gradients.
  std::vector<at::Tensor> forward(const at::Tensor& input);

  // SGD with momentum and weight decay; clears all gradients.
  void update(double rate, double momentum, double decay);

 private:
  struct Convolution {
    at::Tensor kernel, bias, scale, mean, variance;  // the last three with batch norm only
  };
  at::Tensor convolve(const graph::Convolution& settings, Convolution& own, const at::Tensor& x);

  graph::Network network_;
  at::MemoryFormat format_;
  std::vector<Convolution> convolutions_;  // by layer
  std::vector<at::Tensor> parameters_, velocities_;
};

}  // namespace oko::bench
