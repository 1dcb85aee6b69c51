#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/formats/ncnn/tail.h"
#include "oko/graph/tensor.h"

namespace oko::formats::ncnn {

// Computes a tail.
class TailValues {
 public:
  // `constants`: the blobs of MemoryData, and the kernels of convolutions by their lines' names.
  TailValues(const Tail& tail, std::map<std::string, graph::Tensor> constants);

  // What the file makes of these values of `inputs`, of [channels, rows, columns]: the blobs that
  // no line reads, and then the others that can be computed, from the last one. All have a first
  // dimension of 1. Throws input Errors for settings of lines that are no numbers.
  std::vector<graph::Tensor> operator()(std::vector<graph::Tensor> inputs) const;

 private:
  std::vector<Line> lines_;
  std::vector<std::string> inputs_, unread_;
  std::map<std::string, graph::Tensor> constants_;
};

}  // namespace oko::formats::ncnn
