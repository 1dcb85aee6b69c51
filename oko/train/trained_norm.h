#pragma once

#include "oko/graph/network.h"
#include "oko/train/aten.h"
#include "oko/train/workers.h"

namespace oko::train {

// A batch norm that is trained: its parameters and running statistics, each [channels], float32 and
// contiguous. A pass in training updates the statistics: new = momentum·old + (1 − momentum)·batch,
// with the unbiased variance (n − 1). With norm.epsilon_outside_root, as Darknet trains: the batch
// variance is also unbiased, statistics are summed in Darknet's order, and the backward pass uses
// its epsilon.
struct TrainedNorm {
  at::Tensor scale, bias, mean, variance;
  double momentum = 0;
  graph::BatchNorm norm;
  Workers* workers = nullptr;  // all of whose batches together are the batch; null: the own
};

}  // namespace oko::train
